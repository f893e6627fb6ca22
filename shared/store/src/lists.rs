//! Lists: newest first, by keyset. Only filters that an index serves.

use crate::{Operation, Store, StoreError};
use operation::{Kind, OperationId, ProjectId, State};
use sqlx::{Postgres, QueryBuilder};
use time::{Duration, OffsetDateTime};
use uuid::{NoContext, Timestamp, Uuid};

/// What a list shows. `None` and an empty list mean "any".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListFilter {
    /// Exactly this collection.
    pub collection: Option<String>,
    /// Collections that start so, e.g. `alloydb/` for all its locations.
    pub collection_prefix: Option<String>,
    /// Exactly this target.
    pub target: Option<String>,
    /// Ended, or not.
    pub done: Option<bool>,
    /// Only these kinds.
    pub kinds: Vec<Kind>,
    /// Only these states.
    pub states: Vec<State>,
    /// Created at or after.
    pub created_from: Option<OffsetDateTime>,
    /// Created before.
    pub created_before: Option<OffsetDateTime>,
}

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The operations, newest first.
    pub operations: Vec<Operation>,
    /// Where the next page goes on, if there is one.
    pub next: Option<OperationId>,
}

/// The api's clock makes the id, the database's `create_time`: they may differ by this much before a list with a
/// time in its filter misses a row.
const CLOCK_SLACK: Duration = Duration::days(1);

impl Store {
    /// One page, after the operation `after` of the page before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        project: &ProjectId,
        filter: &ListFilter,
        after: Option<OperationId>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let mut query = statement(project, filter, after, i64::from(limit) + 1);
        let rows = query.build().fetch_all(&self.pool).await?;
        let mut operations = rows.iter().map(Operation::read).collect::<Result<Vec<_>, _>>()?;
        // One row more than asked for tells whether there is another page.
        let more = operations.len() > limit as usize;
        operations.truncate(limit as usize);
        let next = if more { operations.last().map(|operation| operation.id) } else { None };
        Ok(Page { operations, next })
    }
}

/// Built from the conditions that are there: with `$1 IS NULL OR …` a cached plan could not use the keyset as the
/// bound of its index scan, and a deep page would read all before it.
fn statement<'a>(
    project: &'a ProjectId,
    filter: &'a ListFilter,
    after: Option<OperationId>,
    limit: i64,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT * FROM operations WHERE delete_time IS NULL AND project_id = ");
    query.push_bind(project.as_str().to_owned());
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after.as_uuid());
    }
    if let Some(collection) = &filter.collection {
        query.push(" AND collection = ").push_bind(collection.clone());
    }
    if let Some(prefix) = &filter.collection_prefix {
        query.push(" AND starts_with(collection, ").push_bind(prefix.clone()).push(")");
    }
    if let Some(target) = &filter.target {
        query.push(" AND target = ").push_bind(target.clone());
    }
    if let Some(done) = filter.done {
        // Spelled so that it implies the partial index of open operations.
        query.push(if done { " AND finish_time IS NOT NULL" } else { " AND finish_time IS NULL" });
    }
    if !filter.kinds.is_empty() {
        let kinds: Vec<_> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
        query.push(" AND kind = ANY (").push_bind(kinds).push(")");
    }
    if !filter.states.is_empty() {
        let states: Vec<_> = filter.states.iter().map(|state| state.as_str()).collect();
        query.push(" AND state = ANY (").push_bind(states).push(")");
    }
    if let Some(from) = filter.created_from {
        query.push(" AND create_time >= ").push_bind(from);
        query.push(" AND id >= ").push_bind(first_id_at(from - CLOCK_SLACK));
    }
    if let Some(before) = filter.created_before {
        query.push(" AND create_time < ").push_bind(before);
        query.push(" AND id < ").push_bind(first_id_at(before + CLOCK_SLACK));
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    query
}

/// The smallest `UUIDv7` of a moment.
pub(crate) fn first_id_at(at: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(at.unix_timestamp()).unwrap_or(0);
    let moment = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, at.nanosecond()));
    // Keep the 48 bits of time, clear the random rest.
    Uuid::from_u128(moment.as_u128() & (u128::MAX << 80))
}
