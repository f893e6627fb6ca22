//! The methods of runs. A run's name does not tell its project: the run itself does. Before its caller is known to be allowed
//! in that project, it is told apart from none nowhere.

use super::TRANSFER_OPERATIONS;
use super::job_routes::{LARGEST_PAGE, by_filter};
use super::request_schemas::{OfRun, OperationBody, OperationsFilter, PartialSuccess, TransferPage};
use super::{filter, translate, wire};
use crate::admission::call::{Call, Identified};
use crate::listing::paging;
use crate::openapi::{BadRequest, NotFound, Nothing, TooSlow, Unavailable, Unimplemented, Usual};
use crate::operations::{Address, Answer, Operation, OperationsError, Order};
use crate::wire::bounds::LONGEST_JSON_FILTER;
use crate::wire::error::{ApiError, HandlerResult, Violations};
use crate::wire::page_token::List;
use actix_web::HttpResponse;
use kinds::storage_transfer::{OPERATIONS, RunName, Status};
use operation::{CancelMode, Code, OperationId};

const OPERATION_TYPE: &str = "longrunning.googleapis.com/Operation";

/// A run whose caller may act in its project.
struct Run {
    call: Call,
    address: Address,
    name: String,
    /// As it stood a moment ago.
    seen: Operation,
}

/// `GET /v1/{name=transferOperations/**}`
#[utoipa::path(
    get,
    context_path = TRANSFER_OPERATIONS,
    path = "/{operation}",
    operation_id = "storagetransfer.transferOperations.get",
    tag = "storagetransfer",
    summary = "Shows a run of a transfer job",
    params(OfRun),
    responses((status = 200, body = wire::Operation, description = "The operation"), Usual, NotFound, Unavailable),
)]
pub async fn get_operation(call: Identified) -> HandlerResult {
    Ok(HttpResponse::Ok().json(translate::operation(run(call).await?.seen)))
}

/// `GET /v1/{name=transferOperations}?filter=`: newest first.
#[utoipa::path(
    get,
    context_path = TRANSFER_OPERATIONS,
    path = "",
    operation_id = "storagetransfer.transferOperations.list",
    tag = "storagetransfer",
    summary = "Lists runs of transfer jobs",
    params(OperationsFilter, TransferPage, PartialSuccess),
    responses((status = 200, body = wire::ListOperationsResponse, description = "A page"), Usual, BadRequest, Unimplemented, Unavailable),
)]
pub async fn list_operations(call: Identified) -> HandlerResult {
    let (call, query, fields) = by_filter(call).await?;
    query.refuse_partial_success()?;
    let mut violations = Violations::default();
    let filter = filter::of_operations(fields, &mut violations);
    violations.into_result()?;
    let size = query.page_size()?.min(LARGEST_PAGE);
    let text = query.long_text("filter", LONGEST_JSON_FILTER)?.unwrap_or_default();
    let list = List { project: call.project.as_str(), parent: OPERATIONS, filter: text };
    let after: Option<OperationId> = paging::position(&call, &query, list)?;
    let Some(listed) = filter.listed else {
        return Ok(
            HttpResponse::Ok().json(wire::ListOperationsResponse { operations: Vec::new(), next_page_token: None })
        );
    };
    let operations = &call.api().operations;
    let fetch = async |after, most| {
        let page = operations.list(call.project.clone(), listed.clone(), Order::NewestFirst, after, most).await?;
        Ok((page.operations, page.next.is_some()))
    };
    let keeps = |operation: &_| filter.kept.keeps(operation);
    let keeps: Option<&dyn Fn(&_) -> bool> = if filter.kept.keeps_all() { None } else { Some(&keeps) };
    let page = paging::kept(size, after, keeps, |operation| operation.id, fetch).await?;
    let next_page_token = paging::next_page_token(&call, list, page.next.as_ref())?;
    Ok(HttpResponse::Ok().json(wire::ListOperationsResponse {
        operations: page.items.into_iter().map(translate::operation).collect(),
        next_page_token,
    }))
}

/// `POST /v1/{name=transferOperations/**}:cancel`: of what has ended it does nothing. The job stays, and its next run comes.
#[utoipa::path(
    post,
    context_path = TRANSFER_OPERATIONS,
    path = "/{operation}:cancel",
    operation_id = "storagetransfer.transferOperations.cancel",
    tag = "storagetransfer",
    summary = "Asks a run to stop",
    params(OfRun),
    request_body(content = Option<OperationBody>),
    responses((status = 200, body = Nothing, description = "It was asked, or had ended"), Usual, BadRequest, NotFound, TooSlow, Unavailable),
)]
pub async fn cancel_operation(call: Identified) -> HandlerResult {
    // Also of a run that the native API has deleted, while it has not ended.
    let mut run = find(call, Purpose::Cancel).await?;
    run.no_fields().await?;
    let Run { call, address, name, .. } = run;
    let cancelled = call.api().operations.cancel(address, call.actor(), None, CancelMode::Now).await;
    cancelled.map_err(|error| of_operation(error, &name))?;
    Ok(empty())
}

/// `POST /v1/{name=transferOperations/**}:pause`: of what waits, runs, or is about to pause.
#[utoipa::path(
    post,
    context_path = TRANSFER_OPERATIONS,
    path = "/{operation}:pause",
    operation_id = "storagetransfer.transferOperations.pause",
    tag = "storagetransfer",
    summary = "Asks a run to pause",
    params(OfRun),
    request_body(content = Option<OperationBody>),
    responses((status = 200, body = Nothing, description = "It pauses, at once or at its next safe point"), Usual, BadRequest, NotFound, TooSlow, Unavailable),
)]
pub async fn pause_operation(call: Identified) -> HandlerResult {
    let mut run = run(call).await?;
    run.no_fields().await?;
    let Run { call, address, name, .. } = run;
    let paused = call.api().operations.pause(address, call.actor()).await;
    let (answer, seen) = paused.map_err(|error| of_operation(error, &name))?;
    if answer == Answer::Recorded || Status::of(seen.view()) == Status::Suspending {
        return Ok(empty());
    }
    Err(wrong_state(&name, &seen, "paused", "only what is QUEUED, IN_PROGRESS or SUSPENDING is"))
}

/// `POST /v1/{name=transferOperations/**}:resume`: of what is paused, or about to pause.
#[utoipa::path(
    post,
    context_path = TRANSFER_OPERATIONS,
    path = "/{operation}:resume",
    operation_id = "storagetransfer.transferOperations.resume",
    tag = "storagetransfer",
    summary = "Lets a paused run go on",
    params(OfRun),
    request_body(content = Option<OperationBody>),
    responses((status = 200, body = Nothing, description = "It goes on from where it had paused"), Usual, BadRequest, NotFound, TooSlow, Unavailable),
)]
pub async fn resume_operation(call: Identified) -> HandlerResult {
    let mut run = run(call).await?;
    run.no_fields().await?;
    let Run { call, address, name, .. } = run;
    let resumed = call.api().operations.resume(address, call.actor()).await;
    match resumed.map_err(|error| of_operation(error, &name))? {
        (Answer::Recorded, _) => Ok(empty()),
        (Answer::AlreadyRequested | Answer::AlreadyDone | Answer::NotPaused, seen) => {
            Err(wrong_state(&name, &seen, "resumed", "only what is PAUSED or SUSPENDING is"))
        }
    }
}

/// `POST /v1/{name=transferOperations/**}:wait`, which the vendor has not either.
#[utoipa::path(
    post,
    context_path = TRANSFER_OPERATIONS,
    path = "/{operation}:wait",
    operation_id = "storagetransfer.transferOperations.wait",
    tag = "storagetransfer",
    summary = "Not implemented: poll instead",
    params(OfRun),
    responses(Usual, Unimplemented),
)]
pub async fn wait_operation(_: Identified) -> HandlerResult {
    Err(ApiError::unimplemented("transferOperations.wait is not implemented: poll transferOperations.get"))
}

/// `DELETE /v1/{name=transferOperations/**}`, which the vendor has not either.
#[utoipa::path(
    delete,
    context_path = TRANSFER_OPERATIONS,
    path = "/{operation}",
    operation_id = "storagetransfer.transferOperations.delete",
    tag = "storagetransfer",
    summary = "Not implemented: operations go by themselves",
    params(OfRun),
    responses(Usual, Unimplemented),
)]
pub async fn delete_operation(_: Identified) -> HandlerResult {
    Err(ApiError::unimplemented(
        "transferOperations.delete is not implemented: operations are kept for a while and then go",
    ))
}

/// What a run is looked for.
#[derive(Clone, Copy)]
enum Purpose {
    Show,
    Cancel,
}

async fn run(call: Identified) -> Result<Run, ApiError> {
    find(call, Purpose::Show).await
}

/// The run of the path, if its caller may act in its project; in the same words whatever is not so.
async fn find(call: Identified, purpose: Purpose) -> Result<Run, ApiError> {
    let name = format!("{OPERATIONS}/{}", call.segment("operation"));
    let missing = || of_operation(OperationsError::NotFound, &name);
    let RunName { job, id } = RunName::parse(&name).ok_or_else(missing)?;
    let project = call.api().operations.project_of_operation(id, OPERATIONS).await;
    let project = project.map_err(|error| of_operation(error, &name))?;
    let call = call.enter(project.as_str()).map_err(|_| missing())?;
    let address = Address { project, collection: Some(OPERATIONS.to_owned()), id };
    let operations = &call.api().operations;
    let seen = match purpose {
        Purpose::Show => operations.get(address.clone()).await,
        Purpose::Cancel => operations.get_to_cancel(address.clone()).await,
    };
    let seen = seen.map_err(|error| of_operation(error, &name))?;
    if seen.target != job.as_str() {
        return Err(missing());
    }
    Ok(Run { call, address, name, seen })
}

impl Run {
    /// Clients send no body, an empty one, `{}`, or the name again.
    async fn no_fields(&mut self) -> Result<(), ApiError> {
        let mut fields = self.call.urgent_body().await?;
        let mut violations = Violations::default();
        if fields.text("name", &mut violations).is_some_and(|given| given != self.name) {
            violations.add("name", "differs from the name in the path");
        }
        fields.finish(&mut violations);
        violations.into_result()
    }
}

fn wrong_state(name: &str, seen: &Operation, done: &str, which: &str) -> ApiError {
    let status = Status::of(seen.view()).as_str();
    let message = format!("the operation {name} is {status} and is not {done}: {which}");
    ApiError::new(Code::FailedPrecondition, "OPERATION_IN_OTHER_STATE", message)
        .with("operation", name)
        .with("status", status)
}

fn of_operation(error: OperationsError, name: &str) -> ApiError {
    match error {
        OperationsError::NotFound => ApiError::not_found("OPERATION_NOT_FOUND", OPERATION_TYPE, name),
        OperationsError::KeyTaken
        | OperationsError::NotRetryable(_)
        | OperationsError::NotDone(_)
        | OperationsError::NoSecretKeys
        | OperationsError::Unavailable
        | OperationsError::Internal => error.into(),
    }
}

fn empty() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({}))
}
