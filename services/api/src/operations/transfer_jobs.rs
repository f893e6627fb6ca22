//! The use cases of jobs that transfer again and again: made, changed, run, deleted. Whoever changes one names the revision
//! that it has seen; where somebody was quicker, it looks again and decides anew.

use super::{Operation, Operations, OperationsError, QUICK, apart};
use kinds::Parameters;
use kinds::storage_transfer::{JobName, JobStatus, KIND, StorageTransfer, TransferJob, TransferNotification};
use operation::{OperationId, ProjectId, RetryPolicy};
use runtime::broker::Hint;
use runtime::{clock, failpoint, telemetry};
use std::time::Instant;
use store::{
    Actor, Address, NewTransferJob, Store, StoreError, StoredTransferJob, TransferJobChange, TransferJobFilter,
    TransferJobRun,
};
use time::{Duration, OffsetDateTime};

/// How often one call decides anew before its caller has to. Each time somebody else has got on.
const MOST_TRIES: u32 = 8;
/// A name of ours is taken by chance once in a lifetime of the universe, or by who meant it.
const MOST_NAMES: u32 = 3;

/// Why a use case of a transfer job failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransferJobError {
    /// The project has no job of this name.
    #[error("there is no such transfer job")]
    NotFound,
    /// The project has a job of this name, deleted or not.
    #[error("the name is taken")]
    NameTaken,
    /// It is deleted: it is not changed and not run.
    #[error("the transfer job is deleted")]
    Deleted,
    /// A job has one run at a time, and this one has not ended.
    #[error("the run {0} has not ended")]
    Active(OperationId),
    /// It was changed by others again and again.
    #[error("the transfer job is changed by others")]
    Contended,
    /// What any use case can fail of.
    #[error(transparent)]
    Other(#[from] OperationsError),
}

/// A job to be made.
#[derive(Debug, Clone)]
pub struct TransferJobCreation {
    /// Whose it is.
    pub project: ProjectId,
    /// Its name; without, it gets one that nobody has.
    pub name: Option<JobName>,
    /// Whether it runs by its schedule: not [`JobStatus::Deleted`].
    pub status: JobStatus,
    /// What it does.
    pub job: TransferJob,
    /// Who asks.
    pub by: Actor,
}

/// What is to be changed of a job; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TransferJobPatch {
    /// The user's words.
    pub description: Option<String>,
    /// What each run does, but for who is told.
    pub transfer: Option<StorageTransfer>,
    /// Who is told; `Some(None)` for nobody.
    pub notification: Option<Option<TransferNotification>>,
    /// Whether it runs by its schedule.
    pub status: Option<JobStatus>,
}

impl TransferJobPatch {
    /// Deletes, and changes nothing else.
    pub fn delete() -> Self {
        Self { status: Some(JobStatus::Deleted), ..Self::default() }
    }

    fn only_deletes(&self) -> bool {
        self.status == Some(JobStatus::Deleted)
            && self.description.is_none()
            && self.transfer.is_none()
            && self.notification.is_none()
    }
}

impl Operations {
    /// Makes a job. A folder on one side gives a name that begins with `OPI`, where the caller gives none.
    ///
    /// # Errors
    /// [`TransferJobError::NameTaken`], or those of all use cases. After `Unavailable` it may be there.
    pub async fn create_transfer_job(
        &self,
        creation: TransferJobCreation,
    ) -> Result<StoredTransferJob, TransferJobError> {
        let store = self.store.clone();
        let made = to_microseconds(clock::now());
        apart(None, async move { create(&store, creation, made).await }).await?
    }

    /// Reads a job, also a deleted one.
    ///
    /// # Errors
    /// [`TransferJobError`].
    pub async fn transfer_job(&self, project: ProjectId, name: JobName) -> Result<StoredTransferJob, TransferJobError> {
        let store = self.store.clone();
        let found = apart(None, async move { store.transfer_job(&project, &name).await }).await?;
        found.ok_or(TransferJobError::NotFound)
    }

    /// At most `limit` jobs by name, after the name `after`.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn transfer_jobs(
        &self,
        project: ProjectId,
        filter: TransferJobFilter,
        after: Option<JobName>,
        limit: u32,
    ) -> Result<Vec<StoredTransferJob>, OperationsError> {
        let store = self.store.clone();
        apart(None, async move { store.transfer_jobs(&project, &filter, after.as_ref(), limit).await }).await
    }

    /// Changes a job. What runs of it is not concerned. To delete what is deleted succeeds.
    ///
    /// # Errors
    /// [`TransferJobError`].
    pub async fn update_transfer_job(
        &self,
        project: ProjectId,
        name: JobName,
        patch: TransferJobPatch,
        by: Actor,
    ) -> Result<StoredTransferJob, TransferJobError> {
        let store = self.store.clone();
        apart(None, async move { update(&store, &project, &name, &patch, &by).await }).await?
    }

    /// Runs a job now, whether it has a schedule or not, and whether it is enabled or not.
    ///
    /// # Errors
    /// [`TransferJobError`]. After `Unavailable` it may run.
    pub async fn run_transfer_job(
        &self,
        project: ProjectId,
        name: JobName,
        by: Actor,
    ) -> Result<Operation, TransferJobError> {
        let (id, trace_parent) = (clock::new_operation_id(), telemetry::current_trace_parent());
        let Self { store, publisher, .. } = self.clone();
        let ran = async move {
            let ran = run(&store, &project, &name, id, by).await?;
            if ran.is_ok() {
                publisher.send(Hint::Work { kind: KIND, trace_parent });
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

type Decided<T> = Result<Result<T, TransferJobError>, StoreError>;

async fn create(store: &Store, creation: TransferJobCreation, made: OffsetDateTime) -> Decided<StoredTransferJob> {
    let TransferJobCreation { project, name: given, status, job, by } = creation;
    let next_run_time = first_run(status, &job, made);
    for _ in 0..MOST_NAMES {
        let name = given.clone().unwrap_or_else(|| minted_name(&job.transfer, rand::random()));
        let new = NewTransferJob {
            project: project.clone(),
            name,
            status,
            job: job.clone(),
            create_time: made,
            next_run_time,
            by: by.clone(),
        };
        if let Some(created) = insert(store, &new).await? {
            return Ok(Ok(created));
        }
        if given.is_some() {
            break;
        }
    }
    Ok(Err(TransferJobError::NameTaken))
}

/// An answer that was lost is asked for again. What is there then is this very job, if it was made at the same moment and
/// does the same.
async fn insert(store: &Store, new: &NewTransferJob) -> Result<Option<StoredTransferJob>, StoreError> {
    let started = Instant::now();
    let created = match failpoint::around!("api.create_transfer_job", store.create_transfer_job(new).await) {
        Err(StoreError::Unavailable(_)) if started.elapsed() < QUICK => store.create_transfer_job(new).await?,
        result => result?,
    };
    if created.is_some() {
        return Ok(created);
    }
    let found = store.transfer_job(&new.project, &new.name).await?;
    Ok(found.filter(|found| (found.create_time, found.revision) == (new.create_time, 1) && found.job == new.job))
}

async fn update(
    store: &Store,
    project: &ProjectId,
    name: &JobName,
    patch: &TransferJobPatch,
    by: &Actor,
) -> Decided<StoredTransferJob> {
    for _ in 0..MOST_TRIES {
        let Some(seen) = store.transfer_job(project, name).await? else {
            return Ok(Err(TransferJobError::NotFound));
        };
        if seen.status == JobStatus::Deleted {
            return Ok(if patch.only_deletes() { Ok(seen) } else { Err(TransferJobError::Deleted) });
        }
        let change = changed(&seen, patch, clock::now(), by.clone());
        let updated = failpoint::around!("api.update_transfer_job", store.update_transfer_job(&seen, &change).await)?;
        if let Some(updated) = updated {
            return Ok(Ok(updated));
        }
    }
    Ok(Err(TransferJobError::Contended))
}

async fn run(store: &Store, project: &ProjectId, name: &JobName, id: OperationId, by: Actor) -> Decided<Operation> {
    let started = Instant::now();
    for _ in 0..MOST_TRIES {
        let Some(seen) = store.transfer_job_to_run(project, name).await? else {
            return Ok(Err(TransferJobError::NotFound));
        };
        if seen.job.latest_operation == Some(id) {
            // An earlier try of this very call, whose answer was lost.
            let address = Address { project: project.clone(), collection: None, id };
            return Ok(store.get(&address).await?.ok_or(TransferJobError::Contended));
        }
        if seen.job.status == JobStatus::Deleted {
            return Ok(Err(TransferJobError::Deleted));
        }
        if let Some(active) = seen.job.latest_operation.filter(|_| !seen.latest_ended) {
            return Ok(Err(TransferJobError::Active(active)));
        }
        let run = TransferJobRun {
            id,
            spec: StorageTransfer { job: Some(name.to_string()), ..seen.job.job.transfer.clone() }.to_spec(),
            // Its schedule goes on as if nobody had asked.
            next_run_time: seen.job.next_run_time,
            retry: RetryPolicy::default(),
            trace_parent: telemetry::current_trace_parent(),
            by: by.clone(),
        };
        match failpoint::around!("api.run_transfer_job", store.run_transfer_job(&seen.job, &run).await) {
            Ok(Some(operation)) => return Ok(Ok(operation)),
            Ok(None) => {}
            Err(StoreError::Unavailable(_)) if started.elapsed() < QUICK => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Err(TransferJobError::Contended))
}

/// When a job that is made now runs first by itself.
fn first_run(status: JobStatus, job: &TransferJob, made: OffsetDateTime) -> Option<OffsetDateTime> {
    let schedule = job.schedule.filter(|_| status == JobStatus::Enabled)?;
    schedule.next_run(made, made - Duration::NANOSECOND)
}

/// What a patch makes of a job as it stands.
fn changed(seen: &StoredTransferJob, patch: &TransferJobPatch, now: OffsetDateTime, by: Actor) -> TransferJobChange {
    let status = patch.status.unwrap_or(seen.status);
    let mut job = seen.job.clone();
    if let Some(description) = &patch.description {
        job.description.clone_from(description);
    }
    if let Some(transfer) = &patch.transfer {
        job.transfer = StorageTransfer { notification: job.transfer.notification, ..transfer.clone() };
    }
    if let Some(notification) = &patch.notification {
        job.transfer.notification.clone_from(notification);
    }
    let next_run_time = match (seen.status, status) {
        (_, JobStatus::Disabled | JobStatus::Deleted) => None,
        (JobStatus::Enabled, JobStatus::Enabled) => seen.next_run_time,
        // What would have run meanwhile is not made up for.
        (JobStatus::Disabled | JobStatus::Deleted, JobStatus::Enabled) => {
            job.schedule.and_then(|schedule| schedule.next_run(seen.create_time, now))
        }
    };
    TransferJobChange { status, job, next_run_time, by }
}

/// A name that nobody has, as the vendor makes them: of digits, after `OPI` where a folder is on one side.
fn minted_name(transfer: &StorageTransfer, random: u64) -> JobName {
    let prefix = if transfer.has_folder() { "OPI" } else { "" };
    JobName::minted(prefix, random)
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
    use kinds::storage_transfer::Schedule;
    use time::macros::{date, datetime};

    fn daily() -> TransferJob {
        let schedule = Schedule {
            start_date: date!(2026 - 02 - 27),
            end_date: None,
            start_time: None,
            end_time: None,
            repeat_interval: None,
        };
        TransferJob { schedule: Some(schedule), ..samples::transfer_job() }
    }

    fn seen(status: JobStatus, next_run_time: Option<OffsetDateTime>) -> StoredTransferJob {
        let create_time = datetime!(2026-02-27 10:30 UTC);
        StoredTransferJob { status, next_run_time, create_time, job: daily(), ..samples::stored_transfer_job() }
    }

    fn actor() -> Actor {
        Actor { principal: "me".to_owned(), source_address: None, request_id: String::new() }
    }

    #[test]
    fn a_job_is_first_run_by_its_schedule_if_it_is_enabled() {
        let made = datetime!(2026-02-27 10:30 UTC);
        assert_eq!(first_run(JobStatus::Enabled, &daily(), made), Some(made), "at once");
        assert_eq!(first_run(JobStatus::Disabled, &daily(), made), None);
        assert_eq!(first_run(JobStatus::Enabled, &samples::transfer_job(), made), None, "when somebody asks");
    }

    #[test]
    fn a_status_changes_when_a_job_runs_next() {
        let (now, next) = (datetime!(2026-03-05 12:00 UTC), datetime!(2026-03-05 11:00 UTC));
        let midnight = datetime!(2026-03-06 00:00 UTC);
        for (before, next, patched, expect) in [
            (JobStatus::Enabled, Some(next), None, Some(next)),
            (JobStatus::Enabled, Some(next), Some(JobStatus::Enabled), Some(next)),
            (JobStatus::Enabled, Some(next), Some(JobStatus::Disabled), None),
            (JobStatus::Enabled, Some(next), Some(JobStatus::Deleted), None),
            (JobStatus::Disabled, None, Some(JobStatus::Enabled), Some(midnight)),
            (JobStatus::Disabled, None, None, None),
        ] {
            let patch = TransferJobPatch { status: patched, ..TransferJobPatch::default() };
            let change = changed(&seen(before, next), &patch, now, actor());
            assert_eq!(
                (change.status, change.next_run_time),
                (patched.unwrap_or(before), expect),
                "{before:?} {patched:?}"
            );
        }
    }

    #[test]
    fn a_patch_changes_what_it_names_alone() {
        let before = seen(JobStatus::Enabled, None);
        let change = |patch| changed(&before, &patch, datetime!(2026-03-05 12:00 UTC), actor()).job;
        assert_eq!(change(TransferJobPatch::default()), before.job);
        let described = change(TransferJobPatch { description: Some("new".to_owned()), ..TransferJobPatch::default() });
        assert_eq!(described, TransferJob { description: "new".to_owned(), ..before.job.clone() });
        let notification = before.job.transfer.notification.clone();
        assert!(notification.is_some());
        // Who is told is not part of what is transferred.
        let transfer = StorageTransfer { notification: None, ..samples::transfer_of_folders() };
        let transferred = change(TransferJobPatch { transfer: Some(transfer.clone()), ..TransferJobPatch::default() });
        assert_eq!(transferred.transfer, StorageTransfer { notification, ..transfer });
        let untold = change(TransferJobPatch { notification: Some(None), ..TransferJobPatch::default() });
        assert_eq!(untold.transfer, StorageTransfer { notification: None, ..before.job.transfer.clone() });
    }

    #[test]
    fn names_of_ours_are_of_digits() {
        let name = |transfer: &StorageTransfer| minted_name(transfer, u64::MAX).to_string();
        assert_eq!(name(&samples::transfer_job().transfer), "transferJobs/18446744073709551615");
        assert_eq!(name(&samples::transfer_of_folders()), "transferJobs/OPI18446744073709551615");
    }
}
