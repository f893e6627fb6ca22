//! What goes when it is old: partitions as a whole where nothing in them is needed any more, else rows, a few at a time.

use crate::{Store, StoreError};
use operation::Kind;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;

pub(crate) const PARTITIONS: &str = include_str!("../sql/partitions.sql");
pub(crate) const EXPIRE: &str = include_str!("../sql/expire.sql");
pub(crate) const DROP_PARTITION: &str = include_str!("../sql/drop_partition.sql");
pub(crate) const FORGET_LABELS: &str = include_str!("../sql/forget_labels.sql");

/// SQLSTATEs: <https://www.postgresql.org/docs/15/errcodes-appendix.html>
const LOCK_TIMEOUT: &str = "55P03";
const DEADLOCK: &str = "40P01";
const NO_SUCH_TABLE: &str = "42P01";

/// A partition of `operations`.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// Its name, as the database tells it.
    pub name: String,
    /// How long ago its week ended by the database's clock; negative while it goes on. `None` for the default partition,
    /// which holds ids of any time and always stays.
    pub ended_seconds_ago: Option<f64>,
}

/// What became of a partition that was to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropping {
    /// It is gone, with all its operations and their counts.
    Dropped,
    /// Something in it has not ended, or not long enough ago.
    Kept,
    /// Statements under way did not let go of the table in time: writers come first. Try again later.
    Busy,
}

impl Store {
    /// The partitions of `operations`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        let rows = self.fetch_all(sqlx::query(PARTITIONS)).await?;
        rows.iter()
            .map(|row| {
                Ok(Partition { name: row.try_get("name")?, ended_seconds_ago: row.try_get("ended_seconds_ago")? })
            })
            .collect()
    }

    /// Drops a partition if all of its operations ended more than `kept` ago. The default partition is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drop_partition(&self, partition: &Partition, kept: Duration) -> Result<Dropping, StoreError> {
        if partition.ended_seconds_ago.is_none() {
            return Ok(Dropping::Kept);
        }
        match self.execute(sqlx::query(DROP_PARTITION).bind(&partition.name).bind(kept.as_secs_f64())).await {
            Ok(_) if self.has_table(&partition.name).await? => Ok(Dropping::Kept),
            Ok(_) => Ok(Dropping::Dropped),
            Err(error) => error_of_drop(error),
        }
    }

    /// Takes away at most `limit` operations of a kind that ended more than `kept` ago. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expire(
        &self,
        partition: &Partition,
        kind: &Kind,
        kept: Duration,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let expired = self
            .execute(
                sqlx::query(AssertSqlSafe(of_partition(EXPIRE, partition)))
                    .bind(kind.as_str())
                    .bind(kept.as_secs_f64())
                    .bind(i64::from(limit)),
            )
            .await;
        match expired {
            Ok(expired) => Ok(expired.rows_affected()),
            // Another keeper dropped the partition meanwhile.
            Err(error) if error.sqlstate().as_deref() == Some(NO_SUCH_TABLE) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Takes away at most `limit` labels of operations that went with their partition. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_labels(&self, limit: u32) -> Result<u64, StoreError> {
        Ok(self.execute(sqlx::query(FORGET_LABELS).bind(i64::from(limit))).await?.rows_affected())
    }
}

/// A statement on one partition. By its name and not through the table: only this partition is then locked and planned
/// for. The name comes from the catalogue, where `ensure_partitions` put it: no user has a say in it.
fn of_partition(statement: &str, partition: &Partition) -> String {
    statement.replace("{partition}", &partition.name)
}

fn error_of_drop(error: StoreError) -> Result<Dropping, StoreError> {
    match error.sqlstate().as_deref() {
        Some(LOCK_TIMEOUT | DEADLOCK) => Ok(Dropping::Busy),
        // Another keeper was first.
        Some(NO_SUCH_TABLE) => Ok(Dropping::Dropped),
        _ => Err(error),
    }
}
