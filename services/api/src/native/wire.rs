//! The native JSON: camelCase, int64 as texts, times in RFC 3339; what is absent is left out.

use crate::error::Violations;
use crate::fields::Fields;
use operation::{Cleanup, Spec};
use serde::Serialize;
use serde_json::Value;

/// An operation, with everything known about it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub id: String,
    pub name: String,
    pub project: String,
    pub kind: &'static str,
    pub state: &'static str,
    pub done: bool,
    pub target: String,
    pub priority: i16,
    pub revision: String,
    pub create_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    pub update_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_time: Option<String>,
    pub attempt: u32,
    pub failures: u32,
    pub progress: Progress,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_requested_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancel>,
    pub spec: Spec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// How far it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub items_done: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items_total: Option<String>,
    pub unit: &'static str,
    pub bytes_done: String,
}

/// The receipt of a cancel.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    pub requested_at: String,
    pub requested_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe_point: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleanup: Option<Cleanup>,
}

/// Why it failed, or that it was cancelled: the canonical code's number and name.
#[derive(Debug, Serialize)]
pub struct Error {
    pub code: i32,
    pub message: String,
    pub status: &'static str,
}

/// A page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operations {
    pub operations: Vec<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// What became of a cancel, a pause or a resume.
#[derive(Debug, Serialize)]
pub struct Answered {
    pub answer: &'static str,
    pub operation: Operation,
}

/// A request to create an operation, without judging what it says.
#[derive(Debug)]
pub struct CreateRequest {
    pub kind: Option<String>,
    pub spec: Fields,
    pub priority: Option<i64>,
    pub request_id: Option<String>,
}

impl CreateRequest {
    /// Reads a request; what is in the spec is left for its kind.
    pub fn read(mut fields: Fields, violations: &mut Violations) -> Self {
        let kind = fields.text("kind", violations);
        let spec = fields.object("spec", violations).unwrap_or_else(|| {
            violations.add("spec", "is required");
            Fields::default()
        });
        let priority = fields.integer("priority", violations);
        let request_id = fields.text("requestId", violations);
        fields.finish(violations);
        Self { kind, spec, priority, request_id }
    }
}
