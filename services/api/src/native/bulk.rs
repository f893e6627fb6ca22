//! A cancel of many operations by a filter: counted first if wanted, then an operation itself.

use super::OPERATIONS;
use super::options::request_id;
use super::requests::CancelManyRequest;
use super::routes::COLLECTION;
use super::translate::{self, FILTER};
use super::wire;
use crate::admission::call::Call;
use crate::listing::filter::{self, Selection};
use crate::openapi::{BadRequest, IdempotencyKey, InProject, KeyTaken, TooSlow, Unavailable, Usual};
use crate::operations::{Creation, ListFilter};
use crate::wire::error::{HandlerResult, Violations};
use crate::wire::request::Message;
use actix_web::HttpResponse;
use kinds::Parameters;
use kinds::operations_cancel::{CancelOperations, INFO};
use operation::{Kind, RetryPolicy};
use std::collections::{BTreeMap, BTreeSet};

/// Up to here the count is exact.
const MOST_COUNTED: u32 = 10_000;
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Before other work of the project: who cancels wants it soon.
const PRIORITY: i16 = i16::MAX;

/// `POST /api/v1/projects/{project}/operations:cancel`, with `{"filter": "…", "reason": "…", "mode": "…", "dryRun":
/// true}`: how many operations are meant and, unless it is a dry run, the operation that asks each of them to stop.
#[utoipa::path(
    post,
    context_path = OPERATIONS,
    path = ":cancel",
    operation_id = "operations.cancelMany",
    tag = "native",
    summary = "Asks all operations that a filter selects to stop",
    params(InProject, IdempotencyKey),
    request_body(content = CancelManyRequest),
    responses((status = 200, body = wire::BulkCancel, description = "How many are meant, and the operation that does it"), Usual, BadRequest, TooSlow, KeyTaken, Unavailable),
)]
pub async fn cancel(mut call: Call) -> HandlerResult {
    let mut violations = Violations::default();
    let request = CancelManyRequest::read(call.urgent_body().await?, &mut violations);
    let CancelManyRequest { filter: text, reason, mode, dry_run, .. } = request;
    let request_id = request_id(request.request_id, call.header(IDEMPOTENCY_KEY), &mut violations);
    violations.into_result()?;
    let Selection::Matching(filter) = filter::select(text.as_deref().unwrap_or_default(), &FILTER)? else {
        // `done = true AND done = false`: there is nothing to cancel, and so nothing to do.
        return Ok(HttpResponse::Ok().json(wire::BulkCancel {
            matching: "0".to_owned(),
            exact: true,
            operation: None,
        }));
    };
    let open = ListFilter { done: Some(false), ..filter.clone() };
    let matching = if filter.done == Some(true) {
        0
    } else {
        call.api().operations.count_to_cancel(call.project.clone(), open, MOST_COUNTED).await?
    };
    let exact = matching < u64::from(MOST_COUNTED);
    let operation = if dry_run {
        None
    } else {
        let requested_by = call.actor().principal;
        let filter = match filter.excluded_kinds.as_slice() {
            [] => filter,
            _ => without_exclusions(filter, &call.api().operations.known_kinds().await?),
        };
        let spec = CancelOperations { filter, requested_by, reason, mode: mode.unwrap_or_default() };
        let creation = creation(&call, &spec, request_id);
        // Whatever waits: a full queue is a reason to cancel.
        call.api().operations.may_create(&call.project, &INFO)?;
        call.creates()?;
        Some(translate::operation(&call.api().own_kinds.units(), call.api().operations.create(creation).await?))
    };
    Ok(HttpResponse::Ok().json(wire::BulkCancel { matching: matching.to_string(), exact, operation }))
}

/// The same filter, as workers of the version before read it: they know no exclusions. Goes a release later.
fn without_exclusions(mut filter: ListFilter, known: &BTreeSet<Kind>) -> ListFilter {
    let excluded: BTreeSet<_> = filter.excluded_kinds.drain(..).collect();
    filter.kinds = (known - &excluded).into_iter().collect();
    filter
}

fn creation(call: &Call, spec: &CancelOperations, request_id: Option<String>) -> Creation {
    Creation {
        project: call.project.clone(),
        collection: COLLECTION.to_owned(),
        target: format!("projects/{}/operations", call.project),
        spec: spec.to_spec(),
        priority: PRIORITY,
        labels: BTreeMap::new(),
        deadline: None,
        retry: RetryPolicy::default(),
        request_id,
        by: call.actor(),
        secret: None,
    }
}
