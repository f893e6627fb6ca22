//! Hears hints: a worker's own requests, and "there is work".

use super::link::{self, BrokerUrlError, SessionEnd};
use super::{Bell, BrokerSettings, ControlMessage, publisher};
use futures_util::stream::{self, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};
use operation::{AttemptNumber, CancelMode, Kind, Nonce, OperationId, WorkerId};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// A request to this worker, as the message tells it. But for a cancel with a nonce and a mode, the row may tell otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Somebody asks to cancel.
    Cancel {
        /// The operation.
        operation: OperationId,
        /// The attempt that stood when it was asked.
        attempt: AttemptNumber,
        /// Its nonce: who knows it has read the row after the request. Versions of before send none.
        nonce: Option<Nonce>,
        /// How it was asked to stop, if that was told and is known here.
        mode: Option<CancelMode>,
        /// W3C traceparent of the request.
        trace_parent: Option<String>,
    },
    /// Somebody asks to pause.
    Pause {
        /// The operation.
        operation: OperationId,
        /// The attempt that stood when it was asked.
        attempt: AttemptNumber,
        /// W3C traceparent of the request.
        trace_parent: Option<String>,
    },
}

/// What a worker hears.
#[derive(Debug)]
pub struct Listener {
    /// Requests, in the order they came.
    pub controls: mpsc::Receiver<Control>,
    /// Rings when there may be work.
    pub work: Arc<Bell>,
    /// Whether the connection stands.
    pub up: watch::Receiver<bool>,
}

impl Listener {
    /// Starts the connection's keeper; returns at once, broker or not. When the worker takes a new identity it
    /// listens under the new one.
    ///
    /// # Errors
    /// The URL is not one.
    pub fn start(
        settings: BrokerSettings,
        identity: watch::Receiver<WorkerId>,
        kinds: Vec<Kind>,
        shutdown: CancellationToken,
    ) -> Result<Self, BrokerUrlError> {
        let target = link::parse(&settings)?;
        let (sender, controls) = mpsc::channel(4096);
        let (up_sender, up) = watch::channel(false);
        let work = Arc::new(Bell::default());
        let process = settings.process;
        let ears = Arc::new(Ears { settings, identity, kinds, controls: sender, work: work.clone() });
        tokio::spawn(link::keep_up("consume", target, process, up_sender, shutdown, move |connection, up| {
            let ears = ears.clone();
            async move { session(&ears, &connection, &up).await }
        }));
        Ok(Self { controls, work, up })
    }
}

/// What every session needs.
struct Ears {
    settings: BrokerSettings,
    identity: watch::Receiver<WorkerId>,
    kinds: Vec<Kind>,
    controls: mpsc::Sender<Control>,
    work: Arc<Bell>,
}

async fn session(ears: &Ears, connection: &Connection, up: &watch::Sender<bool>) -> Result<(), SessionEnd> {
    let Ears { settings, identity, kinds, controls, work } = ears;
    let mut identity = identity.clone();
    // A lane of its own for each: a cancel never waits behind a work hint.
    let (control_channel, work_channel) = (connection.create_channel().await?, connection.create_channel().await?);
    publisher::declare(settings, &control_channel).await?;
    let worker = *identity.borrow_and_update();
    let mut requests = consume_controls(settings, &control_channel, worker).await?;
    let mut hints = stream::select_all(consume_work(settings, &work_channel, kinds).await?);
    link::mark_up("consume", up);
    // Work may have come while nobody listened.
    work.ring(kinds.iter().cloned());
    loop {
        tokio::select! {
            biased;
            delivery = requests.next() => {
                // The stream also ends, without an error, when the broker takes the queue away.
                let delivery = delivery.ok_or(SessionEnd::ConsumerEnded)??;
                if let Some(control) = read(&delivery) {
                    // When nobody takes them any more, the renewal delivers them.
                    let _ = controls.try_send(control);
                } else {
                    tracing::warn!("a message on the control queue is not one of ours: dropped");
                }
            }
            delivery = hints.next() => {
                let delivery = delivery.ok_or(SessionEnd::ConsumerEnded)??;
                // A kind that only a newer version knows is no work for us.
                work.ring(delivery.routing_key.as_str().parse());
                // `false` means the channel is gone, which looks like success otherwise.
                if !delivery.acker.ack(BasicAckOptions::default()).await? {
                    return Err(SessionEnd::ConsumerEnded);
                }
            }
            changed = identity.changed() => {
                return if changed.is_ok() { Err(SessionEnd::NewIdentity) } else { Ok(()) };
            }
        }
    }
}

/// A queue of this connection alone, named by the broker: it goes with the connection, so a name of ours would race
/// with its own clean-up when we reconnect.
pub(super) async fn own_queue(channel: &Channel, arguments: FieldTable) -> Result<String, SessionEnd> {
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    Ok(channel.queue_declare("".into(), options, arguments).await?.name().to_string())
}

async fn consume_controls(
    settings: &BrokerSettings,
    channel: &Channel,
    worker: WorkerId,
) -> Result<Consumer, SessionEnd> {
    let queue = own_queue(channel, FieldTable::default()).await?;
    let bind = QueueBindOptions::default();
    channel
        .queue_bind(
            queue.clone().into(),
            settings.control_exchange().into(),
            worker.to_string().into(),
            bind,
            FieldTable::default(),
        )
        .await?;
    // Without acks: a request that is lost here comes with the next renewal.
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    Ok(channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?)
}

/// A thousand hints of a kind say no more than one: its queue keeps one message, and one is out at a time.
async fn consume_work(
    settings: &BrokerSettings,
    channel: &Channel,
    kinds: &[Kind],
) -> Result<Vec<Consumer>, SessionEnd> {
    // For each consumer by itself.
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let mut consumers = Vec::new();
    for kind in kinds {
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
        let queue = own_queue(channel, arguments).await?;
        channel
            .queue_bind(
                queue.clone().into(),
                settings.work_exchange().into(),
                kind.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let options = BasicConsumeOptions::default();
        consumers.push(channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?);
    }
    Ok(consumers)
}

fn read(delivery: &Delivery) -> Option<Control> {
    let headers = delivery.properties.headers().as_ref();
    let trace_parent = headers.and_then(|headers| headers.inner().get("traceparent")).and_then(|value| {
        if let AMQPValue::LongString(text) = value { String::from_utf8(text.as_bytes().to_vec()).ok() } else { None }
    });
    Some(match serde_json::from_slice(&delivery.data).ok()? {
        ControlMessage::Cancel { operation, attempt, nonce, mode } => {
            Control::Cancel { operation, attempt, nonce, mode, trace_parent }
        }
        ControlMessage::Pause { operation, attempt } => Control::Pause { operation, attempt, trace_parent },
    })
}
