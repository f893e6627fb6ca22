//! From our operations to the native JSON, and from native requests to our specs.

use super::wire;
use crate::kinds::{self, Checks, RequestedWork};
use crate::listing::filter::{Field, Language};
use crate::operations::{CancelReceipt, Operation};
use crate::state::Api;
use crate::wire::error::{ApiError, Violations};
use crate::wire::time_text::{rfc3339, seconds};
use operation::{Code, Kind, OperationId, Progress, ProjectId, State};

/// What the filters of the list may name.
pub const FILTER: Language = Language {
    fields: &[
        ("done", Field::Done),
        ("kind", Field::Kind),
        ("target", Field::Target),
        ("state", Field::State),
        ("createTime", Field::CreateTime),
        ("create_time", Field::CreateTime),
        ("labels.", Field::Label),
    ],
    verbs: &[],
    help: "done = true|false, kind = \"…\", state = \"…\", target = \"…\", labels.KEY = \"…\", and createTime with <, \
           <=, >, >= and =, joined with AND; OR and NOT within done, kind or state",
};

/// The id in a path: only in the very form that we show.
pub fn operation_id(text: &str) -> Option<OperationId> {
    text.parse().ok().filter(|id: &OperationId| id.to_string() == text)
}

/// An operation as the native api shows it.
pub fn operation(operation: Operation) -> wire::Operation {
    let id = operation.id.to_string();
    // Of what runs: the last speed of what has stopped says nothing.
    let rate = operation.items_per_second.filter(|_| operation.state == State::Running);
    let progress = Progress {
        items_done: operation.items_done,
        items_total: operation.items_total,
        bytes_done: operation.bytes_done,
    };
    let remaining = progress.remaining(rate);
    wire::Operation {
        name: format!("projects/{}/operations/{id}", operation.project),
        id,
        project: operation.project.into(),
        kind: operation.kind.to_string(),
        state: operation.state.as_str(),
        done: operation.state.is_done(),
        target: operation.target,
        priority: operation.priority,
        labels: operation.labels,
        deadline: operation.deadline.map(rfc3339),
        retry: wire::Retry {
            max_attempts: operation.retry.failure_limit,
            initial_backoff: seconds(operation.retry.initial_delay),
            max_backoff: seconds(operation.retry.longest_delay),
        },
        retry_of: operation.retry_of.map(|id| id.to_string()),
        revision: operation.revision.to_string(),
        create_time: rfc3339(operation.create_time),
        start_time: operation.start_time.map(rfc3339),
        update_time: rfc3339(operation.update_time),
        finish_time: operation.finish_time.map(rfc3339),
        attempt: operation.attempt.0,
        failures: operation.failures,
        progress: wire::Progress {
            items_done: operation.items_done.to_string(),
            items_total: operation.items_total.map(|total| total.to_string()),
            unit: unit(&operation.kind),
            bytes_done: operation.bytes_done.to_string(),
            items_per_second: rate,
            remaining: remaining.map(seconds),
        },
        pause_requested_at: operation.pause_requested_at.map(rfc3339),
        cancel: operation.cancel.map(cancel),
        spec: operation.spec,
        response: operation.response,
        error: operation.error_code.map(|code| wire::Error {
            code,
            message: operation.error_message.unwrap_or_default(),
            status: code_name(code),
        }),
    }
}

fn cancel(receipt: CancelReceipt) -> wire::Cancel {
    wire::Cancel {
        requested_at: rfc3339(receipt.requested_at),
        requested_by: receipt.requested_by,
        reason: receipt.reason,
        mode: receipt.mode,
        delivered_at: receipt.delivered_at.map(rfc3339),
        delivered_by: receipt.delivered_by,
        observed_at: receipt.observed_at.map(rfc3339),
        safe_point: receipt.safe_point,
        stopped_at: receipt.stopped_at.map(rfc3339),
        cleanup: receipt.cleanup,
        ended_by: receipt.ended_by,
    }
}

/// What the items are that progress counts.
fn unit(kind: &Kind) -> String {
    kinds::native(kind).map_or_else(|| "items".to_owned(), |native| native.info.unit.clone().into_owned())
}

fn code_name(number: i32) -> &'static str {
    const CODES: [Code; 16] = [
        Code::Cancelled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ];
    CODES.into_iter().find(|code| code.number() == number).unwrap_or(Code::Unknown).name()
}

/// Whether to check a request costs more than to read it.
pub fn is_costly(request: &wire::CreateRequest) -> bool {
    let kind = request.kind.as_deref().and_then(|kind| kind.parse().ok());
    kind.and_then(|kind| kinds::native(&kind)).is_some_and(|native| native.is_costly)
}

/// What a create request asks for, checked.
///
/// # Errors
/// `INVALID_ARGUMENT` with all that is wrong with it; UNIMPLEMENTED for a kind that is switched off.
pub fn creation(
    request: wire::CreateRequest,
    api: &Api,
    project: &ProjectId,
    mut violations: Violations,
) -> Result<RequestedWork, ApiError> {
    let Some(kind) = request.kind else {
        violations.add("kind", "is required");
        return Err(violations.into_result().err().unwrap_or_else(ApiError::internal));
    };
    let native = kind.parse().ok().and_then(|kind| kinds::native(&kind));
    let Some(native) = native else {
        violations.add("kind", format!("{kind:?} is not a kind of operation: GET …/kinds lists them"));
        return Err(violations.into_result().err().unwrap_or_else(ApiError::internal));
    };
    api.operations.may_create(project, native.info)?;
    let checks = Checks { catalog: &api.catalog, destinations: &api.destinations, project };
    let work = (native.read)(request.spec, checks, &mut violations)?;
    violations.into_result()?;
    work.ok_or_else(ApiError::internal)
}
