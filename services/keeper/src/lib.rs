//! The keeper: the loops that must go on when workers are gone. Two or more replicas; each loop is safe to run in all
//! of them at once.

pub mod counters;
pub mod create_requests;
pub mod expiry;
pub mod overdue;
pub mod partitions;
pub mod sweeper;
pub mod tokens;

use std::time::Duration;

/// After this a loop that looks seldom tries again what it could not do.
const TRY_AGAIN: Duration = Duration::from_secs(10);
