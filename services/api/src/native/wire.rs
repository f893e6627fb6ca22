//! The native JSON: camelCase, int64 as texts, times in RFC 3339; what is absent is left out.

use super::answer_schemas::{AnswerWord, EndedByName, ShownCleanup, WaitsFor};
use super::specs::ShownSpec;
use crate::kinds::words::{CancelModeName, StateName};
use operation::{CancelMode, Cleanup, EndedBy, Spec};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An operation, with everything known about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub id: String,
    pub name: String,
    pub project: String,
    pub kind: String,
    #[schema(value_type = StateName)]
    pub state: &'static str,
    pub done: bool,
    pub target: String,
    pub priority: i16,
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub deadline: Option<String>,
    pub retry: Retry,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<String>,
    #[schema(pattern = "^-?[0-9]+$")]
    pub revision: String,
    #[schema(format = DateTime)]
    pub create_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub start_time: Option<String>,
    #[schema(format = DateTime)]
    pub update_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub finish_time: Option<String>,
    pub attempt: u32,
    pub failures: u32,
    pub progress: Progress,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub pause_requested_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancel>,
    #[schema(value_type = ShownSpec)]
    pub spec: Spec,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// What came of it: of its kind's own form.
    #[schema(value_type = Option<Object>)]
    pub response: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// How often, and when, a failed attempt is followed by another.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    pub max_attempts: u32,
    pub initial_backoff: String,
    pub max_backoff: String,
}

/// How far it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    #[schema(pattern = "^-?[0-9]+$")]
    pub items_done: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^-?[0-9]+$")]
    pub items_total: Option<String>,
    pub unit: String,
    #[schema(pattern = "^-?[0-9]+$")]
    pub bytes_done: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<String>,
}

/// The receipt of a cancel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    #[schema(format = DateTime)]
    pub requested_at: String,
    pub requested_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CancelModeName>)]
    pub mode: Option<CancelMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub delivered_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub observed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe_point: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub stopped_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ShownCleanup>)]
    pub cleanup: Option<Cleanup>,
    /// Which step ended the attempt. Absent while it runs, and where no attempt ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<EndedByName>)]
    pub ended_by: Option<EndedBy>,
}

/// Why it failed, or that it was cancelled: the canonical code's number and name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Error {
    pub code: i32,
    pub message: String,
    pub status: &'static str,
}

/// A page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Operations {
    pub operations: Vec<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// What became of a cancel, a pause, a resume or a retry, and the operation: after a retry, the new one.
#[derive(Debug, Serialize, ToSchema)]
pub struct Answered {
    #[schema(value_type = AnswerWord)]
    pub answer: &'static str,
    pub operation: Operation,
}

/// What a bulk cancel means, and the operation that does it.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkCancel {
    /// How many operations are open and match now.
    #[schema(pattern = "^-?[0-9]+$")]
    pub matching: String,
    /// Whether that is all of them, and not where counting ended.
    pub exact: bool,
    /// Absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
}

/// Why an operation has not ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    #[schema(value_type = StateName)]
    pub state: &'static str,
    pub done: bool,
    #[schema(value_type = WaitsFor)]
    pub waits_for: &'static str,
    pub explanation: String,
    pub attempt: u32,
    pub failures: u32,
    pub max_attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub next_attempt_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub deadline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_safe_point: Option<LastSafePoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_pending_for: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_pending_for: Option<String>,
    #[schema(pattern = "^-?[0-9]+$")]
    pub living_workers: String,
}

/// The worker that has it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    pub worker: String,
    pub host: String,
    pub lease_renewed_ago: String,
    #[schema(format = DateTime)]
    pub lease_expire_time: String,
    pub lease_stands: bool,
}

/// The last safe point that was stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct LastSafePoint {
    pub name: String,
    #[schema(format = DateTime)]
    pub time: String,
    pub ago: String,
}
