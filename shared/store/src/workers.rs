//! Leases: one row a worker, whatever it runs.

use crate::row::requested_mode;
use crate::{Store, StoreError};
use operation::{AttemptNumber, CancelMode, LeaseTerms, OperationId, WorkerId};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

pub(crate) const REGISTER: &str = include_str!("../sql/register.sql");
pub(crate) const RENEW: &str = include_str!("../sql/renew.sql");
pub(crate) const REQUESTS: &str = include_str!("../sql/requests.sql");
pub(crate) const RETIRE: &str = include_str!("../sql/retire.sql");

/// An operation of the renewing worker that somebody asks to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requested {
    /// The operation.
    pub id: OperationId,
    /// The attempt that stood when the row was read.
    pub attempt: AttemptNumber,
    /// Whether a cancel is requested, and which safe points it stops at.
    pub cancel: Option<CancelMode>,
    /// Whether a pause is requested.
    pub pause: bool,
}

/// The worker's lease has ended: everything it ran may be running elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease of this worker has ended")]
pub struct LeaseLost;

impl Store {
    /// Registers a worker with a fresh id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn register_worker(&self, id: WorkerId, host: &str, terms: LeaseTerms) -> Result<(), StoreError> {
        self.execute(sqlx::query(REGISTER).bind(id.as_uuid()).bind(host).bind(terms.ttl().as_secs_f64())).await?;
        Ok(())
    }

    /// Renews a worker's lease, and tells which of its operations are asked to stop: the road of a cancel that works
    /// without the broker.
    ///
    /// # Errors
    /// [`StoreError`]; the inner [`LeaseLost`] is final.
    pub async fn renew_worker(
        &self,
        id: WorkerId,
        terms: LeaseTerms,
    ) -> Result<Result<Vec<Requested>, LeaseLost>, StoreError> {
        let rows = self.fetch_all(sqlx::query(RENEW).bind(id.as_uuid()).bind(terms.ttl().as_secs_f64())).await?;
        if rows.is_empty() {
            return Ok(Err(LeaseLost));
        }
        Ok(Ok(requested(&rows)?))
    }

    /// What is asked of these operations of a worker: the look that follows a hint, since the row decides.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn requests(&self, id: WorkerId, operations: &[OperationId]) -> Result<Vec<Requested>, StoreError> {
        let operations: Vec<Uuid> = operations.iter().map(|id| id.as_uuid()).collect();
        let rows = self.fetch_all(sqlx::query(REQUESTS).bind(id.as_uuid()).bind(operations)).await?;
        requested(&rows)
    }

    /// Takes a worker's row away when it owns nothing any more. What it still owns is left to the sweeper.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retire_worker(&self, id: WorkerId) -> Result<bool, StoreError> {
        let done = self.execute(sqlx::query(RETIRE).bind(id.as_uuid())).await?;
        Ok(done.rows_affected() > 0)
    }
}

fn requested(rows: &[PgRow]) -> Result<Vec<Requested>, StoreError> {
    let mut requested = Vec::new();
    for row in rows {
        // A renewal's one row for a worker of which nothing is asked.
        let Some(id) = row.try_get::<Option<Uuid>, _>("id")? else { continue };
        requested.push(Requested {
            id: OperationId::from_uuid(id),
            attempt: AttemptNumber(row.try_get::<i32, _>("attempt")?.unsigned_abs()),
            cancel: requested_mode(row)?,
            pause: row.try_get("pause_requested")?,
        });
    }
    Ok(requested)
}
