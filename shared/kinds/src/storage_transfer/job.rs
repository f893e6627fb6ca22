//! A transfer that is run again and again: by its schedule, or when somebody asks.

use super::{Schedule, StorageTransfer};
use operation::ProjectId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const PREFIX: &str = "transferJobs/";
const LONGEST: usize = 128;
/// AMQP's, in bytes.
const LONGEST_ROUTING_KEY: usize = 255;

/// Why a text is no job's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be transferJobs/ and letters, digits or -._~, ending with a letter or digit, 128 characters at most")]
pub struct InvalidJobName;

/// A job's name: `transferJobs/` and what tells it from the project's others
/// (google.storagetransfer.v1.TransferJob.name).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobName(String);

impl JobName {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without `transferJobs/`.
    pub fn id(&self) -> &str {
        &self.0[PREFIX.len()..]
    }

    /// Whether it is a name for jobs with a folder on one side; the others must have another.
    pub fn is_for_folders(&self) -> bool {
        self.id().starts_with("OPI")
    }
}

impl FromStr for JobName {
    type Err = InvalidJobName;

    fn from_str(name: &str) -> Result<Self, InvalidJobName> {
        let id = name.strip_prefix(PREFIX).ok_or(InvalidJobName)?;
        let known = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        let ends_well = id.bytes().next_back().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if known && ends_well && name.len() <= LONGEST { Ok(Self(name.to_owned())) } else { Err(InvalidJobName) }
    }
}

impl TryFrom<String> for JobName {
    type Error = InvalidJobName;
    fn try_from(name: String) -> Result<Self, InvalidJobName> {
        name.parse()
    }
}

impl From<JobName> for String {
    fn from(name: JobName) -> Self {
        name.0
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a job does, and when. Stored as JSON: fields are added with a default, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferJob {
    /// The user's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What each run does. Its `job` is set by the run.
    pub transfer: StorageTransfer,
    /// When it runs by itself; without one it runs when somebody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// Whether a job runs (google.storagetransfer.v1.TransferJob.Status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// By its schedule.
    Enabled,
    /// Not by its schedule.
    Disabled,
    /// Never again; it goes after a while.
    Deleted,
}

impl JobStatus {
    /// The name in rows and in the vendor's JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::Deleted => "DELETED",
        }
    }
}

impl FromStr for JobStatus {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::Enabled, Self::Disabled, Self::Deleted].into_iter().find(|status| status.as_str() == name).ok_or(())
    }
}

/// Who is told of the end of each run: one message to an AMQP topic exchange
/// (google.storagetransfer.v1.NotificationConfig).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferNotification {
    /// `projects/{project}/topics/{topic}`, of the operation's own project ([`TransferNotification::routing_key`]).
    pub topic: String,
    /// Of which ends; of all where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<NotificationEvent>,
    /// What the message says.
    pub payload: PayloadFormat,
}

impl TransferNotification {
    /// Whether it asks to be told of such an end.
    pub fn wants(&self, event: NotificationEvent) -> bool {
        self.events.is_empty() || self.events.contains(&event)
    }

    /// The routing key of the messages, for operations of this project. `None` where the topic is none, or another project's:
    /// nobody sends to those who listen for somebody else.
    ///
    /// Its first word is the project, with `%2E` for a dot in its name, so that `acme.#` are all topics of `acme` and none of
    /// `acme.eu`.
    pub fn routing_key(&self, project: &ProjectId) -> Option<String> {
        let (of, topic) = self.topic.strip_prefix("projects/")?.split_once("/topics/")?;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+%".contains(&byte);
        let is_name = topic.starts_with(|first: char| first.is_ascii_alphabetic()) && topic.bytes().all(known);
        let key = format!("{}.{topic}", of.replace('.', "%2E"));
        (of == project.as_str() && is_name && key.len() <= LONGEST_ROUTING_KEY).then_some(key)
    }
}

/// How a run ended (google.storagetransfer.v1.NotificationConfig.EventType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationEvent {
    /// All that was to be transferred is.
    #[serde(rename = "TRANSFER_OPERATION_SUCCESS")]
    Success,
    /// Not all is.
    #[serde(rename = "TRANSFER_OPERATION_FAILED")]
    Failed,
    /// It was cancelled.
    #[serde(rename = "TRANSFER_OPERATION_ABORTED")]
    Aborted,
}

impl NotificationEvent {
    /// The vendor's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "TRANSFER_OPERATION_SUCCESS",
            Self::Failed => "TRANSFER_OPERATION_FAILED",
            Self::Aborted => "TRANSFER_OPERATION_ABORTED",
        }
    }
}

/// What a message says (google.storagetransfer.v1.NotificationConfig.PayloadFormat).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayloadFormat {
    /// Nothing beside its attributes.
    None,
    /// The whole operation, as the vendor's JSON tells it.
    Json,
}

impl PayloadFormat {
    /// The vendor's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Json => "JSON",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_vendors() {
        for name in ["transferJobs/1", "transferJobs/OPI5", "transferJobs/a-b._~9", "transferJobs/-1"] {
            assert_eq!(name.parse::<JobName>().map(|name| name.to_string()).as_deref(), Ok(name));
        }
        assert!("transferJobs/OPI5".parse::<JobName>().unwrap().is_for_folders());
        assert!(!"transferJobs/5OPI".parse::<JobName>().unwrap().is_for_folders());
        let longest = format!("transferJobs/{}", "a".repeat(LONGEST - PREFIX.len()));
        assert!(longest.parse::<JobName>().is_ok());
        for name in
            ["", "1", "transferJobs/", "transferJobs/a-", "transferJobs/a/b", "transferJobs/a:run", "transferJobs/ä"]
        {
            assert_eq!(name.parse::<JobName>(), Err(InvalidJobName), "{name}");
        }
        assert_eq!(format!("{longest}a").parse::<JobName>(), Err(InvalidJobName));
    }

    #[test]
    fn a_topic_is_of_its_own_project_and_its_key_of_no_other() {
        let key = |topic: &str, project: &str| {
            let (topic, events, payload) = (topic.to_owned(), Vec::new(), PayloadFormat::None);
            TransferNotification { topic, events, payload }.routing_key(&project.parse().expect("a project"))
        };
        assert_eq!(key("projects/p/topics/ends", "p").as_deref(), Some("p.ends"));
        // What would be the same key of two projects.
        assert_eq!(key("projects/p/topics/eu.ends", "p").as_deref(), Some("p.eu.ends"));
        assert_eq!(key("projects/p.eu/topics/ends", "p.eu").as_deref(), Some("p%2Eeu.ends"));
        assert_eq!(key("projects/example.com:p/topics/ends", "example.com:p").as_deref(), Some("example%2Ecom:p.ends"));
        let longest = format!("a{}", "b".repeat(LONGEST_ROUTING_KEY - 3));
        assert!(key(&format!("projects/p/topics/{longest}"), "p").is_some());
        for topic in [
            "",
            "ends",
            "projects/q/topics/ends",
            "projects/p/topics/",
            "projects/p/topics/9",
            "projects/p/topics/a/b",
            "projects/p/topics/a b",
            "projects/p/topics/#",
            "projects/p/subscriptions/ends",
            &format!("projects/p/topics/{longest}c"),
        ] {
            assert_eq!(key(topic, "p"), None, "{topic}");
        }
    }
}
