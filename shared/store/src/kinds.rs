//! The kinds of operations that workers have registered.

use crate::{Store, StoreError};
use operation::KindInfo;
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::time::Duration;
use uuid::Uuid;

pub(crate) const REGISTER_KIND: &str = include_str!("../sql/register_kind.sql");
pub(crate) const LIST_KINDS: &str = include_str!("../sql/list_kinds.sql");

/// A kind that a worker has registered.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredKind {
    /// What holds for all its operations.
    pub info: KindInfo,
    /// JSON Schema of its parameters; `None` where its operations are created by the product's own requests alone.
    pub spec_schema: Option<Value>,
}

impl Store {
    /// Registers a kind, or what has changed about it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn register_kind(&self, kind: &RegisteredKind) -> Result<(), StoreError> {
        let millis = |bound: Duration| i64::try_from(bound.as_millis()).unwrap_or(i64::MAX);
        let info = &kind.info;
        let query = sqlx::query(REGISTER_KIND)
            .bind(info.kind.as_str())
            .bind(&info.unit)
            .bind(millis(info.safe_point_bound))
            .bind(millis(info.stop_bound))
            .bind(info.counts_against_quotas)
            .bind(info.opt_in)
            .bind(&kind.spec_schema);
        self.execute(query).await?;
        Ok(())
    }

    /// All registered kinds, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kinds(&self) -> Result<Vec<RegisteredKind>, StoreError> {
        self.fetch_all(sqlx::query(LIST_KINDS)).await?.iter().map(read).collect()
    }
}

fn read(row: &PgRow) -> Result<RegisteredKind, StoreError> {
    let millis = |name| Ok::<_, StoreError>(Duration::from_millis(row.try_get::<i64, _>(name)?.unsigned_abs()));
    // A kind has no id to tell it by.
    let unreadable = |_| StoreError::Unreadable { id: Uuid::nil(), what: "name" };
    Ok(RegisteredKind {
        info: KindInfo {
            kind: row.try_get::<&str, _>("name")?.parse().map_err(unreadable)?,
            unit: row.try_get::<String, _>("unit")?.into(),
            safe_point_bound: millis("safe_point_bound_millis")?,
            stop_bound: millis("stop_bound_millis")?,
            counts_against_quotas: row.try_get("counts_against_quotas")?,
            opt_in: row.try_get("opt_in")?,
        },
        spec_schema: row.try_get("spec_schema")?,
    })
}
