//! What is known of an operation that has not ended yet: its owner, the owner's lease, and who could take it.

use crate::operations::at;
use crate::{Address, Operation, Store, StoreError};
use operation::WorkerId;
use sqlx::Row;
use time::OffsetDateTime;

pub(crate) const WHY: &str = include_str!("../sql/why.sql");

/// The worker that has an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Which life of which process.
    pub id: WorkerId,
    /// Its machine's name.
    pub host: String,
    /// When it last renewed its lease.
    pub renewed_at: OffsetDateTime,
    /// When the lease ends, or ended.
    pub expires_at: OffsetDateTime,
}

/// What is known, all of one moment.
#[derive(Debug, Clone)]
pub struct Why {
    /// The moment, by the database's clock.
    pub looked_at: OffsetDateTime,
    /// The operation.
    pub operation: Operation,
    /// Who has it; `None` where nobody has, or the owner's row is gone.
    pub owner: Option<Owner>,
    /// How many workers have a lease that stands.
    pub living_workers: u64,
    /// Whether as many operations of its project run as may.
    pub project_is_full: bool,
}

impl Store {
    /// Looks at an operation and all that it may be waiting for. `None` where there is no such operation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn why(&self, address: &Address) -> Result<Option<Why>, StoreError> {
        let Some(row) = self.fetch_optional(at(WHY, address)).await? else { return Ok(None) };
        let operation = Operation::read(&row)?;
        let owner = match (operation.worker, row.try_get::<Option<String>, _>("owner_host")?) {
            (Some(id), Some(host)) => Some(Owner {
                id,
                host,
                renewed_at: row.try_get("owner_renewed_at")?,
                expires_at: row.try_get("owner_expires_at")?,
            }),
            _ => None,
        };
        Ok(Some(Why {
            looked_at: row.try_get("looked_at")?,
            operation,
            owner,
            living_workers: row.try_get::<i64, _>("living_workers")?.unsigned_abs(),
            project_is_full: row.try_get("project_is_full")?,
        }))
    }
}
