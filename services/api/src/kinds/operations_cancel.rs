//! `operations.cancel`, which has a method of its own.

use super::{Checks, NativeKind, RequestedWork};
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::Fields;
use kinds::operations_cancel::INFO;

/// The kind, as the native API takes it.
pub const NATIVE: NativeKind = NativeKind {
    info: &INFO,
    is_creatable: false,
    is_costly: false,
    // It would cancel what is there by now, in the name of who asked then, for one who may not cancel.
    not_retried: Some("a cancel of many is not tried again: ask :cancel once more"),
    read,
};

#[expect(clippy::unnecessary_wraps, clippy::needless_pass_by_value, reason = "the shape of all kinds")]
fn read(_: Fields, _: Checks<'_>, violations: &mut Violations) -> Result<Option<RequestedWork>, ApiError> {
    violations.add("kind", "operations.cancel is created by POST …/operations:cancel");
    Ok(None)
}
