//! The native methods. Whether the caller may act in the project is settled when a handler starts.

use super::OPERATIONS;
use super::options::{self, Options};
use super::parameters::{CancelFirst, OfOperation, OrderBy};
use super::requests::{CancelRequest, CreateRequest, RetryOperation};
use super::specs::CreateOperation;
use super::translate::{self, FILTER, Reader};
use super::wire;
use crate::admission::auth::CANCEL;
use crate::admission::call::Call;
use crate::kinds::{self, RequestedWork};
use crate::listing::paging::{self, Collections};
use crate::openapi::{
    BadRequest, Filter, IdempotencyKey, InProject, KeyTaken, NotFound, Nothing, Page, TooSlow, Unavailable,
    Unimplemented, Usual,
};
use crate::operations::{Address, Answer, Creation, Operation, OperationsError, Order};
use crate::wire::error::{ApiError, HandlerResult, Violations};
use crate::wire::request::Message;
use actix_web::HttpResponse;
use operation::Code;
use runtime::clock;

/// The collection of what is created here. Vendors' lists do not show it.
pub(super) const COLLECTION: &str = "native";
const OPERATION_TYPE: &str = "safepoint/Operation";
/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// `POST /api/v1/projects/{project}/operations`. With a `requestId` (AIP-155; or the header `Idempotency-Key`) the same
/// request is the same operation, as often as it is sent.
#[utoipa::path(
    post,
    context_path = OPERATIONS,
    path = "",
    operation_id = "operations.create",
    tag = "native",
    summary = "Creates an operation",
    params(InProject, IdempotencyKey),
    request_body(content = CreateOperation),
    responses((status = 200, body = wire::Operation, description = "The operation"), Usual, BadRequest, NotFound, TooSlow, KeyTaken, Unimplemented, Unavailable),
)]
pub async fn create(mut call: Call) -> HandlerResult {
    let mut violations = Violations::default();
    let mut request = CreateRequest::read(call.body().await?, &mut violations);
    let request_id = options::request_id(request.request_id.take(), call.header(IDEMPOTENCY_KEY), &mut violations);
    let now = request_id.is_none().then(clock::now);
    let Options { labels, priority, deadline, retry } = options::options(&mut request, now, &mut violations);
    let spec = translate::spec(&mut request, &mut violations);
    let reader = Reader::find(request.kind.as_deref(), call.api(), &call.project, &mut violations).await?;
    let Some(reader) = reader else {
        return Err(violations.into_result().err().unwrap_or_else(ApiError::internal));
    };
    let counts = reader.info().counts_against_quotas;
    let RequestedWork { spec, target, secret } = if reader.is_costly() {
        call.judge(move |api, project| reader.read(spec, api, project, violations)).await?
    } else {
        reader.read(spec, call.api(), &call.project, violations)?
    };
    let creation = Creation {
        project: call.project.clone(),
        collection: COLLECTION.to_owned(),
        target,
        spec,
        priority,
        labels,
        deadline,
        retry,
        request_id,
        by: call.actor(),
        secret,
    };
    let let_in = if counts { call.enqueues().await } else { call.creates() };
    if let Err(refused) = let_in {
        // It may have been let in, and its answer lost.
        let before = call.api().operations.created_before(&creation).await?.ok_or(refused)?;
        return Ok(HttpResponse::Ok().json(translate::operation(&call.api().own_kinds.units(), before)));
    }
    let operation = call.api().operations.create(creation).await?;
    Ok(HttpResponse::Ok().json(translate::operation(&call.api().own_kinds.units(), operation)))
}

/// `GET /api/v1/projects/{project}/operations/{operation}`
#[utoipa::path(
    get,
    context_path = OPERATIONS,
    path = "/{operation}",
    operation_id = "operations.get",
    tag = "native",
    summary = "Shows an operation",
    params(InProject, OfOperation),
    responses((status = 200, body = wire::Operation, description = "The operation"), Usual, NotFound, Unavailable),
)]
pub async fn get(call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    let operation = call.api().operations.get(address).await.map_err(|error| of_operation(error, &name))?;
    Ok(HttpResponse::Ok().json(translate::operation(&call.api().own_kinds.units(), operation)))
}

/// `GET /api/v1/projects/{project}/operations`: all of the project, those that came by a vendor's API too.
#[utoipa::path(
    get,
    context_path = OPERATIONS,
    path = "",
    operation_id = "operations.list",
    tag = "native",
    summary = "Lists the project's operations",
    params(InProject, Page, Filter, OrderBy),
    responses((status = 200, body = wire::Operations, description = "A page"), Usual, BadRequest, Unavailable),
)]
pub async fn list(mut call: Call) -> HandlerResult {
    let query = call.query().await?;
    query.refuse_unknown(&["pageSize", "pageToken", "filter", "orderBy"])?;
    let parent = format!("projects/{}/operations", call.project);
    let order = order(query.text("orderBy")?.unwrap_or_default())?;
    let page = paging::operations(&call, &query, &parent, Collections::All, &FILTER, order).await?;
    let units = call.api().own_kinds.units();
    Ok(HttpResponse::Ok().json(wire::Operations {
        operations: page.items.into_iter().map(|operation| translate::operation(&units, operation)).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// In which order (AIP-132): by the time of creation, which is the one order that an index has.
fn order(text: &str) -> Result<Order, ApiError> {
    match *text.split_whitespace().collect::<Vec<_>>() {
        [] | ["createTime" | "create_time", "desc"] => Ok(Order::NewestFirst),
        ["createTime" | "create_time"] | ["createTime" | "create_time", "asc"] => Ok(Order::OldestFirst),
        [..] => Err(ApiError::invalid_field("orderBy", "is served for \"createTime\" and \"createTime desc\" alone")),
    }
}

/// `POST …/operations/{operation}:cancel`, with `{"reason": "…", "mode": "…"}` or without a body.
#[utoipa::path(
    post,
    context_path = OPERATIONS,
    path = "/{operation}:cancel",
    operation_id = "operations.cancel",
    tag = "native",
    summary = "Asks an operation to stop",
    params(InProject, OfOperation),
    request_body(content = Option<CancelRequest>),
    responses((status = 200, body = wire::Answered, description = "What became of it, and the operation"), Usual, BadRequest, NotFound, TooSlow, Unavailable),
)]
pub async fn cancel(mut call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    let mut violations = Violations::default();
    let CancelRequest { reason, mode, .. } = CancelRequest::read(call.urgent_body().await?, &mut violations);
    violations.into_result()?;
    let mode = mode.unwrap_or_default();
    answered(&call, call.api().operations.cancel(address, call.actor(), reason, mode).await, &name)
}

/// `POST …/operations/{operation}:pause`
#[utoipa::path(
    post,
    context_path = OPERATIONS,
    path = "/{operation}:pause",
    operation_id = "operations.pause",
    tag = "native",
    summary = "Asks an operation to pause",
    params(InProject, OfOperation),
    request_body(content = Option<Nothing>),
    responses((status = 200, body = wire::Answered, description = "What became of it, and the operation"), Usual, BadRequest, NotFound, TooSlow, Unavailable),
)]
pub async fn pause(mut call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    no_fields(&mut call).await?;
    answered(&call, call.api().operations.pause(address, call.actor()).await, &name)
}

/// `POST …/operations/{operation}:resume`
#[utoipa::path(
    post,
    context_path = OPERATIONS,
    path = "/{operation}:resume",
    operation_id = "operations.resume",
    tag = "native",
    summary = "Lets a paused operation go on",
    params(InProject, OfOperation),
    request_body(content = Option<Nothing>),
    responses((status = 200, body = wire::Answered, description = "What became of it, and the operation"), Usual, BadRequest, NotFound, TooSlow, Unavailable),
)]
pub async fn resume(mut call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    no_fields(&mut call).await?;
    answered(&call, call.api().operations.resume(address, call.actor()).await, &name)
}

/// `POST …/operations/{operation}:retry`: a new operation that goes on from the checkpoint of one that failed or was
/// cancelled. The old one stays as it ended.
#[utoipa::path(
    post,
    context_path = OPERATIONS,
    path = "/{operation}:retry",
    operation_id = "operations.retry",
    tag = "native",
    summary = "Tries again what failed or was cancelled",
    params(InProject, OfOperation, IdempotencyKey),
    request_body(content = Option<RetryOperation>),
    responses((status = 200, body = wire::Answered, description = "What became of it, and the new operation"), Usual, BadRequest, NotFound, TooSlow, KeyTaken, Unavailable),
)]
pub async fn retry(mut call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    let mut violations = Violations::default();
    let request = RetryOperation::read(call.body().await?, &mut violations);
    let request_id = options::request_id(request.request_id, call.header(IDEMPOTENCY_KEY), &mut violations);
    violations.into_result()?;
    let known = call.api().operations.get(address.clone()).await.map_err(|error| of_operation(error, &name))?;
    if known.has_secret {
        let message = "what came with a secret is not tried again, for the secret went with its end: create it anew";
        return Err(ApiError::new(Code::FailedPrecondition, "OPERATION_NOT_RETRYABLE", message));
    }
    if let Some(message) = kinds::native(&known.kind).and_then(|native| native.not_retried) {
        return Err(ApiError::new(Code::FailedPrecondition, "OPERATION_NOT_RETRYABLE", message));
    }
    if let Some(of) = ::kinds::COLLECTIONS.iter().find(|of| of.operations == known.collection) {
        // A resource has one run at a time, which its own row sees to.
        let noun = of.noun.to_lowercase().replace('_', " ");
        let message = format!(
            "a run of a {noun} is not tried again: run the {noun} once more, and it goes on with what is missing"
        );
        return Err(ApiError::new(Code::FailedPrecondition, "OPERATION_NOT_RETRYABLE", message));
    }
    if let Some(native) = kinds::native(&known.kind) {
        call.api().operations.may_create(&call.project, native.info)?;
    } else if let Some(own) = call.api().own_kinds.find(&known.kind).await? {
        call.api().operations.may_create(&call.project, &own.info)?;
    }
    if let Err(refused) = call.enqueues().await {
        let before = call.api().operations.retried_before(&address, request_id).await?.ok_or(refused)?;
        return answered(&call, Ok((Answer::AlreadyRequested, before)), &name);
    }
    answered(&call, call.api().operations.retry(address, request_id, call.actor()).await, &name)
}

/// `DELETE …/operations/{operation}`: hides one that has ended. With `?cancel=true`, which also needs the scope of a cancel, one
/// that has not ended is cancelled, and hidden when it has ended.
#[utoipa::path(
    delete,
    context_path = OPERATIONS,
    path = "/{operation}",
    operation_id = "operations.delete",
    tag = "native",
    summary = "Deletes an operation that has ended, or cancels it and deletes it then",
    params(InProject, OfOperation, CancelFirst),
    responses((status = 200, body = Nothing, description = "It is hidden, or will be when it has ended"), Usual, BadRequest, NotFound, Unavailable),
)]
pub async fn delete(mut call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    let query = call.query().await?;
    query.refuse_unknown(&["cancel"])?;
    let operations = &call.api().operations;
    let deleted = if query.flag("cancel")? {
        call.may(CANCEL)?;
        operations.cancel_and_delete(address, call.actor()).await
    } else {
        operations.delete_ended(address, call.actor()).await
    };
    deleted.map_err(|error| of_operation(error, &name))?;
    Ok(HttpResponse::Ok().json(serde_json::json!({})))
}

pub(super) fn address(call: &Call) -> Result<(Address, String), ApiError> {
    let id = call.segment("operation");
    let name = format!("projects/{}/operations/{id}", call.project);
    let Some(id) = translate::operation_id(&id) else {
        return Err(of_operation(OperationsError::NotFound, &name));
    };
    Ok((Address { project: call.project.clone(), collection: None, id }, name))
}

async fn no_fields(call: &mut Call) -> Result<(), ApiError> {
    let mut violations = Violations::default();
    call.urgent_body().await?.finish(&mut violations);
    violations.into_result()
}

fn answered(call: &Call, result: Result<(Answer, Operation), OperationsError>, name: &str) -> HandlerResult {
    let (answer, operation) = result.map_err(|error| of_operation(error, name))?;
    let operation = translate::operation(&call.api().own_kinds.units(), operation);
    Ok(HttpResponse::Ok().json(wire::Answered { answer: answer.as_str(), operation }))
}

pub(super) fn of_operation(error: OperationsError, name: &str) -> ApiError {
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
