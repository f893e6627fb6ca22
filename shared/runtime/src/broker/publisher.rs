//! Sends hints, after the commit, in the background.

use super::link::{self, BrokerUrlError, SessionEnd};
use super::{BrokerSettings, ControlMessage, Hint, changes};
use crate::failpoint;
use futures_util::stream::{FuturesUnordered, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Event, ExchangeKind};
use operation::{Fence, OperationId};
use prometheus::{IntCounterVec, register_int_counter_vec};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::error::Elapsed;
use tokio_util::sync::CancellationToken;

/// Hints that wait to be sent. More than that are dropped: the other roads deliver them.
const QUEUE: usize = 4096;
/// Hints sent and not confirmed yet: a blocked connection must not fill our memory.
const UNCONFIRMED: usize = 512;
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// Ids of changed operations that wait to be sent, and how many of them a message holds.
const CHANGED_QUEUE: usize = 16_384;
const CHANGED_BATCH: usize = 256;

const CHANGED: &str = "changed";

static HINTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "safepoint_hints_total",
        "Hints by what became of them; only a confirmed one counts as sent",
        &["hint", "result"]
    )
    .expect("the metric's name is ours alone")
});

/// Sends hints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    queue: mpsc::Sender<Hint>,
    changed: mpsc::Sender<OperationId>,
    up: watch::Receiver<bool>,
}

/// What waits to be sent. Changes have a lane of their own: a cancel never waits behind them.
struct Waiting {
    hints: mpsc::Receiver<Hint>,
    changed: mpsc::Receiver<OperationId>,
}

impl Publisher {
    /// Starts the connection's keeper; returns at once, broker or not.
    ///
    /// # Errors
    /// The URL is not one.
    pub fn start(settings: BrokerSettings, shutdown: CancellationToken) -> Result<Self, BrokerUrlError> {
        let target = link::parse(&settings)?;
        let (queue, hints) = mpsc::channel(QUEUE);
        let (changed, to_tell) = mpsc::channel(CHANGED_QUEUE);
        let (up_sender, up) = watch::channel(false);
        let waiting = Arc::new(Mutex::new(Waiting { hints, changed: to_tell }));
        let process = settings.process;
        let settings = Arc::new(settings);
        tokio::spawn(link::keep_up("publish", target, process, up_sender, shutdown, move |connection, up| {
            let (settings, waiting) = (settings.clone(), waiting.clone());
            // Locked for the length of a session: there is only ever one.
            async move { session(&settings, &connection, &up, &mut *waiting.lock().await).await }
        }));
        Ok(Self { queue, changed, up })
    }

    /// Sends a hint if it can be sent now. Never waits, never fails: a lost hint costs time, nothing else.
    pub fn send(&self, hint: Hint) {
        let name = name(&hint);
        if !self.is_up() || !self.queued(hint) {
            HINTS.with_label_values(&[name, "dropped"]).inc();
        }
    }

    /// Whether there was room for all of it.
    fn queued(&self, hint: Hint) -> bool {
        match hint {
            Hint::Changed { operations } => operations.into_iter().all(|id| self.changed.try_send(id).is_ok()),
            hint @ (Hint::Cancel { .. } | Hint::Pause { .. } | Hint::Work { .. }) => self.queue.try_send(hint).is_ok(),
        }
    }

    /// Whether the connection stands and is not held back.
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Waits until the connection stands: for a process that wants to start with its broker, and for tests.
    pub async fn wait_up(&mut self) {
        // The sender lives as long as the keeper; when it is gone the process ends.
        let _ = self.up.wait_for(|up| *up).await;
    }
}

async fn session(
    settings: &BrokerSettings,
    connection: &Connection,
    up: &watch::Sender<bool>,
    Waiting { hints, changed }: &mut Waiting,
) -> Result<(), SessionEnd> {
    let mut events = Box::pin(connection.events_listener());
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    declare(settings, &channel).await?;
    // What was queued before a break is stale.
    while hints.try_recv().is_ok() || changed.try_recv().is_ok() {}
    link::mark_up("publish", up);
    let mut unconfirmed = FuturesUnordered::new();
    let mut operations = Vec::new();
    let mut changes_are_out = false;
    loop {
        let hint = tokio::select! {
            biased;
            event = events.next() => {
                heed(event, up)?;
                continue;
            }
            Some((name, confirmed)) = unconfirmed.next() => {
                let confirmed: Result<lapin::Result<Confirmation>, Elapsed> = confirmed;
                let confirmed = confirmed.map_err(|_| SessionEnd::Timeout)??;
                HINTS.with_label_values(&[name, result(&confirmed)]).inc();
                changes_are_out &= name != CHANGED;
                continue;
            }
            hint = hints.recv(), if unconfirmed.len() < UNCONFIRMED => hint,
            // One message of changes is out at a time: what comes meanwhile goes in the next one.
            count = changed.recv_many(&mut operations, CHANGED_BATCH), if !changes_are_out => {
                changes_are_out = true;
                (count > 0).then(|| Hint::Changed { operations: std::mem::take(&mut operations) })
            }
        };
        let Some(hint) = hint else { return Ok(()) };
        let name = name(&hint);
        let confirm = failpoint::around!("broker.publish", publish(settings, &channel, &hint).await)?;
        unconfirmed.push(async move { (name, tokio::time::timeout(CONFIRM_TIMEOUT, confirm).await) });
    }
}

/// What the connection says of itself.
pub(super) fn heed(event: Option<Event>, up: &watch::Sender<bool>) -> Result<(), SessionEnd> {
    match event {
        Some(Event::Error(error)) => return Err(error.into()),
        Some(Event::ConnectionBlocked(_)) => {
            up.send_replace(false);
        }
        Some(Event::ConnectionUnblocked) => {
            up.send_replace(true);
        }
        Some(_) => {}
        None => return Err(SessionEnd::ConsumerEnded),
    }
    Ok(())
}

/// Declares what both sides use; whoever comes first.
pub(super) async fn declare(settings: &BrokerSettings, channel: &Channel) -> Result<(), SessionEnd> {
    for (exchange, kind) in [
        (settings.control_exchange(), ExchangeKind::Direct),
        (settings.work_exchange(), ExchangeKind::Direct),
        (settings.changed_exchange(), ExchangeKind::Fanout),
    ] {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(exchange.into(), kind, options, FieldTable::default()).await?;
    }
    Ok(())
}

async fn publish(
    settings: &BrokerSettings,
    channel: &Channel,
    hint: &Hint,
) -> Result<lapin::PublisherConfirm, SessionEnd> {
    // Mandatory: what no queue takes comes back, and does not count as sent. Of changes nobody need hear.
    let mandatory = !matches!(hint, Hint::Changed { .. });
    let (exchange, key, body, trace_parent) = match hint {
        Hint::Cancel { worker, fence: Fence { id, attempt, nonce }, mode, trace_parent } => (
            settings.control_exchange(),
            worker.to_string(),
            control(ControlMessage::Cancel { operation: *id, attempt: *attempt, nonce: Some(*nonce), mode: *mode }),
            trace_parent.as_ref(),
        ),
        Hint::Pause { worker, operation, attempt, trace_parent } => (
            settings.control_exchange(),
            worker.to_string(),
            control(ControlMessage::Pause { operation: *operation, attempt: *attempt }),
            trace_parent.as_ref(),
        ),
        Hint::Work { kind, trace_parent } => {
            (settings.work_exchange(), kind.to_string(), Vec::new(), trace_parent.as_ref())
        }
        Hint::Changed { operations } => (settings.changed_exchange(), String::new(), changes::body(operations), None),
    };
    let mut headers = FieldTable::default();
    if let Some(trace_parent) = trace_parent {
        headers.insert("traceparent".into(), AMQPValue::LongString(trace_parent.as_str().into()));
    }
    let properties = BasicProperties::default().with_content_type("application/json".into()).with_headers(headers);
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    Ok(channel.basic_publish(exchange.into(), key.into(), options, &body, properties).await?)
}

fn control(message: ControlMessage) -> Vec<u8> {
    serde_json::to_vec(&message).expect("ids and numbers are always valid JSON")
}

fn result(confirmation: &Confirmation) -> &'static str {
    match confirmation {
        Confirmation::Ack(None) => "confirmed",
        Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => "returned",
        Confirmation::Nack(None) => "refused",
        Confirmation::NotRequested => "unconfirmed",
    }
}

fn name(hint: &Hint) -> &'static str {
    match hint {
        Hint::Cancel { .. } => "cancel",
        Hint::Pause { .. } => "pause",
        Hint::Work { .. } => "work",
        Hint::Changed { .. } => CHANGED,
    }
}
