//! The use cases of vendors' resources: create, change, run, delete. A change names the revision that it has read; if another
//! change came first, it reads and decides again.

use super::{Operation, Operations, OperationsError, QUICK, apart};
use kinds::Collection;
use operation::{OperationId, ProjectId, Resource, RetryPolicy};
use runtime::broker::Hint;
use runtime::{clock, failpoint, telemetry};
use serde_json::Value;
use std::time::Instant;
use store::{
    Actor, Address, NewResource, ResourceAddress, ResourceChange, ResourceFilter, ResourceRun, Store, StoreError,
};
use time::{Duration, OffsetDateTime};

/// How often one call decides again before its caller has to. Each time somebody else has got on.
const MOST_TRIES: u32 = 8;
/// A name of ours is taken by chance once in a lifetime of the universe, or by who meant it.
const MOST_NAMES: u32 = 3;

/// Why a use case of a resource failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// The project has none of this name.
    #[error("there is no such resource")]
    NotFound,
    /// The project has one of this name, deleted or not.
    #[error("the name is taken")]
    NameTaken,
    /// It is deleted: it is not changed and not run.
    #[error("the resource is deleted")]
    Deleted,
    /// A resource has one run at a time, and this one has not ended.
    #[error("the run {0} has not ended")]
    Active(OperationId),
    /// It was changed by others again and again.
    #[error("the resource is changed by others")]
    Contended,
    /// What any use case can fail of.
    #[error(transparent)]
    Other(#[from] OperationsError),
}

/// Which resource is meant.
#[derive(Debug, Clone)]
pub struct ResourceName {
    /// Its collection.
    pub collection: &'static Collection,
    /// Whose it is.
    pub project: ProjectId,
    /// Its name, which begins with that of its collection.
    pub name: String,
}

impl ResourceName {
    fn address(&self) -> ResourceAddress {
        let Self { collection, project, name } = self;
        ResourceAddress { project: project.clone(), collection: collection.name.to_owned(), name: name.clone() }
    }

    fn verb(&self, verb: &str) -> String {
        format!("{verb}_{}", self.collection.noun)
    }
}

/// A resource to be made.
#[derive(Debug, Clone)]
pub struct ResourceCreation {
    /// Its collection.
    pub collection: &'static Collection,
    /// Whose it is.
    pub project: ProjectId,
    /// How it is called.
    pub naming: Naming,
    /// Its state: not [`Resource::DELETED`].
    pub state: String,
    /// What it is.
    pub content: Value,
    /// Who asks.
    pub by: Actor,
}

/// How a resource gets its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// This is its name.
    Given(String),
    /// These characters, and then digits that nobody has.
    Minted(String),
}

/// What a change makes of a resource as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its state.
    pub state: String,
    /// What it is.
    pub content: Value,
}

impl Operations {
    /// Makes a resource. It runs first when its collection says so.
    ///
    /// # Errors
    /// [`ResourceError::NameTaken`], or those of all use cases. After `Unavailable` it may be there.
    pub async fn create_resource(&self, creation: ResourceCreation) -> Result<Resource, ResourceError> {
        let store = self.store.clone();
        let made = to_microseconds(clock::now());
        apart(None, async move { create(&store, creation, made).await }).await?
    }

    /// Reads a resource, also a deleted one.
    ///
    /// # Errors
    /// [`ResourceError`].
    pub async fn resource(&self, name: &ResourceName) -> Result<Resource, ResourceError> {
        let (store, address) = (self.store.clone(), name.address());
        let found = apart(None, async move { store.resource(&address).await }).await?;
        found.ok_or(ResourceError::NotFound)
    }

    /// At most `limit` resources by name, after the name `after`.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn resources(
        &self,
        collection: &'static Collection,
        project: ProjectId,
        filter: ResourceFilter,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Resource>, OperationsError> {
        let store = self.store.clone();
        let listed = async move { store.resources(&project, collection.name, &filter, after.as_deref(), limit).await };
        apart(None, listed).await
    }

    /// Changes a resource by what `change` makes of it as it stands. Does not affect a run in progress.
    ///
    /// # Errors
    /// [`ResourceError`].
    pub async fn update_resource(
        &self,
        name: ResourceName,
        change: impl Fn(&Resource) -> serde_json::Result<Changed> + Send + Sync + 'static,
        by: Actor,
    ) -> Result<Resource, ResourceError> {
        let store = self.store.clone();
        apart(None, async move { update(&store, &name, &change, &by).await }).await?
    }

    /// Deletes a resource: it is shown for a while, and never runs again. No-op if it is deleted already.
    ///
    /// # Errors
    /// [`ResourceError`].
    pub async fn delete_resource(&self, name: ResourceName, by: Actor) -> Result<Resource, ResourceError> {
        let store = self.store.clone();
        apart(None, async move { delete(&store, &name, &by).await }).await?
    }

    /// Runs a resource now, whether it has a schedule or not, and whether it is enabled or not.
    ///
    /// # Errors
    /// [`ResourceError`]. After `Unavailable` it may run.
    pub async fn run_resource(&self, name: ResourceName, by: Actor) -> Result<Operation, ResourceError> {
        let (id, trace_parent) = (clock::new_operation_id(), telemetry::current_trace_parent());
        let Self { store, publisher, .. } = self.clone();
        let ran = async move {
            let ran = run(&store, &name, id, by).await?;
            if let Ok(operation) = &ran {
                publisher.send(Hint::Work { kind: operation.kind.clone(), trace_parent });
            }
            Ok(ran)
        };
        apart(Some(id), ran).await?
    }

    /// Whose an operation is, where its name does not tell. Nothing of it may be told before the caller is known to be allowed
    /// to act in that project.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn project_of_operation(
        &self,
        id: OperationId,
        collection: &'static str,
    ) -> Result<ProjectId, OperationsError> {
        let store = self.store.clone();
        let found = apart(Some(id), async move { store.project_of_operation(id, collection).await }).await?;
        found.ok_or(OperationsError::NotFound)
    }
}

type Decided<T> = Result<Result<T, ResourceError>, StoreError>;

async fn create(store: &Store, creation: ResourceCreation, made: OffsetDateTime) -> Decided<Resource> {
    for _ in 0..MOST_NAMES {
        let name = creation.name(rand::random());
        let resource = creation.resource(&name, made);
        let next_run_time = match (creation.collection.next_run)(&resource, made - Duration::NANOSECOND) {
            Ok(next_run_time) => next_run_time,
            Err(error) => return Ok(Err(unreadable(&name, &error))),
        };
        let new = NewResource {
            address: name.address(),
            state: resource.state,
            content: resource.content,
            create_time: made,
            next_run_time,
            verb: name.verb("CREATE"),
            by: creation.by.clone(),
        };
        if let Some(created) = insert(store, &new).await? {
            return Ok(Ok(created));
        }
        if matches!(creation.naming, Naming::Given(_)) {
            break;
        }
    }
    Ok(Err(ResourceError::NameTaken))
}

impl ResourceCreation {
    fn name(&self, random: u64) -> ResourceName {
        let name = match &self.naming {
            Naming::Given(name) => name.clone(),
            Naming::Minted(prefix) => format!("{prefix}{random}"),
        };
        ResourceName { collection: self.collection, project: self.project.clone(), name }
    }

    /// As it will be stored.
    fn resource(&self, name: &ResourceName, made: OffsetDateTime) -> Resource {
        Resource {
            project: name.project.clone(),
            collection: name.collection.name.to_owned(),
            name: name.name.clone(),
            state: self.state.clone(),
            content: self.content.clone(),
            next_run_time: None,
            latest_operation: None,
            revision: 1,
            create_time: made,
            update_time: made,
            delete_time: None,
        }
    }
}

/// An answer that was lost is asked for again. What is there then is this very resource, if it was made at the same moment and
/// is the same.
async fn insert(store: &Store, new: &NewResource) -> Result<Option<Resource>, StoreError> {
    let started = Instant::now();
    let created = match failpoint::around!("api.create_resource", store.create_resource(new).await) {
        Err(StoreError::Unavailable(_)) if started.elapsed() < QUICK => store.create_resource(new).await?,
        result => result?,
    };
    if created.is_some() {
        return Ok(created);
    }
    let found = store.resource(&new.address).await?;
    Ok(found
        .filter(|found| (found.create_time, found.revision) == (new.create_time, 1) && found.content == new.content))
}

async fn update(
    store: &Store,
    name: &ResourceName,
    change: &(impl Fn(&Resource) -> serde_json::Result<Changed> + Sync),
    by: &Actor,
) -> Decided<Resource> {
    let address = name.address();
    for _ in 0..MOST_TRIES {
        let Some(seen) = store.resource(&address).await? else { return Ok(Err(ResourceError::NotFound)) };
        if seen.is_deleted() {
            return Ok(Err(ResourceError::Deleted));
        }
        let change = match changed(name, &seen, change, clock::now(), by) {
            Ok(change) => change,
            Err(error) => return Ok(Err(unreadable(name, &error))),
        };
        if let Some(updated) = write(store, &seen, &change).await? {
            return Ok(Ok(updated));
        }
    }
    Ok(Err(ResourceError::Contended))
}

async fn delete(store: &Store, name: &ResourceName, by: &Actor) -> Decided<Resource> {
    let address = name.address();
    for _ in 0..MOST_TRIES {
        let Some(seen) = store.resource(&address).await? else { return Ok(Err(ResourceError::NotFound)) };
        if seen.is_deleted() {
            return Ok(Ok(seen));
        }
        let change = ResourceChange {
            state: Resource::DELETED.to_owned(),
            content: seen.content.clone(),
            next_run_time: None,
            verb: name.verb("DELETE"),
            by: by.clone(),
        };
        if let Some(deleted) = write(store, &seen, &change).await? {
            return Ok(Ok(deleted));
        }
    }
    Ok(Err(ResourceError::Contended))
}

async fn write(store: &Store, seen: &Resource, change: &ResourceChange) -> Result<Option<Resource>, StoreError> {
    failpoint::around!("api.update_resource", store.update_resource(seen, change).await)
}

async fn run(store: &Store, name: &ResourceName, id: OperationId, by: Actor) -> Decided<Operation> {
    let (started, address) = (Instant::now(), name.address());
    for _ in 0..MOST_TRIES {
        let Some(seen) = store.resource_to_run(&address).await? else { return Ok(Err(ResourceError::NotFound)) };
        if seen.resource.latest_operation == Some(id) {
            // An earlier try of this very call, whose answer was lost.
            let address = Address { project: name.project.clone(), collection: None, id };
            return Ok(store.get(&address).await?.ok_or(ResourceError::Contended));
        }
        if seen.resource.is_deleted() {
            return Ok(Err(ResourceError::Deleted));
        }
        if let Some(active) = seen.resource.latest_operation.filter(|_| !seen.latest_ended) {
            return Ok(Err(ResourceError::Active(active)));
        }
        let spec = match (name.collection.run)(&seen.resource) {
            Ok(spec) => spec,
            Err(error) => return Ok(Err(unreadable(name, &error))),
        };
        let run = ResourceRun {
            id,
            collection: name.collection.operations.to_owned(),
            spec,
            // Its schedule goes on as if nobody had asked.
            next_run_time: seen.resource.next_run_time,
            retry: RetryPolicy::default(),
            trace_parent: telemetry::current_trace_parent(),
            by: by.clone(),
        };
        match failpoint::around!("api.run_resource", store.run_resource(&seen.resource, &run).await) {
            Ok(Some(operation)) => return Ok(Ok(operation)),
            Ok(None) => {}
            Err(StoreError::Unavailable(_)) if started.elapsed() < QUICK => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Err(ResourceError::Contended))
}

/// What a change makes of a resource as it stands.
fn changed(
    name: &ResourceName,
    seen: &Resource,
    change: &impl Fn(&Resource) -> serde_json::Result<Changed>,
    now: OffsetDateTime,
    by: &Actor,
) -> serde_json::Result<ResourceChange> {
    let Changed { state, content } = change(seen)?;
    let next_run_time = if state == seen.state {
        seen.next_run_time
    } else {
        // What would have run meanwhile is not made up for.
        let after = Resource { state: state.clone(), content: content.clone(), ..seen.clone() };
        (name.collection.next_run)(&after, now)?
    };
    let verb = name.verb(if state == Resource::DELETED { "DELETE" } else { "UPDATE" });
    Ok(ResourceChange { state, content, next_run_time, verb, by: by.clone() })
}

/// Of a newer version. Logged here: the caller is told that it is an error of ours.
fn unreadable(name: &ResourceName, error: &serde_json::Error) -> ResourceError {
    tracing::error!(%error, project = %name.project, resource = name.name, "a resource cannot be read by this version");
    ResourceError::Other(OperationsError::Internal)
}

/// As the database keeps it: what is computed from it later is the same.
fn to_microseconds(time: OffsetDateTime) -> OffsetDateTime {
    let nanos = time.nanosecond() / 1_000 * 1_000;
    time.replace_nanosecond(nanos).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::samples;
    use kinds::storage_transfer::{COLLECTION, Schedule, TransferJob};
    use time::macros::{date, datetime};

    /// A job that was made on a morning, and then runs each midnight.
    fn seen(state: &str, next_run_time: Option<OffsetDateTime>) -> Resource {
        let schedule = Schedule {
            start_date: date!(2026 - 02 - 27),
            end_date: None,
            start_time: None,
            end_time: None,
            repeat_interval: None,
        };
        let job = TransferJob { schedule: Some(schedule), ..samples::transfer_job() };
        let content = serde_json::to_value(job).expect("JSON");
        let create_time = datetime!(2026-02-27 10:30 UTC);
        Resource { state: state.to_owned(), next_run_time, create_time, content, ..samples::resource() }
    }

    fn name() -> ResourceName {
        let Resource { project, name, .. } = samples::resource();
        ResourceName { collection: &COLLECTION, project, name }
    }

    fn actor() -> Actor {
        Actor { principal: "me".to_owned(), source_address: None, request_id: String::new() }
    }

    #[test]
    fn a_state_changes_when_a_resource_runs_next() {
        let (now, next) = (datetime!(2026-03-05 12:00 UTC), datetime!(2026-03-05 11:00 UTC));
        let midnight = datetime!(2026-03-06 00:00 UTC);
        for (before, next, after, expect, verb) in [
            ("ENABLED", Some(next), "ENABLED", Some(next), "UPDATE_TRANSFER_JOB"),
            ("ENABLED", Some(next), "DISABLED", None, "UPDATE_TRANSFER_JOB"),
            ("ENABLED", Some(next), "DELETED", None, "DELETE_TRANSFER_JOB"),
            ("DISABLED", None, "ENABLED", Some(midnight), "UPDATE_TRANSFER_JOB"),
            ("DISABLED", None, "DISABLED", None, "UPDATE_TRANSFER_JOB"),
        ] {
            let patch = |seen: &Resource| Ok(Changed { state: after.to_owned(), content: seen.content.clone() });
            let change = changed(&name(), &seen(before, next), &patch, now, &actor()).expect("a job");
            assert_eq!(
                (change.state.as_str(), change.next_run_time, change.verb.as_str()),
                (after, expect, verb),
                "{before} {after}"
            );
        }
    }

    #[test]
    fn names_of_ours_are_of_digits() {
        let name = |naming| {
            let Resource { project, state, content, .. } = samples::resource();
            let by = actor();
            ResourceCreation { collection: &COLLECTION, project, naming, state, content, by }.name(u64::MAX).name
        };
        assert_eq!(name(Naming::Minted("transferJobs/OPI".to_owned())), "transferJobs/OPI18446744073709551615");
        assert_eq!(name(Naming::Given("transferJobs/one".to_owned())), "transferJobs/one");
    }
}
