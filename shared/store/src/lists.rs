//! Lists: by keyset, newest or oldest first. Only filters that an index serves.

use crate::{Operation, Store, StoreError};
use operation::{Kind, ListFilter, OperationId, ProjectId};
use sqlx::{Postgres, QueryBuilder, Row};
use time::{Duration, OffsetDateTime};
use uuid::{NoContext, Timestamp, Uuid};

/// In which order a list shows operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest first.
    #[default]
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// Among which operations a filter selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Those that were not deleted.
    Shown,
    /// Those that have not ended, deleted or not.
    Cancel,
}

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The operations, in the order asked for.
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
        order: Order,
        after: Option<OperationId>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let mut query = QueryBuilder::new("SELECT o.* FROM ");
        if filter.targets.len() > 1 && filter.labels.is_empty() {
            of_each_target(&mut query, project, filter, order, after, limit);
        } else {
            conditions(&mut query, project, filter, Reach::Shown);
            page(&mut query, filter, order, after, limit);
        }
        self.page_of(query, limit).await
    }

    /// One page of what a filter selects and a cancel reaches, the oldest first, after the operation `after` of the page before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_to_cancel(
        &self,
        project: &ProjectId,
        filter: &ListFilter,
        after: Option<OperationId>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let mut query = QueryBuilder::new("SELECT o.* FROM ");
        conditions(&mut query, project, filter, Reach::Cancel);
        page(&mut query, filter, Order::OldestFirst, after, limit);
        self.page_of(query, limit).await
    }

    async fn page_of(&self, mut query: QueryBuilder<Postgres>, limit: u32) -> Result<Page, StoreError> {
        let rows = self.fetch_all(query.build()).await?;
        let mut operations = rows.iter().map(Operation::read).collect::<Result<Vec<_>, _>>()?;
        let more = operations.len() > limit as usize;
        operations.truncate(limit as usize);
        let next = if more { operations.last().map(|operation| operation.id) } else { None };
        Ok(Page { operations, next })
    }

    /// How many operations of a project a filter selects and a cancel reaches; counts no further than `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_to_cancel(
        &self,
        project: &ProjectId,
        filter: &ListFilter,
        most: u32,
    ) -> Result<u64, StoreError> {
        let mut query = QueryBuilder::new("SELECT count(*) AS n FROM (SELECT FROM ");
        conditions(&mut query, project, filter, Reach::Cancel);
        query.push(" LIMIT ").push_bind(i64::from(most)).push(") counted");
        let row = self.fetch_one(query.build()).await?;
        Ok(row.try_get::<i64, _>("n")?.unsigned_abs())
    }
}

/// The end of a list's query: where it goes on, in which order, and how far. One row more than asked for tells whether there
/// is another page.
fn page(query: &mut QueryBuilder<Postgres>, filter: &ListFilter, order: Order, after: Option<OperationId>, limit: u32) {
    let (follows, sorted) = match order {
        Order::NewestFirst => (" < ", " DESC"),
        Order::OldestFirst => (" > ", ""),
    };
    // By the id of the table that is walked: the other one is looked up by it.
    let id = if filter.labels.is_empty() { "o.id" } else { "l.operation_id" };
    if let Some(after) = after {
        query.push(" AND ").push(id).push(follows).push_bind(after.as_uuid());
    }
    query.push(" ORDER BY ").push(id).push(sorted).push(" LIMIT ").push_bind(i64::from(limit) + 1);
}

/// A page of the operations of some targets: of each of them the index has its own in order, so a page of each is read, and
/// no more.
fn of_each_target(
    query: &mut QueryBuilder<Postgres>,
    project: &ProjectId,
    filter: &ListFilter,
    order: Order,
    after: Option<OperationId>,
    limit: u32,
) {
    let mut targets = filter.targets.clone();
    targets.sort_unstable();
    targets.dedup();
    query.push("unnest(").push_bind(targets).push("::text[]) t (target) CROSS JOIN LATERAL (SELECT o.* FROM ");
    let of_one = ListFilter { targets: Vec::new(), ..filter.clone() };
    conditions(query, project, &of_one, Reach::Shown);
    query.push(" AND o.target = t.target");
    page(query, filter, order, after, limit);
    query.push(") o WHERE true");
    page(query, filter, order, None, limit);
}

/// Built from the conditions that are there: with `$1 IS NULL OR …` a cached plan could not use the keyset as the
/// bound of its index scan, and a deep page would read all before it.
fn conditions(query: &mut QueryBuilder<Postgres>, project: &ProjectId, filter: &ListFilter, reach: Reach) {
    let mut labels = filter.labels.iter();
    if let Some((key, value)) = labels.next() {
        // One label finds the operations, in the order of their ids; the others are looked at in the row.
        query.push("operation_labels l JOIN operations o ON o.id = l.operation_id WHERE l.project_id = ");
        query.push_bind(project.as_str().to_owned());
        query.push(" AND l.key = ").push_bind(key.clone()).push(" AND l.value = ").push_bind(value.clone());
        query.push(" AND ");
    } else {
        query.push("operations o WHERE ");
    }
    query.push(match reach {
        Reach::Shown => "o.delete_time IS NULL",
        Reach::Cancel => "o.finish_time IS NULL",
    });
    query.push(" AND o.project_id = ").push_bind(project.as_str().to_owned());
    for (key, value) in labels {
        query.push(" AND o.labels ->> ").push_bind(key.clone()).push(" = ").push_bind(value.clone());
    }
    if let Some(collection) = &filter.collection {
        query.push(" AND o.collection = ").push_bind(collection.clone());
    }
    if let Some(prefix) = &filter.collection_prefix {
        query.push(" AND starts_with(o.collection, ").push_bind(prefix.clone()).push(")");
    }
    if let Some(target) = &filter.target {
        query.push(" AND o.target = ").push_bind(target.clone());
    }
    match filter.targets.as_slice() {
        [] => {}
        [target] => {
            query.push(" AND o.target = ").push_bind(target.clone());
        }
        targets => {
            query.push(" AND o.target = ANY (").push_bind(targets.to_vec()).push(")");
        }
    }
    if !filter.ids.is_empty() {
        let ids: Vec<_> = filter.ids.iter().map(|id| id.as_uuid()).collect();
        query.push(" AND o.id = ANY (").push_bind(ids).push(")");
    }
    if let Some(done) = filter.done {
        // Spelled so that it implies the partial index of open operations.
        query.push(if done { " AND o.finish_time IS NOT NULL" } else { " AND o.finish_time IS NULL" });
    }
    if !filter.kinds.is_empty() {
        let kinds: Vec<_> = filter.kinds.iter().map(Kind::as_str).collect();
        query.push(" AND o.kind = ANY (").push_bind(kinds).push(")");
    }
    if !filter.excluded_kinds.is_empty() {
        let kinds: Vec<_> = filter.excluded_kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        query.push(" AND o.kind <> ALL (").push_bind(kinds).push(")");
    }
    if !filter.states.is_empty() {
        let states: Vec<_> = filter.states.iter().map(|state| state.as_str()).collect();
        query.push(" AND o.state = ANY (").push_bind(states).push(")");
    }
    if let Some(from) = filter.created_from {
        query.push(" AND o.create_time >= ").push_bind(from);
        query.push(" AND o.id >= ").push_bind(first_id_at(from - CLOCK_SLACK));
    }
    if let Some(before) = filter.created_before {
        query.push(" AND o.create_time < ").push_bind(before);
        query.push(" AND o.id < ").push_bind(first_id_at(before + CLOCK_SLACK));
    }
}

/// The smallest `UUIDv7` of a moment.
pub(crate) fn first_id_at(at: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(at.unix_timestamp()).unwrap_or(0);
    let moment = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, at.nanosecond()));
    // Keep the 48 bits of time, clear the random rest.
    Uuid::from_u128(moment.as_u128() & (u128::MAX << 80))
}
