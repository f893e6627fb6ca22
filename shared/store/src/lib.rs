//! All SQL on our own database, and nothing else.
//!
//! One transition is one statement, in autocommit: no transaction is ever left open, and each point at which a
//! process can die lies between two statements. The statements stand in `sql/`, one a file; a test prepares each of
//! them against the migrated schema. What they decide is what [`operation::transition`] decides, and a test compares
//! the two over generated sequences of events.

mod attempts;
mod changes;
mod error;
mod lists;
mod migrate;
mod operations;
mod partitions;
mod pool;
mod row;
mod sweep;
mod workers;

pub use attempts::{Claimed, CommitAnswer, Ending, Finished, Heard, Position, Settled};
pub use changes::Change;
pub use error::StoreError;
pub use lists::{ListFilter, Page};
pub use migrate::{MigrateError, migrate};
pub use operations::{Address, Asked, CreateRequest, Created, NewOperation, Requester};
pub use partitions::PartitionError;
pub use pool::{PLANNING, PoolSettings, Store};
pub use row::{CancelReceipt, Operation};
pub use sweep::{QueueDepth, Swept};
pub use workers::{LeaseLost, Requested};

/// Every statement by name, for the test that prepares them.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("insert", operations::INSERT),
    ("create_request", operations::CREATE_REQUEST),
    ("forget_create_requests", operations::FORGET_CREATE_REQUESTS),
    ("get", operations::GET),
    ("cancel", operations::CANCEL),
    ("pause", operations::PAUSE),
    ("resume", operations::RESUME),
    ("delete", operations::DELETE),
    ("claim", attempts::CLAIM),
    ("checkpoint", attempts::CHECKPOINT),
    ("commit_point", attempts::COMMIT_POINT),
    ("finish", attempts::FINISH),
    ("reconcile", attempts::RECONCILE),
    ("register", workers::REGISTER),
    ("renew", workers::RENEW),
    ("requests", workers::REQUESTS),
    ("retire", workers::RETIRE),
    ("sweep", sweep::SWEEP),
    ("bury", sweep::BURY),
    ("queue", sweep::QUEUE),
    ("changed", changes::CHANGED),
];
