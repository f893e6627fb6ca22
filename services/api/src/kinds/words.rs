//! The words of operations, as the document names them.

use crate::wire::request::request;
use operation::{CancelMode, State};

request! {
    /// Which safe points a cancel stops at: the next one, or the next one between two items.
    pub words CancelModeName: CancelMode {
        "now" = CancelMode::Now,
        "after_current_item" = CancelMode::AfterCurrentItem,
    }
}

request! {
    /// The state of an operation.
    pub words StateName: State {
        "PENDING" = State::Pending,
        "RUNNING" = State::Running,
        "PAUSED" = State::Paused,
        "SUCCEEDED" = State::Succeeded,
        "FAILED" = State::Failed,
        "CANCELLED" = State::Cancelled,
    }
}
