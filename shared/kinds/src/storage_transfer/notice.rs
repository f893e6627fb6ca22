//! What is said of the end of a transfer: the vendor's `TransferOperation`, and its Pub/Sub attributes as headers
//! (google.storagetransfer.v1.NotificationConfig).

use super::{KIND, NotificationEvent, PayloadFormat, StorageTransfer, TransferNotification, TransferOperation};
use crate::Parameters;
use crate::notice::{Message, Notice, Notices};
use operation::{OperationView, State};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What is told of the ends of transfers.
pub static NOTICES: Notices = Notices { kind: KIND, of: notice };

fn notice(operation: OperationView<'_>) -> Notice {
    let transfer = match StorageTransfer::from_spec(operation.spec) {
        Ok(transfer) => transfer,
        Err(error) => return Notice::Unreadable(error.to_string()),
    };
    let (Some(notification), Some(event)) = (&transfer.notification, event_of(operation.state)) else {
        return Notice::NotAskedFor;
    };
    if !notification.wants(event) {
        return Notice::NotAskedFor;
    }
    let Some(routing_key) = notification.routing_key(operation.project) else { return Notice::NoSuchTopic };
    let shown = TransferOperation::of(operation);
    Notice::Message(Message {
        routing_key,
        headers: attributes(&shown, notification, event),
        subject: shown.name.clone(),
        data: match notification.payload {
            PayloadFormat::None => None,
            PayloadFormat::Json => Some(without_places(&shown)),
        },
    })
}

const fn event_of(state: State) -> Option<NotificationEvent> {
    match state {
        State::Succeeded => Some(NotificationEvent::Success),
        State::Failed => Some(NotificationEvent::Failed),
        State::Cancelled => Some(NotificationEvent::Aborted),
        State::Pending | State::Running | State::Paused => None,
    }
}

/// As the vendor's messages bear them.
fn attributes(
    shown: &TransferOperation,
    notification: &TransferNotification,
    event: NotificationEvent,
) -> Vec<(&'static str, String)> {
    vec![
        ("eventType", event.as_str().to_owned()),
        ("payloadFormat", notification.payload.as_str().to_owned()),
        ("projectId", shown.project.to_string()),
        ("transferJobName", shown.job.clone().unwrap_or_default()),
        ("transferOperationName", shown.name.clone()),
    ]
}

/// The operation without what it was asked to do: that tells of places, and is the api's to show.
fn without_places(shown: &TransferOperation) -> Value {
    let counters: Map<_, _> = shown.counters.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
    let mut told = json!({
        "name": shown.name,
        "projectId": shown.project.as_str(),
        "status": shown.status.as_str(),
        "counters": counters,
        "errorBreakdowns": shown.errors,
    });
    for (name, value) in [
        ("transferJobName", shown.job.clone()),
        // One that was cancelled while it waited never began.
        ("startTime", shown.start_time.map(text)),
        ("endTime", shown.end_time.map(text)),
    ] {
        if let Some(value) = value {
            told[name] = json!(value);
        }
    }
    told
}

fn text(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}
