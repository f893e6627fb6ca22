//! What goes on when workers are gone: the sweep, and the depth of the queue.

use crate::{Store, StoreError};
use operation::{AttemptNumber, Kind, OperationId, State};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

pub(crate) const SWEEP: &str = include_str!("../sql/sweep.sql");
pub(crate) const FAIL_OVERDUE: &str = include_str!("../sql/fail_overdue.sql");
pub(crate) const BURY: &str = include_str!("../sql/bury.sql");
pub(crate) const QUEUE: &str = include_str!("../sql/queue.sql");

/// An operation taken from a lost worker, or failed past its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The operation.
    pub id: OperationId,
    /// Its newest attempt.
    pub attempt: AttemptNumber,
    /// Its kind, as the row names it.
    pub kind: String,
    /// What became of it.
    pub state: State,
}

/// What waits and runs, of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueDepth {
    /// The kind.
    pub kind: Kind,
    /// How many wait.
    pub pending: u64,
    /// How many run.
    pub running: u64,
    /// How many of those are asked to cancel.
    pub cancelling: u64,
    /// The age of the oldest that waits, in seconds.
    pub oldest_pending_seconds: f64,
}

impl Store {
    /// Ends at most `limit` attempts of workers whose lease has ended: cancelled ones become CANCELLED, others wait
    /// again, or fail at their limit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, limit: u32) -> Result<Vec<Swept>, StoreError> {
        self.fetch_all(sqlx::query(SWEEP).bind(i64::from(limit))).await?.iter().map(swept).collect()
    }

    /// Fails at most `limit` operations that wait or stand paused past their deadline, with `DEADLINE_EXCEEDED`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fail_overdue(&self, limit: u32) -> Result<Vec<Swept>, StoreError> {
        self.fetch_all(sqlx::query(FAIL_OVERDUE).bind(i64::from(limit))).await?.iter().map(swept).collect()
    }

    /// Forgets workers whose lease ended long ago and that own nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn bury_workers(&self) -> Result<u64, StoreError> {
        Ok(self.execute(sqlx::query(BURY)).await?.rows_affected())
    }

    /// What waits and runs, of each of these kinds, also with an empty queue.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn queue_depths(&self, kinds: &[Kind]) -> Result<Vec<QueueDepth>, StoreError> {
        let kinds: Vec<_> = kinds.iter().map(Kind::as_str).collect();
        let rows = self.fetch_all(sqlx::query(QUEUE).bind(kinds)).await?;
        rows.iter().map(depth).collect()
    }
}

fn swept(row: &PgRow) -> Result<Swept, StoreError> {
    let id = row.try_get("id")?;
    Ok(Swept {
        id: OperationId::from_uuid(id),
        attempt: AttemptNumber(row.try_get::<i32, _>("attempt")?.unsigned_abs()),
        kind: row.try_get("kind")?,
        state: row.try_get::<&str, _>("state")?.parse().map_err(|()| StoreError::Unreadable { id, what: "state" })?,
    })
}

fn depth(row: &PgRow) -> Result<QueueDepth, StoreError> {
    let unreadable = |_| StoreError::Unreadable { id: Uuid::nil(), what: "kind" };
    Ok(QueueDepth {
        kind: row.try_get::<&str, _>("kind")?.parse().map_err(unreadable)?,
        pending: row.try_get::<i64, _>("pending")?.unsigned_abs(),
        running: row.try_get::<i64, _>("running")?.unsigned_abs(),
        cancelling: row.try_get::<i64, _>("cancelling")?.unsigned_abs(),
        oldest_pending_seconds: row.try_get("oldest_pending_seconds")?,
    })
}
