//! Sends what must arrive: messages for people outside, whose sender learns whether the broker has them.

use super::link::{self, BrokerUrlError, SessionEnd};
use super::{BrokerSettings, publisher};
use crate::failpoint;
use futures_util::stream::{FuturesUnordered, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ExchangeKind, PublisherConfirm};
use prometheus::{IntCounterVec, register_int_counter_vec};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Messages that wait to be sent; who has more waits.
const QUEUE: usize = 64;
/// Messages sent and not confirmed yet.
const UNCONFIRMED: usize = 256;
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// The broker keeps it over a restart, where its queue is durable.
const PERSISTENT: u8 = 2;

static NOTIFICATIONS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "safepoint_notifications_total",
        "Messages to people outside, by what the broker said of them; unrouted ones nobody was bound to",
        &["result"]
    )
    .expect("the metric's name is ours alone")
});

/// A message to whoever is bound to the exchange of notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Whom it is for: the topic exchange's routing key, at most 255 bytes.
    pub routing_key: String,
    /// Tells it from others, and is the same when it is sent again.
    pub id: String,
    /// What the body is.
    pub content_type: &'static str,
    /// What consumers can look at without the body.
    pub headers: Vec<(&'static str, String)>,
    /// What it says.
    pub body: Vec<u8>,
}

/// The broker has not confirmed a message. It may have it all the same: who sends it again may send it twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the broker has not confirmed the message")]
pub struct NotConfirmed;

/// Sends notifications. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notifier {
    queue: mpsc::Sender<Asked>,
    up: watch::Receiver<bool>,
}

/// A message, and who waits to hear that the broker has it: dropped where it has not.
#[derive(Debug)]
struct Asked {
    notification: Notification,
    confirmed: oneshot::Sender<()>,
}

impl Notifier {
    /// Starts the connection's keeper; returns at once, broker or not.
    ///
    /// # Errors
    /// The URL is not one.
    pub fn start(settings: BrokerSettings, shutdown: CancellationToken) -> Result<Self, BrokerUrlError> {
        let target = link::parse(&settings)?;
        let (queue, asked) = mpsc::channel(QUEUE);
        let (up_sender, up) = watch::channel(false);
        let asked = Arc::new(Mutex::new(asked));
        let process = settings.process;
        let settings = Arc::new(settings);
        tokio::spawn(link::keep_up("notify", target, process, up_sender, shutdown, move |connection, up| {
            let (settings, asked) = (settings.clone(), asked.clone());
            // Locked for the length of a session: there is only ever one.
            async move { session(&settings, &connection, &up, &mut *asked.lock().await).await }
        }));
        Ok(Self { queue, up })
    }

    /// Sends a message, and returns when the broker has it: on disk, where its queues are durable; or had nobody to give it
    /// to. May be dropped at any time: then nobody knows.
    ///
    /// # Errors
    /// [`NotConfirmed`]: the connection does not stand or broke, or the broker refuses.
    pub async fn send(&self, notification: Notification) -> Result<(), NotConfirmed> {
        if !self.is_up() {
            return Err(NotConfirmed);
        }
        let (confirmed, heard) = oneshot::channel();
        self.queue.send(Asked { notification, confirmed }).await.map_err(|_| NotConfirmed)?;
        heard.await.map_err(|_| NotConfirmed)
    }

    /// Whether the connection stands and is not held back.
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Waits until the connection stands.
    pub async fn wait_up(&mut self) {
        // The sender lives as long as the keeper; when it is gone the process ends.
        let _ = self.up.wait_for(|up| *up).await;
    }
}

async fn session(
    settings: &BrokerSettings,
    connection: &Connection,
    up: &watch::Sender<bool>,
    asked: &mut mpsc::Receiver<Asked>,
) -> Result<(), SessionEnd> {
    let mut events = Box::pin(connection.events_listener());
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let exchange = settings.notifications_exchange();
    channel.exchange_declare(exchange.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    // Who was queued before a break learns of it.
    while asked.try_recv().is_ok() {}
    link::mark_up("notify", up);
    // With this function's end who waits for an answer learns that there is none.
    let mut unconfirmed = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            event = events.next() => publisher::heed(event, up)?,
            Some(answered) = unconfirmed.next() => answer(answered)?,
            next = asked.recv(), if unconfirmed.len() < UNCONFIRMED => {
                let Some(Asked { notification, confirmed }) = next else { return Ok(()) };
                let Ok(key) = ShortString::try_new(notification.routing_key.as_str()) else {
                    NOTIFICATIONS.with_label_values(&["unsendable"]).inc();
                    continue;
                };
                let sent = failpoint::around!("broker.notify", publish(settings, &channel, &key, &notification).await)?;
                unconfirmed.push(async move { (confirmed, tokio::time::timeout(CONFIRM_TIMEOUT, sent).await) });
            }
        }
    }
}

type Answered = (oneshot::Sender<()>, Result<lapin::Result<Confirmation>, tokio::time::error::Elapsed>);

fn answer((confirmed, answered): Answered) -> Result<(), SessionEnd> {
    let confirmation = answered.map_err(|_| SessionEnd::Timeout)??;
    let result = result(&confirmation);
    NOTIFICATIONS.with_label_values(&[result]).inc();
    if result != REFUSED {
        // Who has gone meanwhile sends it again.
        let _ = confirmed.send(());
    }
    Ok(())
}

const REFUSED: &str = "refused";

/// As for a topic of Pub/Sub that nobody subscribes to: what nobody is bound to is gone, and counts as sent.
fn result(confirmation: &Confirmation) -> &'static str {
    match confirmation {
        Confirmation::Ack(None) => "confirmed",
        Confirmation::Ack(Some(_)) => "unrouted",
        // A queue that is full, or broken. An answer that was not asked for tells nothing.
        Confirmation::Nack(_) | Confirmation::NotRequested => REFUSED,
    }
}

async fn publish(
    settings: &BrokerSettings,
    channel: &Channel,
    key: &ShortString,
    notification: &Notification,
) -> Result<PublisherConfirm, SessionEnd> {
    let Notification { routing_key: _, id, content_type, headers, body } = notification;
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert((*name).into(), AMQPValue::LongString(value.as_str().into()));
    }
    let properties = BasicProperties::default()
        .with_content_type((*content_type).into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(id.as_str().into())
        .with_headers(table);
    // Mandatory: what no queue takes comes back, and is counted.
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let exchange = settings.notifications_exchange();
    Ok(channel.basic_publish(exchange.into(), key.clone(), options, body, properties).await?)
}
