//! The JSON of both APIs, as far as this client reads it.

use crate::text::between;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;
use time::serde::rfc3339;
use uuid::Uuid;

/// An operation as the native API tells it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Its id.
    pub id: Uuid,
    /// `PENDING`, `RUNNING`, …
    pub state: String,
    /// Whether it has ended.
    pub done: bool,
    /// When it was created.
    #[serde(with = "rfc3339")]
    pub create_time: OffsetDateTime,
    /// When its first attempt began.
    #[serde(default, with = "rfc3339::option")]
    pub start_time: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(default, with = "rfc3339::option")]
    pub finish_time: Option<OffsetDateTime>,
    /// How far it has come.
    #[serde(default)]
    pub progress: Progress,
    /// The receipt of its cancel.
    pub cancel: Option<Receipt>,
    /// Why it failed.
    pub error: Option<Status>,
}

impl Operation {
    /// From its create to its first attempt's begin, by the server's clock.
    pub fn start_latency(&self) -> Option<Duration> {
        Some(between(self.create_time, self.start_time?))
    }

    /// From its first attempt's begin to its end, by the server's clock.
    pub fn run_time(&self) -> Option<Duration> {
        Some(between(self.start_time?, self.finish_time?))
    }

    /// The state, and the error where there is one.
    pub fn ending(&self) -> String {
        match &self.error {
            Some(error) => format!("{}: code {}, {}", self.state, error.code, error.message),
            None => self.state.clone(),
        }
    }
}

/// How many operations a project has.
#[derive(Debug, Deserialize)]
pub struct Counts {
    /// None that is 0.
    pub counts: Vec<KindCount>,
}

impl Counts {
    /// How many of a kind are in a state.
    pub fn of(&self, kind: &str, state: &str) -> u64 {
        self.counts.iter().filter(|count| count.kind == kind && count.state == state).map(|count| count.count).sum()
    }
}

/// How many operations of one kind are in one state.
#[derive(Debug, Deserialize)]
pub struct KindCount {
    kind: String,
    state: String,
    #[serde(deserialize_with = "count")]
    count: u64,
}

/// The answer to a cancel of many.
#[derive(Debug, Deserialize)]
pub struct BulkCancel {
    /// What does it; none where nothing was meant.
    pub operation: Option<Operation>,
}

/// How far an operation has come.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// Items done.
    #[serde(deserialize_with = "count")]
    pub items_done: u64,
    /// Items in all, perhaps an estimate.
    #[serde(deserialize_with = "optional_count")]
    pub items_total: Option<u64>,
    /// What an item is.
    pub unit: Option<String>,
    /// Bytes written.
    #[serde(deserialize_with = "count")]
    pub bytes_done: u64,
}

/// The story of a cancel.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The request was stored.
    #[serde(with = "rfc3339")]
    pub requested_at: OffsetDateTime,
    /// The worker heard of it.
    #[serde(default, with = "rfc3339::option")]
    pub delivered_at: Option<OffsetDateTime>,
    /// By which road.
    pub delivered_by: Option<String>,
    /// A safe point saw it.
    #[serde(default, with = "rfc3339::option")]
    pub observed_at: Option<OffsetDateTime>,
    /// Which one.
    pub safe_point: Option<String>,
    /// The end was stored.
    #[serde(default, with = "rfc3339::option")]
    pub stopped_at: Option<OffsetDateTime>,
    /// What became of the output.
    pub cleanup: Option<Cleanup>,
}

impl Receipt {
    /// From the request to its delivery, to the safe point, to the end.
    pub fn stages(&self) -> [Option<Duration>; 3] {
        [self.delivered_at, self.observed_at, self.stopped_at].map(|at| at.map(|at| between(self.requested_at, at)))
    }
}

/// What became of the output of a cancelled operation.
#[derive(Debug, Clone, Deserialize)]
pub struct Cleanup {
    /// `removed`, `kept` or `unknown`.
    pub status: String,
    /// What may be left.
    #[serde(default)]
    pub outputs: Vec<String>,
}

/// `google.rpc.Status`.
#[derive(Debug, Clone, Deserialize)]
pub struct Status {
    /// The number of a `google.rpc.Code`.
    pub code: i32,
    /// What people read.
    #[serde(default)]
    pub message: String,
}

/// An operation as Google's `AlloyDB` API tells it.
#[derive(Debug, Clone, Deserialize)]
pub struct AlloyOperation {
    /// `projects/*/locations/*/operations/operation-<id>`.
    pub name: String,
    /// Whether it has ended.
    #[serde(default)]
    pub done: bool,
    /// Why it failed; code 1 is a cancel.
    pub error: Option<Status>,
    /// `google.cloud.alloydb.v1.OperationMetadata`.
    #[serde(default)]
    pub metadata: Value,
}

impl AlloyOperation {
    /// The id that the native API knows it by.
    pub fn id(&self) -> Option<Uuid> {
        let (_, id) = self.name.rsplit_once("/operations/operation-")?;
        Uuid::try_parse(id).ok()
    }
}

/// One page of `AlloyDB` operations.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlloyPage {
    /// Newest first.
    #[serde(default)]
    pub operations: Vec<AlloyOperation>,
    /// Empty on the last page.
    #[serde(default)]
    pub next_page_token: String,
}

/// A 64-bit count: JSON carries it as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Text(String),
}

impl Count {
    fn value<E: serde::de::Error>(self) -> Result<u64, E> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => text.parse().map_err(|_| E::custom(format!("{text:?} is no count"))),
        }
    }
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Count::deserialize(deserializer)?.value()
}

fn optional_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::<Count>::deserialize(deserializer)?.map(Count::value).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_operation_is_read() {
        let text = r#"{"id":"01920000-0000-7000-8000-000000000001","state":"RUNNING","done":false,"attempt":1,
            "createTime":"2026-11-23T07:00:00Z","startTime":"2026-11-23T07:00:00.5Z",
            "progress":{"itemsDone":"1","itemsTotal":5,"unit":"rows","bytesDone":"4"}}"#;
        let operation: Operation = serde_json::from_str(text).unwrap();
        assert_eq!(operation.progress.items_done, 1);
        assert_eq!(operation.progress.items_total, Some(5));
        assert_eq!(operation.run_time(), None);
        assert_eq!(operation.start_latency(), Some(Duration::from_millis(500)));
    }

    #[test]
    fn counts_are_found_by_kind_and_state() {
        let text = r#"{"counts":[{"kind":"demo.steps","state":"PENDING","count":"100000"},
            {"kind":"demo.steps","state":"RUNNING","count":"32"}]}"#;
        let counts: Counts = serde_json::from_str(text).unwrap();
        assert_eq!(counts.of("demo.steps", "PENDING"), 100_000);
        assert_eq!(counts.of("demo.steps", "SUCCEEDED"), 0);
    }

    #[test]
    fn a_receipt_tells_its_stages() {
        let text = r#"{"requestedAt":"2026-11-23T07:00:00Z","requestedBy":"demo","deliveredAt":"2026-11-23T07:00:00.002Z",
            "deliveredBy":"push","observedAt":"2026-11-23T07:00:00.003Z","safePoint":"waiting","stoppedAt":null}"#;
        let receipt: Receipt = serde_json::from_str(text).unwrap();
        assert_eq!(receipt.stages(), [Some(Duration::from_millis(2)), Some(Duration::from_millis(3)), None]);
    }

    #[test]
    fn the_id_stands_in_the_name() {
        let operation =
            |name: &str| AlloyOperation { name: name.to_owned(), done: false, error: None, metadata: Value::Null };
        let named = operation("projects/p/locations/l/operations/operation-01920000-0000-7000-8000-000000000001");
        assert_eq!(named.id(), Some(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001)));
        assert_eq!(operation("projects/p/locations/l/operations/1").id(), None);
    }
}
