//! The message of an operation's end: a `CloudEvent` (<https://github.com/cloudevents/spec>, 1.0) in structured content mode,
//! around what the vendor says of it. The vendor's attributes are headers: `CloudEvents` has no capitals in the names of its own.

use kinds::Message;
use runtime::broker::Notification;
use serde_json::{Value, json};
use store::Operation;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub fn notification(operation: &Operation, message: Message) -> Notification {
    let Message { routing_key, headers, subject, data } = message;
    Notification {
        routing_key,
        id: operation.id.to_string(),
        content_type: "application/cloudevents+json; charset=utf-8",
        headers,
        body: cloud_event(operation, &subject, data).to_string().into_bytes(),
    }
}

fn cloud_event(operation: &Operation, subject: &str, data: Option<Value>) -> Value {
    let mut event = json!({
        "specversion": "1.0",
        // The same each time that it is sent.
        "id": operation.id.to_string(),
        "source": format!("/projects/{}", operation.project),
        "type": format!("safepoint.{}.{}", operation.kind, operation.state.as_str().to_lowercase()),
        "subject": subject,
        "time": operation.finish_time.map(text),
    });
    if let Some(data) = data {
        event["datacontenttype"] = json!("application/json");
        event["data"] = data;
    }
    event
}

fn text(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}
