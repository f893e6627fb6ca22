//! The JSON that all methods share: errors, and what operators ask.

use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Every error (AIP-193).
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells what `error.rs` writes")]
pub struct ErrorAnswer {
    error: ErrorStatus,
}

/// `google.rpc.Status`, with the HTTP status as its code.
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells what `error.rs` writes")]
pub struct ErrorStatus {
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    code: u16,
    /// For people.
    message: String,
    /// The canonical code's name, e.g. `INVALID_ARGUMENT`.
    #[schema(pattern = "^[A-Z_]+$")]
    status: String,
    /// `ErrorInfo` first (`reason`, `domain`, `metadata`), then, where they are known, `BadRequest` (`fieldViolations`),
    /// `ResourceInfo`, `RetryInfo`, and `RequestInfo`.
    #[schema(min_items = 1)]
    details: Vec<ErrorDetail>,
}

/// One of `google/rpc/error_details.proto`; `@type` tells which.
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells what `error.rs` writes")]
pub struct ErrorDetail {
    #[schema(rename = "@type", pattern = "^type\\.googleapis\\.com/google\\.rpc\\.")]
    type_url: String,
    /// Of `ErrorInfo`: which error it is, for programs.
    reason: Option<String>,
    /// Of `ErrorInfo`: `safepoint`.
    domain: Option<String>,
    /// Of `ErrorInfo`: what varies in the message.
    metadata: Option<BTreeMap<String, String>>,
    /// Of `BadRequest`: each field that is wrong, and why.
    #[schema(rename = "fieldViolations")]
    field_violations: Option<Vec<FieldViolation>>,
}

/// A field of a request that is wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells what `error.rs` writes")]
pub struct FieldViolation {
    /// The field's path, e.g. `spec.format.csv.selectQuery`; `(body)` is the body as a whole.
    field: String,
    /// What is wrong with it.
    description: String,
}

/// No field at all.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Whether the process lives, or can do its work.
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells what `health.rs` writes")]
pub struct Health {
    /// `alive`, `not alive`, `ready`, `degraded` (the broker is down: cancels take the slower road) or `not ready`.
    status: String,
    /// `down`, where it is.
    broker: Option<String>,
    /// `down`, where it is.
    database: Option<String>,
    /// How many threads do not answer, e.g. `1 of 2 serving threads`.
    unresponsive: Option<String>,
}

/// An `OpenAPI` document.
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells what `openapi::json` writes")]
pub struct Document(BTreeMap<String, Value>);
