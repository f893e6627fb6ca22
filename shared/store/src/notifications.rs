//! Notifications of ended operations.

use crate::{Operation, Store, StoreError};
use operation::{Kind, OperationId};
use sqlx::AssertSqlSafe;
use std::time::Duration;
use uuid::Uuid;

pub(crate) const TO_NOTIFY: &str = include_str!("../sql/to_notify.sql");
pub(crate) const NOTIFIED: &str = include_str!("../sql/notified.sql");

impl Store {
    /// Takes on at most `limit` ends of a kind that somebody is to be told of, the oldest first. Nobody else is given them
    /// before `claimed_for` has passed; then whoever comes is, unless they are [`notified`](Self::notified). One that this
    /// version can't read is told by its error.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn to_notify(
        &self,
        kind: &Kind,
        claimed_for: Duration,
        limit: u32,
    ) -> Result<Vec<Result<Operation, StoreError>>, StoreError> {
        // A kind's name is of letters, digits and dots.
        let statement = AssertSqlSafe(TO_NOTIFY.replace("{kind}", kind.as_str()));
        let query = sqlx::query(statement).bind(i64::from(limit)).bind(claimed_for.as_secs_f64());
        let mut untold: Vec<_> = self.fetch_all(query).await?.iter().map(Operation::read).collect();
        untold.sort_by_key(|read| read.as_ref().ok().and_then(|operation| operation.finish_time));
        Ok(untold)
    }

    /// Notes that they were told of: not before the broker has confirmed it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notified(&self, operations: &[OperationId]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = operations.iter().map(|id| id.as_uuid()).collect();
        self.execute(sqlx::query(NOTIFIED).bind(ids)).await?;
        Ok(())
    }
}
