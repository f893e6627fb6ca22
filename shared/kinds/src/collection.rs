//! The collections of vendors' resources: what a resource is to the api and the keeper.

use operation::{Kind, Resource, Spec};
use std::time::Duration;
use time::OffsetDateTime;

/// What holds for every resource of a collection. Each start of one is an operation of its own, since ended operations are
/// final.
#[derive(Debug)]
pub struct Collection {
    /// Its name, with which the names of its resources begin: `transferJobs`.
    pub name: &'static str,
    /// What the verbs of the audit log call one: `TRANSFER_JOB`.
    pub noun: &'static str,
    /// The kind of the operations that run one.
    pub kind: Kind,
    /// The collection of these operations.
    pub operations: &'static str,
    /// How long a deleted one is shown, and its name taken.
    pub deleted_kept: Duration,
    /// When one runs by itself next, strictly after a time: `None` for never, and unless it is [`Resource::ENABLED`].
    ///
    /// # Errors
    /// Its content is of a newer version.
    pub next_run: fn(&Resource, OffsetDateTime) -> serde_json::Result<Option<OffsetDateTime>>,
    /// What a run of one does.
    ///
    /// # Errors
    /// Its content is of a newer version.
    pub run: fn(&Resource) -> serde_json::Result<Spec>,
}
