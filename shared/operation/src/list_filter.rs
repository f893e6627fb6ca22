//! Which operations of a project a list or a bulk cancel is about.

use crate::{Kind, OperationId, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Which operations of a project are meant: all that meet every condition. An absent or empty condition means "any".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ListFilter {
    /// Exactly this collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Collections that start so, e.g. `alloydb/` for all its locations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection_prefix: Option<String>,
    /// Exactly this target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// One of these targets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// One of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<OperationId>,
    /// All of these labels, with these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Ended, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<bool>,
    /// Only these kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// None of these kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_kinds: Vec<Kind>,
    /// Only these states.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<State>,
    /// Created at or after.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub created_from: Option<OffsetDateTime>,
    /// Created before.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub created_before: Option<OffsetDateTime>,
}
