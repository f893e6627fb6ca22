//! What is said of the end of a transfer: a `CloudEvent` (<https://github.com/cloudevents/spec>, 1.0) in structured content mode,
//! around the vendor's `TransferOperation`, and the vendor's Pub/Sub attributes as headers
//! (google.storagetransfer.v1.NotificationConfig).

use kinds::Parameters;
use kinds::storage_transfer::{
    ErrorSummary, NotificationEvent, PayloadFormat, StorageTransfer, TransferCounters, TransferNotification,
    TransferPosition,
};
use operation::State;
use runtime::broker::Notification;
use serde_json::{Map, Value, json};
use store::Operation;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What there is to tell of an operation's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telling {
    /// This.
    Message(Notification),
    /// Nothing: nobody asked to be told of such an end.
    NotAskedFor,
    /// This version can't read what is asked for, and a newer one may.
    Unreadable(String),
    /// It can't be told: the topic is none of the operation's project.
    NoSuchTopic,
}

/// What there is to tell of an operation's end, and to whom.
pub fn telling(operation: &Operation) -> Telling {
    let transfer = match StorageTransfer::from_spec(&operation.spec) {
        Ok(transfer) => transfer,
        Err(error) => return Telling::Unreadable(error.to_string()),
    };
    let (Some(notification), Some(event)) = (&transfer.notification, event_of(operation.state)) else {
        return Telling::NotAskedFor;
    };
    if !notification.wants(event) {
        return Telling::NotAskedFor;
    }
    let Some(routing_key) = notification.routing_key(&operation.project) else { return Telling::NoSuchTopic };
    Telling::Message(Notification {
        routing_key,
        id: operation.id.to_string(),
        content_type: "application/cloudevents+json; charset=utf-8",
        headers: attributes(operation, &transfer, notification, event),
        body: cloud_event(operation, &transfer, notification.payload).to_string().into_bytes(),
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

/// As the vendor's messages bear them. `CloudEvents` has no capitals in the names of its own attributes.
fn attributes(
    operation: &Operation,
    transfer: &StorageTransfer,
    notification: &TransferNotification,
    event: NotificationEvent,
) -> Vec<(&'static str, String)> {
    let format = match notification.payload {
        PayloadFormat::None => "NONE",
        PayloadFormat::Json => "JSON",
    };
    vec![
        ("eventType", event.as_str().to_owned()),
        ("payloadFormat", format.to_owned()),
        ("projectId", operation.project.to_string()),
        ("transferJobName", transfer.job.clone().unwrap_or_default()),
        ("transferOperationName", name(operation, transfer)),
    ]
}

fn cloud_event(operation: &Operation, transfer: &StorageTransfer, payload: PayloadFormat) -> Value {
    let mut event = json!({
        "specversion": "1.0",
        // The same each time that it is sent.
        "id": operation.id.to_string(),
        "source": format!("/projects/{}", operation.project),
        "type": format!("safepoint.{}.{}", operation.kind, operation.state.as_str().to_lowercase()),
        "subject": name(operation, transfer),
        "time": operation.finish_time.map(text),
    });
    match payload {
        PayloadFormat::None => {}
        PayloadFormat::Json => {
            event["datacontenttype"] = json!("application/json");
            event["data"] = transfer_operation(operation, transfer);
        }
    }
    event
}

/// The operation's name in the vendor's API.
fn name(operation: &Operation, transfer: &StorageTransfer) -> String {
    match transfer.job.as_deref().and_then(|job| job.strip_prefix("transferJobs/")) {
        Some(job) => format!("transferOperations/transferJobs-{job}-{}", operation.id),
        None => format!("transferOperations/{}", operation.id),
    }
}

/// google.storagetransfer.v1.TransferOperation, without what it was asked to do: that tells of places, and is the api's to show.
fn transfer_operation(operation: &Operation, transfer: &StorageTransfer) -> Value {
    // What can't be read is of another version, and its counters are nobody's business here.
    let position: TransferPosition =
        operation.checkpoint.clone().and_then(|position| serde_json::from_value(position).ok()).unwrap_or_default();
    let status = match operation.state {
        State::Pending => "QUEUED",
        State::Running => "IN_PROGRESS",
        State::Paused => "PAUSED",
        State::Succeeded => "SUCCESS",
        State::Failed => "FAILED",
        State::Cancelled => "ABORTED",
    };
    let mut told = json!({
        "name": name(operation, transfer),
        "projectId": operation.project.as_str(),
        "status": status,
        "counters": counters(&position.counters),
        "errorBreakdowns": position.errors.iter().map(breakdown).collect::<Vec<_>>(),
    });
    for (name, value) in [
        ("transferJobName", transfer.job.clone()),
        // One that was cancelled while it waited never began.
        ("startTime", operation.start_time.map(text)),
        ("endTime", operation.finish_time.map(text)),
    ] {
        if let Some(value) = value {
            told[name] = json!(value);
        }
    }
    told
}

/// The vendor's JSON has large numbers as text, and leaves out those that are 0.
fn counters(counters: &TransferCounters) -> Value {
    let Ok(Value::Object(counters)) = serde_json::to_value(counters) else { return json!({}) };
    let told =
        counters.into_iter().filter(|(_, count)| count != 0).map(|(name, count)| (name, json!(count.to_string())));
    Value::Object(told.collect::<Map<_, _>>())
}

fn breakdown(summary: &ErrorSummary) -> Value {
    let entry = |example: &kinds::storage_transfer::ErrorExample| json!({ "url": example.url, "errorDetails": [example.details] });
    json!({
        "errorCode": summary.code,
        "errorCount": summary.count.to_string(),
        "errorLogEntries": summary.examples.iter().map(entry).collect::<Vec<_>>(),
    })
}

fn text(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}
