//! Jobs in the table of resources, and when they run.

use super::{JOBS, JobName, JobStatus, KIND, OPERATIONS, StorageTransfer, TransferJob};
use crate::{Collection, Parameters};
use operation::{OperationId, ProjectId, Resource, Spec};
use serde::Deserialize;
use serde::de::Error;
use std::time::Duration;
use time::OffsetDateTime;

/// The collection of jobs.
pub static COLLECTION: Collection = Collection {
    name: JOBS,
    noun: "TRANSFER_JOB",
    kind: KIND,
    operations: OPERATIONS,
    // google.storagetransfer.v1: 30 days after its deletion.
    deleted_kept: Duration::from_hours(30 * 24),
    next_run,
    run,
};

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are documented in migrations/V14__resources.sql")]
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

impl StoredTransferJob {
    /// The job that a resource of this collection is.
    ///
    /// # Errors
    /// It is of a newer version.
    pub fn read(resource: &Resource) -> serde_json::Result<Self> {
        Ok(Self {
            project: resource.project.clone(),
            name: resource.name.parse().map_err(serde_json::Error::custom)?,
            status: resource.state.parse().map_err(|()| serde_json::Error::custom("an unknown status"))?,
            job: TransferJob::deserialize(&resource.content)?,
            next_run_time: resource.next_run_time,
            latest_operation: resource.latest_operation,
            revision: resource.revision,
            create_time: resource.create_time,
            update_time: resource.update_time,
            delete_time: resource.delete_time,
        })
    }
}

fn next_run(resource: &Resource, after: OffsetDateTime) -> serde_json::Result<Option<OffsetDateTime>> {
    let StoredTransferJob { status, job, create_time, .. } = StoredTransferJob::read(resource)?;
    let schedule = job.schedule.filter(|_| status == JobStatus::Enabled);
    Ok(schedule.and_then(|schedule| schedule.next_run(create_time, after)))
}

fn run(resource: &Resource) -> serde_json::Result<Spec> {
    let StoredTransferJob { name, job, .. } = StoredTransferJob::read(resource)?;
    Ok(StorageTransfer { job: Some(name.to_string()), ..job.transfer }.to_spec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    /// A job that was made on a morning.
    fn resource(state: &str, schedule: &serde_json::Value) -> Resource {
        let bucket = |path: &str| json!({ "bucket": { "bucket": "b", "path": path } });
        let mut content = json!({ "transfer": { "source": bucket("from/"), "sink": bucket("to/") } });
        if !schedule.is_null() {
            content["schedule"] = schedule.clone();
        }
        let create_time = datetime!(2026-02-27 10:30 UTC);
        Resource {
            project: "p".parse().expect("a project"),
            collection: JOBS.to_owned(),
            name: "transferJobs/one".to_owned(),
            state: state.to_owned(),
            content,
            next_run_time: None,
            latest_operation: None,
            revision: 1,
            create_time,
            update_time: create_time,
            delete_time: None,
        }
    }

    #[test]
    fn only_an_enabled_job_with_a_schedule_runs_by_itself() {
        let (daily, none) = (json!({ "startDate": "2026-02-27" }), json!(null));
        let made = datetime!(2026-02-27 10:30 UTC);
        let at = |state, schedule, after| next_run(&resource(state, schedule), after).expect("a job");
        assert_eq!(at("ENABLED", &daily, made - time::Duration::NANOSECOND), Some(made), "at once");
        assert_eq!(at("ENABLED", &daily, made), Some(datetime!(2026-02-28 00:00 UTC)));
        assert_eq!(at("ENABLED", &none, made), None, "when somebody asks");
        for state in ["DISABLED", "DELETED"] {
            assert_eq!(at(state, &daily, made), None, "{state}");
        }
    }

    #[test]
    fn a_run_says_which_job_it_is_of() {
        let spec = run(&resource("DISABLED", &json!(null))).expect("a job");
        let transfer = StorageTransfer::from_spec(&spec).expect("a transfer");
        assert_eq!(transfer.job.as_deref(), Some("transferJobs/one"));
    }

    #[test]
    fn what_a_newer_version_has_written_is_not_read() {
        let good = resource("ENABLED", &json!(null));
        let newer = json!({ "newer": 1 });
        for wrong in [
            Resource { content: newer, ..good.clone() },
            Resource { state: "ASLEEP".to_owned(), ..good.clone() },
            Resource { name: "transferJobs/".to_owned(), ..good },
        ] {
            assert!(run(&wrong).is_err() && next_run(&wrong, wrong.create_time).is_err(), "{wrong:?}");
        }
    }
}
