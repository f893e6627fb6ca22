//! Hears which operations have changed: what an api listens to.

use super::link::{self, BrokerUrlError, SessionEnd};
use super::{BrokerSettings, listener, publisher};
use futures_util::stream::StreamExt;
use lapin::Connection;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions};
use lapin::types::{AMQPValue, FieldTable};
use operation::OperationId;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Messages that the broker keeps for a replica that is slow: then the oldest go. A look at the rows finds them.
const KEPT: i32 = 256;
/// Messages that it sends ahead.
const AHEAD: u16 = 16;
/// So many are acked together, since each ack costs as much as a message: fewer than are sent ahead, or none would come any
/// more.
const ACKED: u16 = 8;
/// When nothing more comes. A broker closes the channel on which a message is unacked for half an hour.
const ACKED_WITHIN: Duration = Duration::from_secs(5);

/// What an api hears.
#[derive(Debug)]
pub struct Changes {
    /// The ids of a message. They may have changed; their rows tell.
    pub operations: mpsc::Receiver<Vec<OperationId>>,
    /// Whether the connection stands.
    pub up: watch::Receiver<bool>,
}

impl Changes {
    /// Starts the connection's keeper; returns at once, broker or not.
    ///
    /// # Errors
    /// The URL is not one.
    pub fn start(settings: BrokerSettings, shutdown: CancellationToken) -> Result<Self, BrokerUrlError> {
        let target = link::parse(&settings)?;
        let (sender, operations) = mpsc::channel(usize::from(AHEAD));
        let (up_sender, up) = watch::channel(false);
        let process = settings.process;
        tokio::spawn(link::keep_up("changes", target, process, up_sender, shutdown, move |connection, up| {
            let (settings, sender) = (settings.clone(), sender.clone());
            async move { session(&settings, &connection, &up, &sender).await }
        }));
        Ok(Self { operations, up })
    }
}

async fn session(
    settings: &BrokerSettings,
    connection: &Connection,
    up: &watch::Sender<bool>,
    heard: &mpsc::Sender<Vec<OperationId>>,
) -> Result<(), SessionEnd> {
    let channel = connection.create_channel().await?;
    publisher::declare(settings, &channel).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(KEPT));
    let queue = listener::own_queue(&channel, arguments).await?;
    let (bind, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(queue.clone().into(), settings.changed_exchange().into(), "".into(), bind, none).await?;
    // With acks, unlike the requests to a worker: what is not asked for must pile up in the broker's bounded queue, not in
    // our memory.
    channel.basic_qos(AHEAD, BasicQosOptions::default()).await?;
    let consume = BasicConsumeOptions::default();
    let mut messages = channel.basic_consume(queue.into(), "".into(), consume, FieldTable::default()).await?;
    link::mark_up("changes", up);
    let (mut last, mut unacked) = (0, 0);
    loop {
        let patience = if unacked == 0 { Duration::MAX } else { ACKED_WITHIN };
        let next = timeout(patience, messages.next()).await;
        let quiet = next.is_err();
        if let Ok(delivery) = next {
            // The stream also ends, without an error, when the broker takes the queue away.
            let delivery = delivery.ok_or(SessionEnd::ConsumerEnded)??;
            (last, unacked) = (delivery.delivery_tag, unacked + 1);
            if let Ok(operations) = serde_json::from_slice(&delivery.data) {
                // Waits while the looks are behind. Nobody hears any more when the process ends.
                if heard.send(operations).await.is_err() {
                    return Ok(());
                }
            } else {
                tracing::warn!("a message about changes is not one of ours: dropped");
            }
        }
        if quiet || unacked == ACKED {
            channel.basic_ack(last, BasicAckOptions { multiple: true }).await?;
            unacked = 0;
        }
    }
}

/// Ids alone.
pub(super) fn body(operations: &[OperationId]) -> Vec<u8> {
    serde_json::to_vec(operations).expect("ids are always valid JSON")
}
