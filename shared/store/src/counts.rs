//! How many operations are in which state: exact at each moment, and nothing is counted for it.
//!
//! The triggers of `migrations/V5__counters_and_expiry.sql` write a row a transition; [`Store::compact_counts`] folds
//! them, [`Store::counts`] sums up what is folded and what is not.

use crate::{Store, StoreError};
use operation::ProjectId;
use sqlx::Row;

pub(crate) const COUNTS: &str = include_str!("../sql/counts.sql");
pub(crate) const COMPACT: &str = include_str!("../sql/compact.sql");

/// How many operations of a kind are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationCount {
    /// The kind, as the rows name it: also one that a newer version knows.
    pub kind: String,
    /// The state, as the rows name it.
    pub state: String,
    /// How many.
    pub count: u64,
}

impl Store {
    /// How many operations a list of the project would show, by kind and state; in their order, and never 0. What its
    /// user has deleted is among them until it has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counts(&self, project: &ProjectId) -> Result<Vec<OperationCount>, StoreError> {
        let rows = self.fetch_all(sqlx::query(COUNTS).bind(project.as_str())).await?;
        rows.iter()
            .map(|row| {
                Ok(OperationCount {
                    kind: row.try_get("kind")?,
                    state: row.try_get("state")?,
                    count: row.try_get::<i64, _>("count")?.unsigned_abs(),
                })
            })
            .collect()
    }

    /// Folds at most `limit` transitions into the counts; returns how many it were: none too where somebody else is at
    /// it. The counts are exact without it, only dearer to read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn compact_counts(&self, limit: u32) -> Result<u64, StoreError> {
        let row = self.fetch_one(sqlx::query(COMPACT).bind(i64::from(limit))).await?;
        Ok(row.try_get::<i64, _>("moves")?.unsigned_abs())
    }
}
