//! The audit log: who changed what. An entry is written by the statement that makes the change (`sql/`).

use crate::{Store, StoreError};
use operation::{OperationId, ProjectId};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use std::net::IpAddr;
use std::time::Duration;
use time::OffsetDateTime;

pub(crate) const AUDIT_LOG: &str = include_str!("../sql/audit_log.sql");
pub(crate) const AUDIT_LOG_OF_OPERATION: &str = include_str!("../sql/audit_log_of_operation.sql");
pub(crate) const FORGET_AUDIT_LOG: &str = include_str!("../sql/forget_audit_log.sql");

/// Who asks for a change, from where, and by which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The principal's name.
    pub principal: String,
    /// The peer of its connection, if it called.
    pub source_address: Option<IpAddr>,
    /// `X-Request-Id` of the call, or the name of the operation that does it for the principal.
    pub request_id: String,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place in the log; higher is later.
    pub sequence: i64,
    /// When.
    pub time: OffsetDateTime,
    /// By whom.
    pub principal: String,
    /// From where, if by a call.
    pub source_address: Option<String>,
    /// By which request.
    pub request_id: Option<String>,
    /// What, e.g. `CANCEL`.
    pub verb: String,
    /// To which operation.
    pub operation: Option<OperationId>,
    /// To what else: a token's name.
    pub resource: Option<String>,
    /// What came of it: the operation's state after it.
    pub result: Option<String>,
}

/// One page of the log, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// The sequence after which the next page goes on, if there is one.
    pub next: Option<i64>,
}

impl Store {
    /// One page of what was done in a project, or to one operation of it, before the entry `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_log(
        &self,
        project: &ProjectId,
        operation: Option<OperationId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<AuditPage, StoreError> {
        let statement = if operation.is_some() { AUDIT_LOG_OF_OPERATION } else { AUDIT_LOG };
        // One row more than asked for tells whether there is another page.
        let query =
            sqlx::query(statement).bind(project.as_str()).bind(before.unwrap_or(i64::MAX)).bind(i64::from(limit) + 1);
        let query = match operation {
            Some(id) => query.bind(id.as_uuid()),
            None => query,
        };
        let rows = self.fetch_all(query).await?;
        let entries = rows.iter().take(limit as usize).map(entry).collect::<Result<Vec<_>, _>>()?;
        let next = if rows.len() > entries.len() { entries.last().map(|entry| entry.sequence) } else { None };
        Ok(AuditPage { entries, next })
    }

    /// Takes away entries that are older than `age`, at most `limit`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_audit_log(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let query = sqlx::query(FORGET_AUDIT_LOG).bind(age.as_secs_f64()).bind(i64::from(limit));
        Ok(self.execute(query).await?.rows_affected())
    }
}

/// The parameters of who asks, after those of the address ([`crate::operations::at`]).
pub(crate) fn by<'a>(query: Query<'a, Postgres, PgArguments>, actor: &'a Actor) -> Query<'a, Postgres, PgArguments> {
    query.bind(&actor.principal).bind(actor.source_address.map(|address| address.to_string())).bind(&actor.request_id)
}

fn entry(row: &PgRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        sequence: row.try_get("sequence")?,
        time: row.try_get("time")?,
        principal: row.try_get("principal")?,
        source_address: row.try_get("source_address")?,
        request_id: row.try_get("request_id")?,
        verb: row.try_get("verb")?,
        operation: row.try_get::<Option<_>, _>("operation_id")?.map(OperationId::from_uuid),
        resource: row.try_get("resource")?,
        result: row.try_get("result")?,
    })
}
