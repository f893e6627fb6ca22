//! How many operations a project has, by kind and state.

use crate::call::Call;
use crate::error::ApiError;
use actix_web::HttpResponse;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Counts {
    counts: Vec<Count>,
}

#[derive(Debug, Serialize)]
struct Count {
    kind: String,
    state: String,
    /// An int64 as a text, like all of ours.
    #[serde(rename = "count")]
    operations: String,
}

/// `GET /api/v1/projects/{project}/operations:counts`: exact, of those that a list shows, and none that is 0.
pub async fn counts(mut call: Call) -> Result<HttpResponse, ApiError> {
    call.query().await?.refuse_unknown(&[])?;
    let counts = call.api().operations.counts(call.project.clone()).await?;
    let counts = counts
        .into_iter()
        .map(|count| Count { kind: count.kind, state: count.state, operations: count.count.to_string() })
        .collect();
    Ok(HttpResponse::Ok().json(Counts { counts }))
}
