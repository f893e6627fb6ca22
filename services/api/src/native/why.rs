//! Why an operation has not ended: who has it, when it was last heard of, and what it waits for.

use super::OPERATIONS;
use super::parameters::OfOperation;
use super::routes::{address, of_operation};
use super::wire;
use crate::admission::call::Call;
use crate::openapi::{InProject, NotFound, Unavailable, Usual};
use crate::operations::Why;
use crate::wire::error::HandlerResult;
use crate::wire::time_text::{rfc3339, seconds};
use actix_web::HttpResponse;
use operation::State;
use std::time::Duration;
use time::OffsetDateTime;

/// `GET …/operations/{operation}/why`: why it has not ended.
#[utoipa::path(
    get,
    context_path = OPERATIONS,
    path = "/{operation}/why",
    operation_id = "operations.why",
    tag = "native",
    summary = "Tells why an operation has not ended",
    params(InProject, OfOperation),
    responses((status = 200, body = wire::Why, description = "As of now"), Usual, NotFound, Unavailable),
)]
pub async fn why(call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    let why = call.api().operations.why(address).await.map_err(|error| of_operation(error, &name))?;
    Ok(HttpResponse::Ok().json(tell(&why)))
}

/// The story, as of the moment of the look.
fn tell(why: &Why) -> wire::Why {
    let operation = &why.operation;
    let since = |time: OffsetDateTime| seconds(Duration::try_from(why.looked_at - time).unwrap_or_default());
    let (waits_for, explanation) = waits_for(why);
    wire::Why {
        state: operation.state.as_str(),
        done: operation.state.is_done(),
        waits_for,
        explanation,
        attempt: operation.attempt.0,
        failures: operation.failures,
        max_attempts: operation.retry.failure_limit,
        next_attempt_time: operation.not_before.map(rfc3339),
        deadline: operation.deadline.map(rfc3339),
        owner: why.owner.as_ref().map(|owner| wire::Owner {
            worker: owner.id.to_string(),
            host: owner.host.clone(),
            lease_renewed_ago: since(owner.renewed_at),
            lease_expire_time: rfc3339(owner.expires_at),
            lease_stands: owner.expires_at > why.looked_at,
        }),
        last_safe_point: operation
            .safe_point
            .clone()
            .zip(operation.safe_point_time)
            .map(|(name, time)| wire::LastSafePoint { name, time: rfc3339(time), ago: since(time) }),
        cancel_pending_for: pending_cancel(why).map(since),
        pause_pending_for: operation.pause_requested_at.map(since),
        living_workers: why.living_workers.to_string(),
    }
}

fn pending_cancel(why: &Why) -> Option<OffsetDateTime> {
    let cancel = why.operation.cancel.as_ref().filter(|_| !why.operation.state.is_done());
    cancel.map(|receipt| receipt.requested_at)
}

/// One word for programs, one sentence for people.
fn waits_for(why: &Why) -> (&'static str, String) {
    let operation = &why.operation;
    match operation.state {
        State::Succeeded | State::Failed | State::Cancelled => ("NOTHING", "It has ended.".to_owned()),
        State::Paused => ("RESUME", "It is paused: it goes on from its checkpoint when it is resumed.".to_owned()),
        State::Pending if why.living_workers == 0 => {
            ("WORKER", "No worker is alive: start one, or look at the workers' logs.".to_owned())
        }
        State::Pending if operation.release_reason.as_deref() == Some("UNREADABLE_SPEC") => (
            "NEWER_WORKER",
            "No worker that has tried could read its parameters: a newer version has written them, or the schema of \
             its kind allows what its executor does not. Workers try again; start one of the newer version, or cancel it."
                .to_owned(),
        ),
        State::Pending if operation.not_before.is_some_and(|time| time > why.looked_at) => (
            "RETRY_DELAY",
            format!("Its last attempt failed ({} so far): it waits for its next one.", operation.failures),
        ),
        State::Pending if why.project_is_full => (
            "PROJECT_LIMIT",
            "As many operations of this project run as may: it begins when there is room.".to_owned(),
        ),
        State::Pending => (
            "WORKER",
            "It waits for a free slot: what is older, of higher priority, or of a project with less at work goes first."
                .to_owned(),
        ),
        State::Running => running(why),
    }
}

fn running(why: &Why) -> (&'static str, String) {
    if why.owner.as_ref().is_none_or(|owner| owner.expires_at <= why.looked_at) {
        let text =
            "Its worker was not heard of in time: a keeper takes it back within seconds. If none does, no keeper runs.";
        return ("SWEEP", text.to_owned());
    }
    if let Some(cancel) = &why.operation.cancel {
        let by = cancel.delivered_by.as_deref().unwrap_or("not confirmed yet");
        return ("SAFE_POINT", format!("A cancel is under way (delivery: {by}): it stops at its next safe point."));
    }
    if why.operation.pause_requested_at.is_some() {
        return ("SAFE_POINT", "A pause is under way: it stops at its next safe point.".to_owned());
    }
    ("WORK", "It is being worked on.".to_owned())
}
