//! Who is told of the ends of a job's runs (google.storagetransfer.v1.NotificationConfig): the vendor's topics are routing keys
//! of an AMQP exchange here.

use super::wire;
use crate::wire::error::Violations;
use crate::wire::fields::{Fields, Words};
use kinds::storage_transfer::{NotificationEvent, PayloadFormat, TransferNotification};
use operation::ProjectId;

/// The vendor's events, in the order of their numbers.
const EVENTS: Words<NotificationEvent> = Words {
    none: "EVENT_TYPE_UNSPECIFIED",
    others: &[
        (NotificationEvent::Success.as_str(), NotificationEvent::Success),
        (NotificationEvent::Failed.as_str(), NotificationEvent::Failed),
        (NotificationEvent::Aborted.as_str(), NotificationEvent::Aborted),
    ],
};
const FORMATS: Words<PayloadFormat> = Words {
    none: "PAYLOAD_FORMAT_UNSPECIFIED",
    others: &[(PayloadFormat::None.as_str(), PayloadFormat::None), (PayloadFormat::Json.as_str(), PayloadFormat::Json)],
};

/// Reads a configuration of a project's job; nothing where something of it is wrong.
pub fn read(mut fields: Fields, project: &ProjectId, violations: &mut Violations) -> Option<TransferNotification> {
    let topic = fields.text("pubsubTopic", violations);
    match &topic {
        None => violations.add(fields.path("pubsubTopic"), "is required"),
        Some(topic) if !is_topic(topic, project) => {
            let wrong = format!(
                "must be projects/{project}/topics/ and a letter, then 2 to 254 letters, digits or any of -._~%+"
            );
            violations.add(fields.path("pubsubTopic"), wrong);
        }
        Some(_) => {}
    }
    let mut events = Vec::new();
    for event in fields.words("eventTypes", &EVENTS, violations) {
        if !events.contains(&event) {
            events.push(event);
        }
    }
    let payload = fields.word("payloadFormat", &FORMATS, violations);
    if payload.is_none() {
        violations.add(fields.path("payloadFormat"), "is required: NONE or JSON");
    }
    fields.finish(violations);
    Some(TransferNotification { topic: topic?, events, payload: payload? })
}

/// As Pub/Sub names topics (<https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names>), in the job's own project.
fn is_topic(name: &str, project: &ProjectId) -> bool {
    let topic = name.strip_prefix(&format!("projects/{project}/topics/")).unwrap_or_default();
    (3..=255).contains(&topic.len())
        && topic.starts_with(|first: char| first.is_ascii_alphabetic())
        && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%+".contains(&byte))
}

/// As the vendor shows it.
pub fn show(notification: &TransferNotification) -> wire::NotificationConfig {
    wire::NotificationConfig {
        pubsub_topic: notification.topic.clone(),
        event_types: notification.events.iter().map(|event| event.as_str()).collect(),
        payload_format: notification.payload.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(body: &str, expected: Result<&str, &str>) {
        let mut violations = Violations::default();
        let fields = Fields::parse(body.as_bytes()).unwrap();
        let read = read(fields, &"p".parse().unwrap(), &mut violations);
        match (violations.into_result(), expected) {
            (Ok(()), Ok(shown)) => {
                let got = serde_json::to_value(show(&read.expect(body))).unwrap();
                assert_eq!(got, serde_json::from_str::<serde_json::Value>(shown).unwrap(), "{body}");
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{body}: {error}"),
            (got, expected) => panic!("{body}: {got:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_configuration_is_shown_as_it_was_given() {
        let full = r#"{"pubsubTopic":"projects/p/topics/ends","eventTypes":["TRANSFER_OPERATION_FAILED"],"payloadFormat":"JSON"}"#;
        check(full, Ok(full));
        // As Google's other client sends it.
        let numbers = r#"{"pubsub_topic":"projects/p/topics/ends","event_types":[2,2],"payload_format":2}"#;
        check(numbers, Ok(full));
        let all = json!({"pubsubTopic": "projects/p/topics/a-._~%+", "payloadFormat": "NONE"}).to_string();
        check(&all, Ok(&all));
    }

    #[test]
    fn what_is_wrong_is_named() {
        check("{}", Err("pubsubTopic: is required"));
        check(r#"{"pubsubTopic":"projects/p/topics/ends"}"#, Err("payloadFormat: is required"));
        check(r#"{"pubsubTopic":"projects/p/topics/ends","payloadFormat":0}"#, Err("payloadFormat: is required"));
        check(r#"{"payloadFormat":"XML"}"#, Err("payloadFormat: must be one of NONE, JSON"));
        check(r#"{"eventTypes":["SUCCESS"]}"#, Err("eventTypes[0]: must be one of TRANSFER_OPERATION_SUCCESS"));
        check(r#"{"eventTypes":"x"}"#, Err("eventTypes: must be a list of strings"));
        check(r#"{"topic":"x"}"#, Err("topic: is not a field of this message"));
        for topic in [
            "ends",
            "projects/q/topics/ends",
            "projects/p/topics/",
            "projects/p/topics/ab",
            "projects/p/topics/1abc",
            "projects/p/topics/a/b",
            "projects/p/topics/a*c",
            "projects/p/topics/a#c",
            &format!("projects/p/topics/{}", "a".repeat(256)),
        ] {
            let body = json!({"pubsubTopic": topic, "payloadFormat": "JSON"}).to_string();
            check(&body, Err("pubsubTopic: must be projects/p/topics/ and a letter"));
        }
    }
}
