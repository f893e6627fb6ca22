//! `operations.cancel`: a cancel of many operations.

use crate::Parameters;
use operation::{CancelMode, Kind, KindInfo, ListFilter, OperationId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// The kind.
pub const KIND: Kind = Kind::from_static("operations.cancel");

/// What holds for every operation of this kind.
pub static INFO: KindInfo = KindInfo {
    kind: KIND,
    unit: Cow::Borrowed("operations"),
    // A page of cancels, each one short statement.
    safe_point_bound: Duration::from_secs(10),
    // The page under way is brought to its end.
    stop_bound: Duration::from_secs(20),
    // Who has reached a limit must be able to cancel.
    counts_against_quotas: false,
    opt_in: false,
};

impl Parameters for CancelOperations {
    fn info() -> &'static KindInfo {
        &INFO
    }
}

/// A cancel of many operations of a project: an operation itself, with progress, that can be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelOperations {
    /// Which operations. What was created after this operation is never meant.
    pub filter: ListFilter,
    /// Who asks, for the receipts.
    pub requested_by: String,
    /// Why, in the requester's words, for the receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which safe points they stop at.
    #[serde(default)]
    pub mode: CancelMode,
}

/// What an operation answers: how many operations answered what. Large numbers are texts in our JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelOperationsResponse {
    /// Asked to stop by this operation.
    pub requested: String,
    /// Asked to stop before.
    pub already_requested: String,
    /// Ended before they could be asked.
    pub already_done: String,
}

/// What an attempt resumes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelOperationsCheckpoint {
    /// The last operation that was asked to stop.
    pub after: Option<OperationId>,
    /// How many were asked to stop by this operation.
    pub requested: u64,
    /// How many were asked before.
    pub already_requested: u64,
    /// How many had ended.
    pub already_done: u64,
}
