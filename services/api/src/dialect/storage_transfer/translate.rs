//! From our operations and jobs to Storage Transfer's.

use super::names::run_name;
use super::transfer_spec;
use super::{notification, schedule, wire};
use crate::operations::{Operation, StoredTransferJob};
use crate::wire::time_text::rfc3339;
use kinds::Parameters;
use kinds::storage_transfer::{StorageTransfer, TransferCounters, TransferPosition};
use operation::{Code, ProjectId, State};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// How a run stands (google.storagetransfer.v1.TransferOperation.Status).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub const fn of(operation: &Operation) -> Self {
        match operation.state {
            State::Pending => Self::Queued,
            State::Running if operation.pause_requested_at.is_some() => Self::Suspending,
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

/// A job as the vendor shows it.
pub fn job(stored: StoredTransferJob) -> wire::TransferJob {
    let name = stored.name.to_string();
    wire::TransferJob {
        latest_operation_name: stored.latest_operation.map(|id| run_name(&name, id)),
        name,
        project_id: stored.project.into(),
        transfer_spec: transfer_spec::show(&stored.job.transfer),
        notification_config: stored.job.transfer.notification.as_ref().map(notification::show),
        schedule: stored.job.schedule.as_ref().map(schedule::show),
        description: stored.job.description,
        status: stored.status.as_str(),
        creation_time: rfc3339(stored.create_time),
        last_modification_time: rfc3339(stored.update_time),
        deletion_time: stored.delete_time.map(rfc3339),
    }
}

/// A run as the vendor shows it.
pub fn operation(operation: Operation) -> wire::Operation {
    let name = run_name(&operation.target, operation.id);
    let position = position(operation.checkpoint.as_ref());
    let (transfer_spec, notification_config) = match StorageTransfer::from_spec(&operation.spec) {
        Ok(transfer) => (transfer_spec::show(&transfer), transfer.notification.as_ref().map(notification::show)),
        // Of a newer version: nothing else is ever in the collection.
        Err(_) => Default::default(),
    };
    wire::Operation {
        done: operation.state.is_done(),
        metadata: wire::TransferOperation {
            type_url: wire::TRANSFER_OPERATION,
            name: name.clone(),
            project_id: operation.project.to_string(),
            transfer_spec,
            notification_config,
            start_time: operation.start_time.map(rfc3339),
            end_time: operation.finish_time.map(rfc3339),
            status: Status::of(&operation).as_str(),
            counters: counters(&position.counters),
            error_breakdowns: position.errors.into_iter().map(error_summary).collect(),
            transfer_job_name: operation.target.clone(),
        },
        name,
        response: (operation.state == State::Succeeded).then_some(wire::Empty { type_url: wire::EMPTY }),
        error: error(operation),
    }
}

fn error(operation: Operation) -> Option<wire::Status> {
    match operation.state {
        State::Pending | State::Running | State::Paused | State::Succeeded => None,
        State::Failed | State::Cancelled => Some(wire::Status {
            code: operation.error_code.unwrap_or(Code::Unknown.number()),
            message: operation.error_message.unwrap_or_default(),
        }),
    }
}

/// How far it has come. What a newer version has written, and this one can't read, is no reason to show nothing at all.
fn position(checkpoint: Option<&Value>) -> TransferPosition {
    let read = checkpoint.and_then(|checkpoint| serde_json::from_value(checkpoint.clone()).ok());
    read.unwrap_or_default()
}

/// Those that are not 0; their names are the vendor's already.
fn counters(counters: &TransferCounters) -> BTreeMap<String, String> {
    let Ok(Value::Object(counters)) = serde_json::to_value(counters) else { return BTreeMap::new() };
    let told = counters.into_iter().filter(|(_, count)| count.as_u64() != Some(0));
    told.map(|(name, count)| (name, count.to_string())).collect()
}

fn error_summary(summary: kinds::storage_transfer::ErrorSummary) -> wire::ErrorSummary {
    let entry = |example: kinds::storage_transfer::ErrorExample| wire::ErrorLogEntry {
        url: example.url,
        error_details: vec![example.details],
    };
    wire::ErrorSummary {
        error_code: summary.code,
        error_count: summary.count.to_string(),
        error_log_entries: summary.examples.into_iter().map(entry).collect(),
    }
}

/// The account that tools ask for before they grant it something. There is none: buckets are used by the keys that they are
/// configured with. So it is made of the project, and its domain can't exist (RFC 2606).
pub fn service_account(project: &ProjectId) -> wire::GoogleServiceAccount {
    let hash = Sha256::digest(format!("safepoint storage transfer {project}"));
    let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let subject_id = format!("{number:020}");
    wire::GoogleServiceAccount { account_email: format!("project-{subject_id}@storage-transfer.invalid"), subject_id }
}

#[cfg(test)]
mod tests;
