//! `operations.cancel`, which has a method of its own.

use super::words::{CancelModeName, StateName};
use super::{Checks, NativeKind, RequestedWork, SchemaOf};
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::Fields;
use kinds::operations_cancel::INFO;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The kind, as the native API takes it.
pub const NATIVE: NativeKind = NativeKind {
    info: &INFO,
    request: None,
    shown: SchemaOf::new::<ShownCancelOperations>(),
    is_costly: false,
    // It would cancel what is there by now, in the name of who asked then, for one who may not cancel.
    not_retried: Some("a cancel of many is not tried again: ask :cancel once more"),
    read,
};

#[expect(clippy::unnecessary_wraps, reason = "the shape of all kinds")]
fn read(_: Fields, _: Checks<'_>, violations: &mut Violations) -> Result<Option<RequestedWork>, ApiError> {
    violations.add("kind", "operations.cancel is created by POST …/operations:cancel");
    Ok(None)
}

/// A cancel of many.
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells what `CancelOperations` is written as")]
#[serde(rename_all = "camelCase")]
struct ShownCancelOperations {
    filter: ShownFilter,
    requested_by: String,
    reason: Option<String>,
    mode: CancelModeName,
}

/// Which operations are meant: all that meet every condition that stands here.
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells what `ListFilter` is written as")]
#[serde(rename_all = "camelCase")]
struct ShownFilter {
    collection: Option<String>,
    collection_prefix: Option<String>,
    target: Option<String>,
    targets: Option<Vec<String>>,
    ids: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    done: Option<bool>,
    kinds: Option<Vec<String>>,
    states: Option<Vec<StateName>>,
    #[schema(format = DateTime)]
    created_from: Option<String>,
    #[schema(format = DateTime)]
    created_before: Option<String>,
}
