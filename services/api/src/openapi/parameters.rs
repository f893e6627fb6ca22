//! Parameters that methods share, with the limits that the code checks.
#![expect(dead_code, reason = "they tell what `Call` and `Query` read")]

use utoipa::IntoParams;

/// Of every method of a project.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct InProject {
    /// The project.
    #[param(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_.:-]+$")]
    project: String,
}

/// The page of a list (AIP-158).
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct Page {
    /// How long the page may be: 50 where it is absent or 0, 1,000 at most.
    #[param(minimum = 0, nullable = false)]
    page_size: Option<i64>,
    /// `nextPageToken` of the page before, good for three days and for the same list.
    #[param(nullable = false)]
    page_token: Option<String>,
}

/// What a list is narrowed to.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// An AIP-160 filter, e.g. `done = false AND createTime > "2026-11-25T00:00:00Z"`. An error tells what may be named.
    #[param(max_length = 4000, nullable = false)]
    filter: Option<String>,
}

/// The key of an idempotent request.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKey {
    /// Sent again with the same request it gives the same operation, for 30 days. The same as `requestId` in the body.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 128, pattern = "^[!-~]+$", nullable = false)]
    idempotency_key: Option<String>,
}
