//! From our operations to the native JSON, and from native requests to our specs.

use super::wire;
use crate::kinds::demo_steps::demo_steps;
use crate::kinds::postgres_export::postgres_export;
use crate::kinds::storage_transfer;
use crate::kinds::transfer::Judge;
use crate::listing::filter::{Field, Language};
use crate::operations::{CancelReceipt, Operation};
use crate::state::Api;
use crate::wire::error::{ApiError, Violations};
use crate::wire::time_text::{rfc3339, seconds};
use operation::{Code, Kind, OperationId, Progress, ProjectId, Spec, State};
use runtime::config::Secret;

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
    help: "done = true|false, kind = \"…\", state = \"…\", target = \"…\", labels.KEY = \"…\", and createTime with <, \
           <=, >, >= and =, joined with AND; OR and NOT within done, kind or state",
};

/// The target of operations that work on nothing.
const NO_TARGET: &str = "demo";

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
        kind: operation.kind.as_str(),
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
            unit: unit(&operation.spec),
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
fn unit(spec: &Spec) -> &'static str {
    match spec {
        // Of a dump too: the worker counts its rows as they pass.
        Spec::PostgresExport(_) => "rows",
        Spec::StorageTransfer(_) => "objects",
        Spec::DemoSteps(_) => "steps",
        Spec::CancelOperations(_) => "operations",
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

/// What a create request asks for.
#[derive(Debug)]
pub struct RequestedWork {
    /// What to do.
    pub spec: Spec,
    /// On what.
    pub target: String,
    /// What the worker needs for it and nobody else may know.
    pub secret: Option<Secret>,
}

/// Whether to judge a request costs more than to read it: it may hold SQL.
pub fn is_costly(request: &wire::CreateRequest) -> bool {
    request.kind.as_deref() == Some(Kind::PostgresExport.as_str())
}

/// What a create request asks for, judged.
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
    match kind.parse() {
        Ok(Kind::PostgresExport) => {
            let export = postgres_export(request.spec, &api.catalog, &api.destinations, project, &mut violations)?;
            violations.into_result()?;
            let (export, secret) = export.ok_or_else(ApiError::internal)?;
            let target = match &export.server {
                Some(server) => format!("{}:{}", server.host, server.port),
                None => export.cluster.clone(),
            };
            Ok(RequestedWork { spec: Spec::PostgresExport(export), target, secret })
        }
        Ok(Kind::DemoSteps) if !api.demo_steps => Err(ApiError::new(
            Code::Unimplemented,
            "KIND_SWITCHED_OFF",
            "operations of the kind demo.steps are switched off",
        )
        .with("kind", "demo.steps")),
        Ok(Kind::DemoSteps) => {
            let steps = demo_steps(request.spec, &api.catalog, project, &mut violations);
            violations.into_result()?;
            Ok(RequestedWork { spec: Spec::DemoSteps(steps), target: NO_TARGET.to_owned(), secret: None })
        }
        Ok(Kind::StorageTransfer) => {
            let (catalog, destinations) = (&api.catalog, &api.destinations);
            let mut judge = Judge { catalog, destinations, project, violations: &mut violations };
            let transfer = storage_transfer::storage_transfer(request.spec, &mut judge);
            violations.into_result()?;
            let transfer = transfer.ok_or_else(ApiError::internal)?;
            let target = storage_transfer::target(&transfer);
            Ok(RequestedWork { spec: Spec::StorageTransfer(transfer), target, secret: None })
        }
        Ok(Kind::CancelOperations) => {
            violations.add("kind", "operations.cancel is created by POST …/operations:cancel");
            Err(violations.into_result().err().unwrap_or_else(ApiError::internal))
        }
        Err(error) => {
            violations.add("kind", error.to_string());
            Err(violations.into_result().err().unwrap_or_else(ApiError::internal))
        }
    }
}
