//! Completion notifications: what there is to tell of the end of an operation whose owner asked for that.

use operation::{Kind, OperationView};
use serde_json::Value;

/// What a kind tells of the ends of its operations. They are found by a partial index on `operations` of the kind's own: see
/// `to_notify.sql`.
#[derive(Debug)]
pub struct Notices {
    /// The kind.
    pub kind: Kind,
    /// What there is to tell of an operation that has ended.
    pub of: fn(OperationView<'_>) -> Notice,
}

/// What there is to tell of an operation's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// This.
    Message(Message),
    /// Nothing: nobody asked to be told of such an end.
    NotAskedFor,
    /// This version can't read what is asked for, and a newer one may.
    Unreadable(String),
    /// It can't be told: the topic is none of the operation's project.
    NoSuchTopic,
}

/// What a vendor says of an operation's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whom it goes to: it begins with the operation's project.
    pub routing_key: String,
    /// The vendor's attributes.
    pub headers: Vec<(&'static str, String)>,
    /// The operation's name in the vendor's API.
    pub subject: String,
    /// The operation as the vendor shows it, if the whole of it is asked for.
    pub data: Option<Value>,
}
