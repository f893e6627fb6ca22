//! Hints over AMQP. A hint says "look at operation X"; the row decides (rule 0). That of a cancel names its attempt by
//! the nonce, which only who has read the row can send: it needs no look. Every promise holds without the broker, slower.
//! Notifications, to people outside, are the one thing that is sent for its own sake: they wait in our
//! database until the broker has them.
//!
//! lapin's own recovery gives up after some tries and forgets channels; ours reconnects for ever, with a connection
//! for publishing and one for consuming, so that a publisher held back by the broker does not hold back a cancel.

mod bell;
mod changes;
mod link;
mod listener;
mod notifier;
mod publisher;
mod tls;

pub use bell::Bell;
pub use changes::Changes;
pub use link::BrokerUrlError;
pub use listener::{Control, Listener};
pub use notifier::{NotConfirmed, Notification, Notifier};
pub use publisher::Publisher;

use crate::config::Secret;
use operation::{AttemptNumber, CancelMode, Fence, Kind, Nonce, OperationId, WorkerId};
use serde::{Deserialize, Deserializer, Serialize};
use std::path::PathBuf;

/// Where the broker is, and under which names we use it.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// `amqp://user:password@host:port/vhost`, or `amqps://…` by TLS.
    pub url: Secret,
    /// By TLS: the file of the authorities to trust (PEM), where they are not those that the machine trusts.
    pub authorities: Option<PathBuf>,
    /// Stands before the names of exchanges: several deployments can share a broker.
    pub namespace: String,
    /// What the broker shows as the connection's name.
    pub process: &'static str,
}

impl BrokerSettings {
    /// Requests to a worker: direct, by its id. Versioned, because a redeclaration with other arguments is refused.
    pub(crate) fn control_exchange(&self) -> String {
        format!("{}.control.v1", self.namespace)
    }

    /// "There is work of a kind": direct, by the kind.
    pub(crate) fn work_exchange(&self) -> String {
        format!("{}.work.v1", self.namespace)
    }

    /// "These operations have changed": to every api that listens.
    pub(crate) fn changed_exchange(&self) -> String {
        format!("{}.changed.v1", self.namespace)
    }

    /// What people outside are told: topic. They bind queues to it, so its name stays.
    pub fn notifications_exchange(&self) -> String {
        format!("{}.notifications", self.namespace)
    }
}

/// A hint to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// To the owner: a request to cancel this attempt is committed.
    Cancel {
        /// The owner.
        worker: WorkerId,
        /// The attempt, by its whole fence: who knows that has read the row.
        fence: Fence,
        /// How it was asked to stop; `None` where that is for the worker to read.
        mode: Option<CancelMode>,
        /// W3C traceparent of the request.
        trace_parent: Option<String>,
    },
    /// To the owner: somebody asks to pause this operation.
    Pause {
        /// The owner.
        worker: WorkerId,
        /// The operation.
        operation: OperationId,
        /// The attempt that stood when it was asked.
        attempt: AttemptNumber,
        /// W3C traceparent of the request.
        trace_parent: Option<String>,
    },
    /// To idle workers: there is work of this kind.
    Work {
        /// The kind.
        kind: Kind,
        /// W3C traceparent of the request.
        trace_parent: Option<String>,
    },
    /// To every api: these have changed; who waits for one of them looks at its row.
    Changed {
        /// The operations.
        operations: Vec<OperationId>,
    },
}

/// What stands in a control message: ids, never payloads. Versions of before send neither nonce nor mode with a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub(crate) enum ControlMessage {
    Cancel {
        operation: OperationId,
        attempt: AttemptNumber,
        nonce: Option<Nonce>,
        #[serde(default, deserialize_with = "known")]
        mode: Option<CancelMode>,
    },
    Pause {
        operation: OperationId,
        attempt: AttemptNumber,
    },
}

/// A mode that a newer version knows is none: the row tells what it is taken for.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CancelMode>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.and_then(|mode| mode.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replicas of two versions work together while one is replaced by the other.
    #[test]
    fn messages_of_other_versions_are_read() {
        let read = |more: &str| {
            let id = "01a21807-0f46-72d3-9699-dca2d8f13cc0";
            let text = format!(r#"{{"ask": "cancel", "operation": "{id}", "attempt": 3{more}}}"#);
            match serde_json::from_str(&text).expect("read") {
                ControlMessage::Cancel { attempt, nonce, mode, .. } => (attempt.0, nonce.is_some(), mode),
                message @ ControlMessage::Pause { .. } => panic!("{message:?}"),
            }
        };
        let nonce = r#", "nonce": "6d03d049-1edb-42b9-9f01-d9616a37bbde""#;
        assert_eq!(read(""), (3, false, None));
        assert_eq!(read(nonce), (3, true, None));
        assert_eq!(read(&format!(r#"{nonce}, "mode": "when_it_rains""#)), (3, true, None));
        let whole = format!(r#"{nonce}, "mode": "after_current_item", "more": 1"#);
        assert_eq!(read(&whole), (3, true, Some(CancelMode::AfterCurrentItem)));
    }
}
