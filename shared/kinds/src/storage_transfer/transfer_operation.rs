//! Our operations as the vendor's (google.storagetransfer.v1.TransferOperation), for answers and for messages.

use super::{
    ErrorExample, ErrorSummary, JOBS, OPERATIONS, StorageTransfer, TransferCounters, TransferPosition, run_name,
};
use crate::Parameters;
use operation::{OperationView, ProjectId, State};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

/// How a run stands (google.storagetransfer.v1.TransferOperation.Status).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the vendor's")]
pub enum Status {
    Queued,
    InProgress,
    Suspending,
    Paused,
    Success,
    Failed,
    Aborted,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::InProgress, Self::Suspending, Self::Paused, Self::Success, Self::Failed, Self::Aborted];

    /// The vendor's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::InProgress => "IN_PROGRESS",
            Self::Suspending => "SUSPENDING",
            Self::Paused => "PAUSED",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }

    /// How an operation stands.
    pub const fn of(operation: OperationView<'_>) -> Self {
        match operation.state {
            State::Pending => Self::Queued,
            State::Running if operation.pause_requested => Self::Suspending,
            State::Running => Self::InProgress,
            State::Paused => Self::Paused,
            State::Succeeded => Self::Success,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Aborted,
        }
    }

    /// The state of ours that it is; of a running one it says more than that.
    pub const fn state(self) -> State {
        match self {
            Self::Queued => State::Pending,
            Self::InProgress | Self::Suspending => State::Running,
            Self::Paused => State::Paused,
            Self::Success => State::Succeeded,
            Self::Failed => State::Failed,
            Self::Aborted => State::Cancelled,
        }
    }
}

/// A transfer as the vendor shows it. Numbers of 64 bits are texts, as in the vendor's JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferOperation {
    /// The operation's name in the vendor's API.
    pub name: String,
    /// Whose it is.
    pub project: ProjectId,
    /// The job that it is a run of.
    pub job: Option<String>,
    /// What it was asked to do; `None` where a newer version has written it.
    pub transfer: Option<StorageTransfer>,
    /// How it stands.
    pub status: Status,
    /// Those that are not 0, by the vendor's names.
    pub counters: Vec<(String, String)>,
    /// What went wrong, by code.
    pub errors: Vec<ErrorBreakdown>,
    /// When it began.
    pub start_time: Option<OffsetDateTime>,
    /// When it ended.
    pub end_time: Option<OffsetDateTime>,
}

/// google.storagetransfer.v1.ErrorSummary
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's names")]
pub struct ErrorBreakdown {
    pub error_code: String,
    pub error_count: String,
    pub error_log_entries: Vec<ErrorLogEntry>,
}

/// google.storagetransfer.v1.ErrorLogEntry
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's names")]
pub struct ErrorLogEntry {
    pub url: String,
    pub error_details: Vec<String>,
}

impl TransferOperation {
    /// An operation of this kind, as the vendor shows it.
    pub fn of(operation: OperationView<'_>) -> Self {
        let transfer = StorageTransfer::from_spec(operation.spec).ok();
        let job = match &transfer {
            Some(transfer) => transfer.job.clone(),
            None => Some(operation.target.to_owned()),
        };
        let position = position(operation.checkpoint);
        Self {
            name: match job.as_deref().filter(|job| job.starts_with(JOBS)) {
                Some(job) => run_name(job, operation.id),
                None => format!("{OPERATIONS}/{}", operation.id),
            },
            project: operation.project.clone(),
            job,
            transfer,
            status: Status::of(operation),
            counters: counters(&position.counters),
            errors: position.errors.into_iter().map(breakdown).collect(),
            start_time: operation.start_time,
            end_time: operation.finish_time,
        }
    }
}

/// How far it has come. What a newer version has written, and this one can't read, is no reason to show nothing at all.
fn position(checkpoint: Option<&Value>) -> TransferPosition {
    let read = checkpoint.and_then(|checkpoint| serde_json::from_value(checkpoint.clone()).ok());
    read.unwrap_or_default()
}

/// Those that are not 0; their names are the vendor's already.
fn counters(counters: &TransferCounters) -> Vec<(String, String)> {
    let Ok(Value::Object(counters)) = serde_json::to_value(counters) else { return Vec::new() };
    let counted = counters.into_iter().filter(|(_, count)| count.as_u64() != Some(0));
    counted.map(|(name, count)| (name, count.to_string())).collect()
}

fn breakdown(summary: ErrorSummary) -> ErrorBreakdown {
    let entry = |example: ErrorExample| ErrorLogEntry { url: example.url, error_details: vec![example.details] };
    ErrorBreakdown {
        error_code: summary.code,
        error_count: summary.count.to_string(),
        error_log_entries: summary.examples.into_iter().map(entry).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage_transfer::KIND;
    use operation::Spec;
    use serde_json::json;

    const ID: &str = "0193a5a0-0000-7000-8000-000000000001";

    fn spec(job: Option<&str>) -> Spec {
        let bucket = |path: &str| json!({ "bucket": { "bucket": "b", "path": path } });
        let mut spec = json!({ "kind": KIND, "source": bucket("from/"), "sink": bucket("to/") });
        if let Some(job) = job {
            spec["job"] = json!(job);
        }
        serde_json::from_value(spec).expect("a spec")
    }

    fn pending<'a>(project: &'a ProjectId, spec: &'a Spec) -> OperationView<'a> {
        OperationView {
            id: ID.parse().expect("an id"),
            project,
            target: "transferJobs/target",
            spec,
            state: State::Pending,
            pause_requested: false,
            checkpoint: None,
            start_time: None,
            finish_time: None,
        }
    }

    fn project() -> ProjectId {
        "p".parse().expect("a project")
    }

    #[test]
    fn every_state_has_its_status() {
        for (state, paused, expected) in [
            (State::Pending, false, "QUEUED"),
            (State::Running, false, "IN_PROGRESS"),
            (State::Running, true, "SUSPENDING"),
            (State::Paused, false, "PAUSED"),
            (State::Succeeded, false, "SUCCESS"),
            (State::Failed, false, "FAILED"),
            (State::Cancelled, false, "ABORTED"),
        ] {
            let (project, spec) = (project(), spec(None));
            let status = Status::of(OperationView { state, pause_requested: paused, ..pending(&project, &spec) });
            assert_eq!((status.as_str(), status.state()), (expected, state));
        }
    }

    #[test]
    fn a_run_is_named_after_its_job() {
        let newer = serde_json::from_value(json!({ "kind": KIND, "newer": 1 })).expect("a spec");
        for (spec, job, name) in [
            (spec(Some("transferJobs/a")), Some("transferJobs/a"), format!("transferOperations/transferJobs-a-{ID}")),
            (spec(None), None, format!("transferOperations/{ID}")),
            (newer, Some("transferJobs/target"), format!("transferOperations/transferJobs-target-{ID}")),
        ] {
            let shown = TransferOperation::of(pending(&project(), &spec));
            assert_eq!((shown.job.as_deref(), shown.name), (job, name));
        }
    }

    #[test]
    fn what_is_counted_and_not_zero_is_shown() {
        let checkpoint = json!({
            "counters": { "objectsFoundFromSource": 7, "bytesCopiedToSink": u64::MAX, "objectsFromSourceFailed": 0 },
            "errors": [{ "code": "NOT_FOUND", "count": 2, "examples": [{ "url": "gs://b/o", "details": "it is gone" }] }],
        });
        let counters = [("objectsFoundFromSource", "7"), ("bytesCopiedToSink", "18446744073709551615")];
        let counters = counters.map(|(name, count)| (name.to_owned(), count.to_owned()));
        let errors = ErrorBreakdown {
            error_code: "NOT_FOUND".to_owned(),
            error_count: "2".to_owned(),
            error_log_entries: vec![ErrorLogEntry {
                url: "gs://b/o".to_owned(),
                error_details: vec!["it is gone".to_owned()],
            }],
        };
        let (project, spec) = (project(), spec(None));
        let shown = TransferOperation::of(OperationView { checkpoint: Some(&checkpoint), ..pending(&project, &spec) });
        assert_eq!((shown.counters.as_slice(), shown.errors.as_slice()), (&counters[..], &[errors][..]));
    }
}
