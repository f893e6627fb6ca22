//! Time and randomness: the one place that asks the machine for them. Everything else takes them as arguments.

use operation::{OperationId, WorkerId};
use time::OffsetDateTime;
use uuid::Uuid;

/// The wall clock of this machine. Never compared with another machine's or with the database's.
#[expect(clippy::disallowed_methods, reason = "this is the place the lint points to")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A fresh `UUIDv7`: sorts by the time of creation.
pub fn new_operation_id() -> OperationId {
    OperationId::from_uuid(Uuid::now_v7())
}

/// A fresh random id for one life of a worker.
pub fn new_worker_id() -> WorkerId {
    WorkerId::from_uuid(Uuid::new_v4())
}

/// A random number from 0 to 1, to spread what would otherwise happen at once.
pub fn jitter() -> f64 {
    rand::random()
}
