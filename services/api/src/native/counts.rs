//! How many operations a project has, by kind and state.

use super::OPERATIONS;
use crate::admission::call::Call;
use crate::openapi::{BadRequest, InProject, Unavailable, Usual};
use crate::wire::error::HandlerResult;
use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

/// How many operations there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Counts {
    counts: Vec<Count>,
}

/// Of one kind and state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Count {
    kind: String,
    state: String,
    /// An int64 as a text, like all of ours.
    #[serde(rename = "count")]
    operations: String,
}

/// `GET /api/v1/projects/{project}/operations:counts`: exact, of those that a list shows and
/// those that were deleted and have not ended, and none that is 0.
#[utoipa::path(
    get,
    context_path = OPERATIONS,
    path = ":counts",
    operation_id = "operations.counts",
    tag = "native",
    summary = "Counts the project's operations, by kind and state",
    params(InProject),
    responses((status = 200, body = Counts, description = "None that is 0"), Usual, BadRequest, Unavailable),
)]
pub async fn counts(mut call: Call) -> HandlerResult {
    call.query().await?.refuse_unknown(&[])?;
    let counts = call.api().operations.counts(call.project.clone()).await?;
    let counts = counts
        .into_iter()
        .map(|count| Count { kind: count.kind, state: count.state, operations: count.count.to_string() })
        .collect();
    Ok(HttpResponse::Ok().json(Counts { counts }))
}
