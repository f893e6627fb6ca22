//! The operation and its protocol, pure: no I/O, no async, no clock, no randomness.
//!
//! Everything that *decides* stands here; `store` writes the decisions as SQL, `worker` and `api` act on them.
//! Start with [`transition`]: it is the whole life of an operation in one function.

mod failure;
mod id;
mod kind;
mod lease;
mod list_filter;
mod progress;
mod receipt;
mod resource;
mod retry;
mod sealed;
mod spec;
mod state;
mod transition;
mod view;

pub use failure::{Code, Failure};
pub use id::{AttemptNumber, Fence, InvalidId, Nonce, OperationId, ProjectId, WorkerId};
pub use kind::{Kind, KindInfo};
pub use lease::{InvalidLease, LeaseTerms};
pub use list_filter::ListFilter;
pub use progress::{Progress, Rate};
pub use receipt::{CancelMode, Cleanup, CleanupStatus, EndedBy, Road};
pub use resource::Resource;
pub use retry::RetryPolicy;
pub use sealed::Sealed;
pub use spec::Spec;
pub use state::State;
pub use transition::{Event, Next, Notice, Outcome, Refused, Snapshot, transition};
pub use view::OperationView;
