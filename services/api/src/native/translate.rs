//! From our operations to the native JSON, and from native requests to our specs.

use super::requests::CreateRequest;
use super::wire;
use crate::kinds::own::Units;
use crate::kinds::{self, Checks, NativeKind, RequestedWork};
use crate::listing::filter::{Field, Language};
use crate::operations::{CancelReceipt, Operation, RegisteredKind};
use crate::state::Api;
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::Fields;
use crate::wire::time_text::{rfc3339, seconds};
use operation::{Code, KindInfo, OperationId, Progress, ProjectId, State};
use std::sync::Arc;

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
pub fn operation(units: &Units, operation: Operation) -> wire::Operation {
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
            unit: units.of(&operation.kind),
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

/// The parameters that a request to create holds. What answers show of them can be sent back: with their kind.
pub fn spec(request: &mut CreateRequest, violations: &mut Violations) -> Fields {
    let mut spec = request.spec.take().unwrap_or_else(|| Fields::missing("spec"));
    let named = spec.text("kind", violations);
    if named.is_some() && request.kind.is_some() && named != request.kind {
        violations.add(spec.path("kind"), "is not the kind of the operation: make it the same, or leave it out");
    }
    spec
}

/// Whose request it is to read.
#[derive(Debug)]
pub enum Reader {
    /// A kind that comes with the product.
    Native(&'static NativeKind),
    /// A kind that a worker has registered.
    Own(Arc<RegisteredKind>),
}

impl Reader {
    /// Who reads a request. What names no kind is a violation.
    ///
    /// # Errors
    /// The database does not answer; UNIMPLEMENTED or `PERMISSION_DENIED` for a kind that is not for this project.
    pub async fn find(
        kind: Option<&str>,
        api: &Api,
        project: &ProjectId,
        violations: &mut Violations,
    ) -> Result<Option<Self>, ApiError> {
        let Some(kind) = kind else {
            violations.add("kind", "is required");
            return Ok(None);
        };
        let name = kind.parse().ok();
        let reader = match name.as_ref().map(|name| (name, kinds::native(name))) {
            Some((_, Some(native))) => Some(Self::Native(native)),
            Some((name, None)) => api.own_kinds.find(name).await?.map(Self::Own),
            None => None,
        };
        match &reader {
            Some(reader) => api.operations.may_create(project, reader.info())?,
            None => violations.add("kind", format!("{kind:?} is not a kind of operation: GET …/kinds lists them")),
        }
        Ok(reader)
    }

    /// What holds for the kind.
    pub fn info(&self) -> &KindInfo {
        match self {
            Self::Native(native) => native.info,
            Self::Own(own) => &own.info,
        }
    }

    /// Whether to check a request costs more than to read it.
    pub const fn is_costly(&self) -> bool {
        match self {
            Self::Native(native) => native.is_costly,
            // How much work a schema makes of a request, its author does not know either.
            Self::Own(_) => true,
        }
    }

    /// What a create request asks for, checked.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with all that is wrong with it.
    pub fn read(
        &self,
        spec: Fields,
        api: &Api,
        project: &ProjectId,
        mut violations: Violations,
    ) -> Result<RequestedWork, ApiError> {
        let work = match self {
            Self::Native(native) => {
                let checks = Checks { catalog: &api.catalog, destinations: &api.destinations, project };
                (native.read)(spec, checks, &mut violations)?
            }
            Self::Own(own) => api.own_kinds.read(own, spec, &mut violations),
        };
        violations.into_result()?;
        work.ok_or_else(ApiError::internal)
    }
}
