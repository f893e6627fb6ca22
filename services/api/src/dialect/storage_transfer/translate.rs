//! From our operations and jobs to Storage Transfer's.

use super::transfer_spec;
use super::{notification, schedule, wire};
use crate::operations::Operation;
use crate::wire::time_text::rfc3339;
use kinds::storage_transfer::{ErrorBreakdown, ErrorLogEntry, StoredTransferJob, TransferOperation, run_name};
use operation::{Code, ProjectId, State};
use sha2::{Digest, Sha256};

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
    let shown = TransferOperation::of(operation.view());
    let (transfer_spec, notification_config) = match &shown.transfer {
        Some(transfer) => (transfer_spec::show(transfer), transfer.notification.as_ref().map(notification::show)),
        // Of a newer version: nothing else is ever in the collection.
        None => Default::default(),
    };
    wire::Operation {
        done: operation.state.is_done(),
        metadata: wire::TransferOperation {
            type_url: wire::TRANSFER_OPERATION,
            name: shown.name.clone(),
            project_id: shown.project.to_string(),
            transfer_spec,
            notification_config,
            start_time: shown.start_time.map(rfc3339),
            end_time: shown.end_time.map(rfc3339),
            status: shown.status.as_str(),
            counters: shown.counters.into_iter().collect(),
            error_breakdowns: shown.errors.into_iter().map(error_summary).collect(),
            transfer_job_name: shown.job.unwrap_or_else(|| operation.target.clone()),
        },
        name: shown.name,
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

fn error_summary(summary: ErrorBreakdown) -> wire::ErrorSummary {
    let entry = |ErrorLogEntry { url, error_details }| wire::ErrorLogEntry { url, error_details };
    wire::ErrorSummary {
        error_code: summary.error_code,
        error_count: summary.error_count,
        error_log_entries: summary.error_log_entries.into_iter().map(entry).collect(),
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
