//! Vendors' resources, which operations are made of: what they hold is opaque here.

use crate::audit::{Actor, by};
use crate::{Operation, Store, StoreError};
use operation::{Kind, OperationId, ProjectId, Resource, RetryPolicy, Spec};
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) const CREATE_RESOURCE: &str = include_str!("../sql/create_resource.sql");
pub(crate) const GET_RESOURCE: &str = include_str!("../sql/get_resource.sql");
pub(crate) const LIST_RESOURCES: &str = include_str!("../sql/list_resources.sql");
pub(crate) const UPDATE_RESOURCE: &str = include_str!("../sql/update_resource.sql");
pub(crate) const RUN_RESOURCE: &str = include_str!("../sql/run_resource.sql");
pub(crate) const RESOURCE_TO_RUN: &str = include_str!("../sql/resource_to_run.sql");
pub(crate) const SKIP_RESOURCE: &str = include_str!("../sql/skip_resource.sql");
pub(crate) const DUE_RESOURCES: &str = include_str!("../sql/due_resources.sql");
pub(crate) const FORGET_RESOURCES: &str = include_str!("../sql/forget_resources.sql");
pub(crate) const PROJECT_OF_OPERATION: &str = include_str!("../sql/project_of_operation.sql");

/// Which resource is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceAddress {
    /// Whose it is.
    pub project: ProjectId,
    /// Its collection, such as `transferJobs`.
    pub collection: String,
    /// Its name, which begins with its collection; unique in the project.
    pub name: String,
}

/// A resource to be made.
#[derive(Debug, Clone)]
pub struct NewResource {
    /// Its project and its name.
    pub address: ResourceAddress,
    /// Its state: not [`Resource::DELETED`].
    pub state: String,
    /// What it is.
    pub content: Value,
    /// When it is made: what its schedule is counted from.
    pub create_time: OffsetDateTime,
    /// When it runs first by itself, if it does: then it is [`Resource::ENABLED`].
    pub next_run_time: Option<OffsetDateTime>,
    /// What the audit log says was done.
    pub verb: String,
    /// Who asks.
    pub by: Actor,
}

/// What a change makes of a resource.
#[derive(Debug, Clone)]
pub struct ResourceChange {
    /// Its state. What is [`Resource::DELETED`] stays so.
    pub state: String,
    /// What it is.
    pub content: Value,
    /// When it runs next by itself; `None` unless it is [`Resource::ENABLED`].
    pub next_run_time: Option<OffsetDateTime>,
    /// What the audit log says was done.
    pub verb: String,
    /// Who asks.
    pub by: Actor,
}

/// A run of a resource.
#[derive(Debug, Clone)]
pub struct ResourceRun {
    /// The operation's id: a fresh `UUIDv7`.
    pub id: OperationId,
    /// The operation's collection. Its target is the resource's name.
    pub collection: String,
    /// What to do.
    pub spec: Spec,
    /// When the resource runs next by itself, after this.
    pub next_run_time: Option<OffsetDateTime>,
    /// How often, and when, it is tried again.
    pub retry: RetryPolicy,
    /// W3C traceparent of the request.
    pub trace_parent: Option<String>,
    /// Who asks.
    pub by: Actor,
}

/// Which resources of a collection a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceFilter {
    /// Only these; all where it is `None`.
    pub names: Option<Vec<String>>,
    /// Only names that match, with `*` for any characters.
    pub name_pattern: Option<String>,
    /// Only these.
    pub states: Vec<String>,
}

/// One page of the resources whose time has come.
#[derive(Debug, Clone)]
pub struct DueResources {
    /// The resources.
    pub resources: Vec<DueResource>,
    /// Those that this version can't read, `project name`: a newer one may. They keep none of the others waiting.
    pub unreadable: Vec<String>,
    /// Where the next page goes on, if there may be one.
    pub next: Option<DuePlace>,
}

/// A place in the list of resources whose time has come.
#[derive(Debug, Clone)]
pub struct DuePlace {
    time: OffsetDateTime,
    project: String,
    collection: String,
    name: String,
}

/// A resource whose time has come, by its schedule or because somebody asks.
#[derive(Debug, Clone)]
pub struct DueResource {
    /// The resource.
    pub resource: Resource,
    /// The database's time.
    pub now: OffsetDateTime,
    /// Whether its latest run has ended, or there is none.
    pub latest_ended: bool,
}

impl Store {
    /// Makes a resource. `None` where the project has one of this name in this collection, deleted or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_resource(&self, new: &NewResource) -> Result<Option<Resource>, StoreError> {
        let query = sqlx::query(CREATE_RESOURCE)
            .bind(new.address.project.as_str())
            .bind(&new.address.collection)
            .bind(&new.address.name)
            .bind(&new.state)
            .bind(&new.content)
            .bind(new.next_run_time)
            .bind(new.create_time)
            .bind(&new.verb);
        self.fetch_optional(by(query, &new.by)).await?.as_ref().map(read).transpose()
    }

    /// Reads a resource, also a deleted one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resource(&self, address: &ResourceAddress) -> Result<Option<Resource>, StoreError> {
        let query =
            sqlx::query(GET_RESOURCE).bind(address.project.as_str()).bind(&address.collection).bind(&address.name);
        self.fetch_optional(query).await?.as_ref().map(read).transpose()
    }

    /// At most `limit` resources of a collection by name, after the name `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resources(
        &self,
        project: &ProjectId,
        collection: &str,
        filter: &ResourceFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Resource>, StoreError> {
        let query = sqlx::query(LIST_RESOURCES)
            .bind(project.as_str())
            .bind(collection)
            .bind(after.unwrap_or_default())
            .bind(&filter.names)
            .bind(filter.name_pattern.as_deref().map(like))
            .bind(&filter.states)
            .bind(i64::from(limit));
        self.fetch_all(query).await?.iter().map(read).collect()
    }

    /// Changes a resource that stands as it was seen. `None` where it does not: somebody else has changed, run or deleted it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn update_resource(
        &self,
        seen: &Resource,
        change: &ResourceChange,
    ) -> Result<Option<Resource>, StoreError> {
        let query = sqlx::query(UPDATE_RESOURCE)
            .bind(seen.project.as_str())
            .bind(&seen.collection)
            .bind(&seen.name)
            .bind(seen.revision)
            .bind(&change.state)
            .bind(&change.content)
            .bind(change.next_run_time)
            .bind(&change.verb);
        self.fetch_optional(by(query, &change.by)).await?.as_ref().map(read).transpose()
    }

    /// Runs a resource that stands as it was seen, and whose latest run was seen ended. `None` where it does not stand so any
    /// more.
    ///
    /// # Errors
    /// [`StoreError`]. After UNAVAILABLE it may run: then the resource stands otherwise.
    pub async fn run_resource(&self, seen: &Resource, run: &ResourceRun) -> Result<Option<Operation>, StoreError> {
        let millis = |delay: Duration| i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
        let kind: &Kind = run.spec.kind();
        let spec = serde_json::to_value(&run.spec)
            .map_err(|_| StoreError::Unreadable { id: run.id.as_uuid(), what: "spec" })?;
        let query = sqlx::query(RUN_RESOURCE)
            .bind(seen.project.as_str())
            .bind(&seen.collection)
            .bind(&seen.name)
            .bind(seen.revision)
            .bind(run.id.as_uuid())
            .bind(run.next_run_time)
            .bind(&run.collection)
            .bind(kind.as_str())
            .bind(spec)
            .bind(&run.trace_parent)
            .bind(i32::try_from(run.retry.failure_limit).unwrap_or(i32::MAX))
            .bind(millis(run.retry.initial_delay))
            .bind(millis(run.retry.longest_delay));
        self.fetch_optional(by(query, &run.by)).await?.as_ref().map(Operation::read).transpose()
    }

    /// Reads a resource and whether its latest run has ended, also where a user has hidden that run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resource_to_run(&self, address: &ResourceAddress) -> Result<Option<DueResource>, StoreError> {
        let query =
            sqlx::query(RESOURCE_TO_RUN).bind(address.project.as_str()).bind(&address.collection).bind(&address.name);
        self.fetch_optional(query).await?.as_ref().map(due).transpose()
    }

    /// Lets a resource that stands as it was seen wait for its next time, without a run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn skip_resource(
        &self,
        seen: &Resource,
        next_run_time: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(SKIP_RESOURCE)
            .bind(seen.project.as_str())
            .bind(&seen.collection)
            .bind(&seen.name)
            .bind(seen.revision)
            .bind(next_run_time);
        Ok(self.execute(query).await?.rows_affected() > 0)
    }

    /// At most `limit` resources whose time has come, of all collections, after the place where another page has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_resources(&self, after: Option<&DuePlace>, limit: u32) -> Result<DueResources, StoreError> {
        let query = sqlx::query(DUE_RESOURCES)
            .bind(i64::from(limit))
            .bind(after.map(|place| place.time))
            .bind(after.map_or("", |place| &place.project))
            .bind(after.map_or("", |place| &place.collection))
            .bind(after.map_or("", |place| &place.name));
        let rows = self.fetch_all(query).await?;
        let mut page = DueResources { resources: Vec::new(), unreadable: Vec::new(), next: None };
        for row in &rows {
            let place = DuePlace {
                time: row.try_get("next_run_time")?,
                project: row.try_get("project_id")?,
                collection: row.try_get("collection")?,
                name: row.try_get("name")?,
            };
            match due(row) {
                Ok(due) => page.resources.push(due),
                Err(StoreError::Unreadable { .. }) => page.unreadable.push(format!("{} {}", place.project, place.name)),
                Err(error) => return Err(error),
            }
            page.next = Some(place);
        }
        if rows.len() < limit as usize {
            page.next = None;
        }
        Ok(page)
    }

    /// Takes away resources of a collection that were deleted longer ago than `age`, at most `limit`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_resources(&self, collection: &str, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let query = sqlx::query(FORGET_RESOURCES).bind(collection).bind(age.as_secs_f64()).bind(i64::from(limit));
        Ok(self.execute(query).await?.rows_affected())
    }

    /// Whose an operation is, where its name does not tell. Nothing of it may be told before the caller is known to be
    /// allowed to act in that project.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn project_of_operation(
        &self,
        id: OperationId,
        collection: &str,
    ) -> Result<Option<ProjectId>, StoreError> {
        let query = sqlx::query(PROJECT_OF_OPERATION).bind(id.as_uuid()).bind(collection);
        let Some(row) = self.fetch_optional(query).await? else { return Ok(None) };
        let project = row.try_get::<&str, _>("project_id")?.parse();
        project.map(Some).map_err(|_| StoreError::Unreadable { id: id.as_uuid(), what: "project_id" })
    }
}

/// A vendor's pattern as SQL's.
fn like(pattern: &str) -> String {
    pattern.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_").replace('*', "%")
}

fn due(row: &PgRow) -> Result<DueResource, StoreError> {
    Ok(DueResource { resource: read(row)?, now: row.try_get("now")?, latest_ended: row.try_get("latest_ended")? })
}

fn read(row: &PgRow) -> Result<Resource, StoreError> {
    // A resource has no id to tell it by.
    let unreadable = |_| StoreError::Unreadable { id: Uuid::nil(), what: "project_id" };
    Ok(Resource {
        project: row.try_get::<&str, _>("project_id")?.parse().map_err(unreadable)?,
        collection: row.try_get("collection")?,
        name: row.try_get("name")?,
        state: row.try_get("state")?,
        content: row.try_get("content")?,
        next_run_time: row.try_get("next_run_time")?,
        latest_operation: row.try_get::<Option<Uuid>, _>("latest_operation")?.map(OperationId::from_uuid),
        revision: row.try_get("revision")?,
        create_time: row.try_get("create_time")?,
        update_time: row.try_get("update_time")?,
        delete_time: row.try_get("delete_time")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_the_vendor_says() {
        assert_eq!(like("transferJobs/a_b%*"), r"transferJobs/a\_b\%%");
    }
}
