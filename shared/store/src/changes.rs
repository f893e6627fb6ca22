//! What has become of operations that somebody watches: one statement for many.

use crate::{Operation, Store, StoreError};
use operation::OperationId;
use sqlx::Row;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) const CHANGED: &str = include_str!("../sql/changed.sql");

/// How an operation is not what it was when it was last seen.
#[derive(Debug)]
pub enum Change {
    /// It has a newer revision.
    Newer(Box<Operation>),
    /// It was deleted.
    Gone(OperationId),
}

impl Store {
    /// Of operations at these revisions, what has changed since. A row that can't be read is an error of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn changed(&self, seen: &[(OperationId, i64)]) -> Result<Vec<Result<Change, StoreError>>, StoreError> {
        let ids: Vec<Uuid> = seen.iter().map(|(id, _)| id.as_uuid()).collect();
        let revisions: Vec<i64> = seen.iter().map(|(_, revision)| *revision).collect();
        let rows = self.fetch_all(sqlx::query(CHANGED).bind(ids).bind(revisions)).await?;
        Ok(rows.iter().map(change).collect())
    }
}

fn change(row: &PgRow) -> Result<Change, StoreError> {
    let there = row.try_get::<Option<Uuid>, _>("id")?.is_some();
    if !there || row.try_get::<Option<OffsetDateTime>, _>("delete_time")?.is_some() {
        return Ok(Change::Gone(OperationId::from_uuid(row.try_get("seen_id")?)));
    }
    Ok(Change::Newer(Box::new(Operation::read(row)?)))
}
