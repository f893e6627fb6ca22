//! Jobs that transfer again and again, and those who are told of the ends of their runs.

use crate::audit::{Actor, by};
use crate::{Operation, Store, StoreError};
use kinds::storage_transfer::{JobName, JobStatus, TransferJob};
use operation::{OperationId, ProjectId, RetryPolicy, Spec};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) const CREATE_TRANSFER_JOB: &str = include_str!("../sql/create_transfer_job.sql");
pub(crate) const GET_TRANSFER_JOB: &str = include_str!("../sql/get_transfer_job.sql");
pub(crate) const LIST_TRANSFER_JOBS: &str = include_str!("../sql/list_transfer_jobs.sql");
pub(crate) const UPDATE_TRANSFER_JOB: &str = include_str!("../sql/update_transfer_job.sql");
pub(crate) const RUN_TRANSFER_JOB: &str = include_str!("../sql/run_transfer_job.sql");
pub(crate) const TRANSFER_JOB_TO_RUN: &str = include_str!("../sql/transfer_job_to_run.sql");
pub(crate) const SKIP_TRANSFER_JOB: &str = include_str!("../sql/skip_transfer_job.sql");
pub(crate) const DUE_TRANSFER_JOBS: &str = include_str!("../sql/due_transfer_jobs.sql");
pub(crate) const FORGET_TRANSFER_JOBS: &str = include_str!("../sql/forget_transfer_jobs.sql");
pub(crate) const PROJECT_OF_OPERATION: &str = include_str!("../sql/project_of_operation.sql");
pub(crate) const TO_NOTIFY: &str = include_str!("../sql/to_notify.sql");
pub(crate) const NOTIFIED: &str = include_str!("../sql/notified.sql");

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are documented in migrations/V10__transfer_jobs.sql")]
pub struct StoredTransferJob {
    pub project: ProjectId,
    pub name: JobName,
    pub status: JobStatus,
    pub job: TransferJob,
    pub next_run_time: Option<OffsetDateTime>,
    pub latest_operation: Option<OperationId>,
    pub revision: i64,
    pub create_time: OffsetDateTime,
    pub update_time: OffsetDateTime,
    pub delete_time: Option<OffsetDateTime>,
}

/// A job to be made.
#[derive(Debug, Clone)]
pub struct NewTransferJob {
    /// Whose it is.
    pub project: ProjectId,
    /// Its name, unique in the project.
    pub name: JobName,
    /// Whether it runs by its schedule: not [`JobStatus::Deleted`].
    pub status: JobStatus,
    /// What it does.
    pub job: TransferJob,
    /// When it is made: what its schedule is counted from.
    pub create_time: OffsetDateTime,
    /// When it runs first by itself, if it does.
    pub next_run_time: Option<OffsetDateTime>,
    /// Who asks.
    pub by: Actor,
}

/// What a change makes of a job.
#[derive(Debug, Clone)]
pub struct TransferJobChange {
    /// Whether it runs. What is deleted stays so.
    pub status: JobStatus,
    /// What it does.
    pub job: TransferJob,
    /// When it runs next by itself; `None` unless it is enabled.
    pub next_run_time: Option<OffsetDateTime>,
    /// Who asks.
    pub by: Actor,
}

/// A run of a job.
#[derive(Debug, Clone)]
pub struct TransferJobRun {
    /// The operation's id: a fresh `UUIDv7`.
    pub id: OperationId,
    /// What to do.
    pub spec: Spec,
    /// When the job runs next by itself, after this.
    pub next_run_time: Option<OffsetDateTime>,
    /// How often, and when, it is tried again.
    pub retry: RetryPolicy,
    /// W3C traceparent of the request.
    pub trace_parent: Option<String>,
    /// Who asks.
    pub by: Actor,
}

/// Which jobs a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferJobFilter {
    /// Only these; all where it is `None`.
    pub names: Option<Vec<JobName>>,
    /// Only names that match, with `*` for any characters.
    pub name_pattern: Option<String>,
    /// Only these.
    pub statuses: Vec<JobStatus>,
}

/// One page of the jobs whose time has come.
#[derive(Debug, Clone)]
pub struct DueTransferJobs {
    /// The jobs.
    pub jobs: Vec<DueTransferJob>,
    /// Jobs that this version can't read, `project name`: a newer one may. They keep none of the others waiting.
    pub unreadable: Vec<String>,
    /// Where the next page goes on, if there may be one.
    pub next: Option<DuePlace>,
}

/// A place in the list of jobs whose time has come.
#[derive(Debug, Clone)]
pub struct DuePlace {
    time: OffsetDateTime,
    project: String,
    name: String,
}

/// A job whose time has come, by its schedule or because somebody asks.
#[derive(Debug, Clone)]
pub struct DueTransferJob {
    /// The job.
    pub job: StoredTransferJob,
    /// The database's time.
    pub now: OffsetDateTime,
    /// Whether its latest run has ended, or there is none.
    pub latest_ended: bool,
}

impl Store {
    /// Makes a job. `None` where the project has one of this name, deleted or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_transfer_job(&self, new: &NewTransferJob) -> Result<Option<StoredTransferJob>, StoreError> {
        let query = sqlx::query(CREATE_TRANSFER_JOB)
            .bind(new.project.as_str())
            .bind(new.name.as_str())
            .bind(new.status.as_str())
            .bind(json(&new.job)?)
            .bind(new.next_run_time)
            .bind(new.create_time);
        self.fetch_optional(by(query, &new.by)).await?.as_ref().map(read).transpose()
    }

    /// Reads a job, also a deleted one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn transfer_job(
        &self,
        project: &ProjectId,
        name: &JobName,
    ) -> Result<Option<StoredTransferJob>, StoreError> {
        let query = sqlx::query(GET_TRANSFER_JOB).bind(project.as_str()).bind(name.as_str());
        self.fetch_optional(query).await?.as_ref().map(read).transpose()
    }

    /// At most `limit` jobs by name, after the name `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn transfer_jobs(
        &self,
        project: &ProjectId,
        filter: &TransferJobFilter,
        after: Option<&JobName>,
        limit: u32,
    ) -> Result<Vec<StoredTransferJob>, StoreError> {
        let names: Option<Vec<_>> =
            filter.names.as_ref().map(|names| names.iter().map(|name| name.as_str().to_owned()).collect());
        let statuses: Vec<_> = filter.statuses.iter().map(|status| status.as_str()).collect();
        let query = sqlx::query(LIST_TRANSFER_JOBS)
            .bind(project.as_str())
            .bind(after.map_or("", |name| name.as_str()))
            .bind(names)
            .bind(filter.name_pattern.as_deref().map(like))
            .bind(statuses)
            .bind(i64::from(limit));
        self.fetch_all(query).await?.iter().map(read).collect()
    }

    /// Changes a job that stands as it was seen. `None` where it does not: somebody else has changed, run or deleted it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn update_transfer_job(
        &self,
        seen: &StoredTransferJob,
        change: &TransferJobChange,
    ) -> Result<Option<StoredTransferJob>, StoreError> {
        let query = sqlx::query(UPDATE_TRANSFER_JOB)
            .bind(seen.project.as_str())
            .bind(seen.name.as_str())
            .bind(seen.revision)
            .bind(change.status.as_str())
            .bind(json(&change.job)?)
            .bind(change.next_run_time);
        self.fetch_optional(by(query, &change.by)).await?.as_ref().map(read).transpose()
    }

    /// Runs a job that stands as it was seen, and whose latest run was seen ended. `None` where it does not stand so any
    /// more.
    ///
    /// # Errors
    /// [`StoreError`]. After UNAVAILABLE it may run: then the job stands otherwise.
    pub async fn run_transfer_job(
        &self,
        seen: &StoredTransferJob,
        run: &TransferJobRun,
    ) -> Result<Option<Operation>, StoreError> {
        let millis = |delay: Duration| i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
        let query = sqlx::query(RUN_TRANSFER_JOB)
            .bind(seen.project.as_str())
            .bind(seen.name.as_str())
            .bind(seen.revision)
            .bind(run.id.as_uuid())
            .bind(run.next_run_time)
            .bind(json(&run.spec)?)
            .bind(&run.trace_parent)
            .bind(i32::try_from(run.retry.failure_limit).unwrap_or(i32::MAX))
            .bind(millis(run.retry.initial_delay))
            .bind(millis(run.retry.longest_delay));
        self.fetch_optional(by(query, &run.by)).await?.as_ref().map(Operation::read).transpose()
    }

    /// Reads a job and whether its latest run has ended, also where a user has hidden that run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn transfer_job_to_run(
        &self,
        project: &ProjectId,
        name: &JobName,
    ) -> Result<Option<DueTransferJob>, StoreError> {
        let query = sqlx::query(TRANSFER_JOB_TO_RUN).bind(project.as_str()).bind(name.as_str());
        self.fetch_optional(query).await?.as_ref().map(due).transpose()
    }

    /// Lets a job that stands as it was seen wait for its next time, without a run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn skip_transfer_job(
        &self,
        seen: &StoredTransferJob,
        next_run_time: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(SKIP_TRANSFER_JOB)
            .bind(seen.project.as_str())
            .bind(seen.name.as_str())
            .bind(seen.revision)
            .bind(next_run_time);
        Ok(self.execute(query).await?.rows_affected() > 0)
    }

    /// At most `limit` jobs whose time has come, after the place where another page has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_transfer_jobs(&self, after: Option<&DuePlace>, limit: u32) -> Result<DueTransferJobs, StoreError> {
        let query = sqlx::query(DUE_TRANSFER_JOBS)
            .bind(i64::from(limit))
            .bind(after.map(|place| place.time))
            .bind(after.map_or("", |place| &place.project))
            .bind(after.map_or("", |place| &place.name));
        let rows = self.fetch_all(query).await?;
        let mut page = DueTransferJobs { jobs: Vec::new(), unreadable: Vec::new(), next: None };
        for row in &rows {
            let place = DuePlace {
                time: row.try_get("next_run_time")?,
                project: row.try_get("project_id")?,
                name: row.try_get("name")?,
            };
            match due(row) {
                Ok(due) => page.jobs.push(due),
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

    /// Takes away jobs that were deleted longer ago than `age`, at most `limit`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_transfer_jobs(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let query = sqlx::query(FORGET_TRANSFER_JOBS).bind(age.as_secs_f64()).bind(i64::from(limit));
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

    /// Takes on at most `limit` ends that somebody is to be told of, the oldest first. Nobody else is given them before
    /// `claimed_for` has passed; then whoever comes is, unless they are [`notified`](Self::notified). One that this version
    /// can't read is told by its error.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn to_notify(
        &self,
        claimed_for: Duration,
        limit: u32,
    ) -> Result<Vec<Result<Operation, StoreError>>, StoreError> {
        let query = sqlx::query(TO_NOTIFY).bind(i64::from(limit)).bind(claimed_for.as_secs_f64());
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

/// The vendor's pattern as SQL's.
fn like(pattern: &str) -> String {
    pattern.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_").replace('*', "%")
}

fn json(value: &impl serde::Serialize) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|_| unreadable("job"))
}

fn due(row: &PgRow) -> Result<DueTransferJob, StoreError> {
    Ok(DueTransferJob { job: read(row)?, now: row.try_get("now")?, latest_ended: row.try_get("latest_ended")? })
}

fn read(row: &PgRow) -> Result<StoredTransferJob, StoreError> {
    Ok(StoredTransferJob {
        project: row.try_get::<&str, _>("project_id")?.parse().map_err(|_| unreadable("project_id"))?,
        name: row.try_get::<&str, _>("name")?.parse().map_err(|_| unreadable("name"))?,
        status: row.try_get::<&str, _>("status")?.parse().map_err(|()| unreadable("status"))?,
        job: serde_json::from_value(row.try_get("job")?).map_err(|_| unreadable("job"))?,
        next_run_time: row.try_get("next_run_time")?,
        latest_operation: row.try_get::<Option<Uuid>, _>("latest_operation")?.map(OperationId::from_uuid),
        revision: row.try_get("revision")?,
        create_time: row.try_get("create_time")?,
        update_time: row.try_get("update_time")?,
        delete_time: row.try_get("delete_time")?,
    })
}

/// A job has no id to tell it by.
fn unreadable(what: &'static str) -> StoreError {
    StoreError::Unreadable { id: Uuid::nil(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_the_vendor_says() {
        assert_eq!(like("transferJobs/a_b%*"), r"transferJobs/a\_b\%%");
    }
}
