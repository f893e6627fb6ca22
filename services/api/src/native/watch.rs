//! The two ways to wait for an operation without asking over and over: a long poll and a stream of events.

use super::OPERATIONS;
use super::answer_schemas::ServerSentEvent;
use super::feed::{self, Feed};
use super::parameters::{LastEventId, OfOperation};
use super::requests::WaitRequest;
use super::routes::{address, of_operation};
use super::translate;
use super::wire;
use crate::admission::call::Call;
use crate::openapi::{BadRequest, InProject, NotFound, TooSlow, Unavailable, Usual};
use crate::operations::watch::{Known, Watcher, Woken};
use crate::operations::{Address, Operation, OperationsError};
use crate::wire::bounds::LONGEST_TEXT;
use crate::wire::error::{ApiError, HandlerResult, Violations};
use crate::wire::request::Message;
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Bytes;
use futures_util::stream;
use operation::Code;
use std::time::Duration;
use tokio::time::Instant;

const USUAL_TIMEOUT: Duration = Duration::from_secs(30);
const LONGEST_TIMEOUT: Duration = Duration::from_mins(5);
/// How long after its timeout a wait whose first look is slow gives up: INV-30 grants it a second.
const LATE: Duration = Duration::from_millis(750);

/// `POST …/operations/{operation}:wait`, with `{"timeout": "30s"}` or without a body: answers when the operation has ended,
/// or at the timeout, with the operation as it is (INV-30).
#[utoipa::path(
    post,
    context_path = OPERATIONS,
    path = "/{operation}:wait",
    operation_id = "operations.wait",
    tag = "native",
    summary = "Waits until an operation has ended",
    params(InProject, OfOperation),
    request_body(content = Option<WaitRequest>),
    responses((status = 200, body = wire::Operation, description = "The operation, ended or as it is at the timeout"), Usual, BadRequest, NotFound, TooSlow, Unavailable),
)]
pub async fn wait(mut call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    let timeout = timeout(&mut call).await?;
    let deadline = Instant::now() + timeout;
    if timeout.is_zero() {
        let operation = look(&call, address, &name, deadline + LATE).await?;
        return Ok(HttpResponse::Ok().json(translate::operation(&call.api().own_kinds.units(), operation)));
    }
    let mut watcher = watcher(&call, &address)?;
    watcher.learn(look(&call, address, &name, deadline + LATE).await?);
    match watcher.settled(deadline).await {
        Known::There(operation) => {
            Ok(HttpResponse::Ok()
                .json(translate::operation(&call.api().own_kinds.units(), Operation::clone(&operation))))
        }
        Known::Gone | Known::Nothing => Err(of_operation(OperationsError::NotFound, &name)),
    }
}

/// `GET …/operations/{operation}/events`: the operation, then what changes of it, until it has ended.
#[utoipa::path(
    get,
    context_path = OPERATIONS,
    path = "/{operation}/events",
    operation_id = "operations.events",
    tag = "native",
    summary = "Streams what changes of an operation",
    params(InProject, OfOperation, LastEventId),
    responses(
        (
            status = 200,
            content_type = "text/event-stream",
            body = ServerSentEvent,
            description = "Server-sent events: `snapshot` (the operation), `delta` (a JSON merge patch of it), then `end` \
                           or `deleted`; their ids are its revisions"
        ),
        Usual,
        BadRequest,
        NotFound,
        Unavailable
    ),
)]
pub async fn events(call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    let last = call.header("last-event-id");
    if last.as_ref().is_some_and(|id| id.chars().nth(LONGEST_TEXT).is_some()) {
        return Err(ApiError::invalid_field("Last-Event-ID", format!("is longer than {LONGEST_TEXT} characters")));
    }
    let feed = Feed::new(last.as_deref(), call.api().own_kinds.units());
    let watcher = watcher(&call, &address)?;
    watcher.learn(look(&call, address, &name, Instant::now() + LONGEST_TIMEOUT).await?);
    let beginning = Ok::<_, ApiError>(Bytes::from_static(feed::RETRY.as_bytes()));
    let parts = stream::unfold(Some((watcher, feed)), |open| async move {
        let (mut watcher, mut feed) = open?;
        let text = next(&mut watcher, &mut feed).await?;
        let open = (!feed.is_over()).then_some((watcher, feed));
        Some((Ok(Bytes::from(text)), open))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // nginx would hold events back.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(futures_util::StreamExt::chain(stream::iter([beginning]), parts)))
}

/// Waits for what the client is to be sent next; nothing more when the process ends. The client then comes back to another
/// replica, with the id of the last event.
async fn next(watcher: &mut Watcher, feed: &mut Feed) -> Option<String> {
    loop {
        let text = feed.next(&watcher.known());
        if !text.is_empty() {
            return Some(text);
        }
        match watcher.changed().await {
            Woken::Changed => {}
            Woken::Quiet => return Some(feed::HEARTBEAT.to_owned()),
            Woken::Ended => return None,
        }
    }
}

async fn timeout(call: &mut Call) -> Result<Duration, ApiError> {
    let mut violations = Violations::default();
    let request = WaitRequest::read(call.body().await?, &mut violations);
    violations.into_result()?;
    Ok(request.timeout.unwrap_or(USUAL_TIMEOUT))
}

fn watcher(call: &Call, address: &Address) -> Result<Watcher, ApiError> {
    call.api().watches.watch(address.id).map_err(|_| {
        let message = "as many clients wait at this replica as may; try again, or ask with get";
        ApiError::new(Code::ResourceExhausted, "TOO_MANY_WATCHERS", message).with_retry_after(1)
    })
}

/// Whether there is such an operation in this project, and how it is.
async fn look(call: &Call, address: Address, name: &str, until: Instant) -> Result<Operation, ApiError> {
    let look = tokio::time::timeout_at(until, call.api().operations.get(address)).await;
    look.unwrap_or(Err(OperationsError::Unavailable)).map_err(|error| of_operation(error, name))
}
