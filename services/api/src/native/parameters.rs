//! The parameters of the native methods, with the limits that are checked where they are read.
#![expect(dead_code, reason = "they tell what `Query` reads")]

use utoipa::IntoParams;

/// The operation of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfOperation {
    /// The operation's id: a UUID in lower case.
    #[param(pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    operation: String,
}

/// What a delete does with an operation that has not ended.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CancelFirst {
    /// `true`: cancel it (which also needs the scope `operations.cancel`), and delete it when it has ended. Otherwise the
    /// delete of an operation that has not ended is refused: `FAILED_PRECONDITION`.
    #[param(nullable = false)]
    cancel: Option<bool>,
}

/// What the audit log is narrowed to.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfOneOperation {
    /// An operation's id: what was done to this one alone, also after it was deleted or has expired.
    #[param(pattern = "^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$", nullable = false)]
    operation: Option<String>,
}

/// The order of the list (AIP-132).
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OrderBy {
    /// `createTime desc` where it is absent.
    #[param(pattern = "^\\s*((createTime|create_time)(\\s+(asc|desc))?)?\\s*$", nullable = false)]
    order_by: Option<String>,
}

/// Where a stream of events goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct LastEventId {
    /// The id of the last event that the client has seen; browsers send it by themselves.
    #[param(rename = "Last-Event-ID", nullable = false)]
    last_event_id: Option<String>,
}
