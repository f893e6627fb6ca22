//! Jobs as somebody would make them, to be changed where a test cares.

use crate::actor;
use kinds::storage_transfer::{
    BucketPath, JobStatus, Schedule, StorageTransfer, TransferConditions, TransferJob, TransferOptions, TransferSink,
    TransferSource,
};
use store::NewTransferJob;

/// From one part of the tests' bucket to another.
pub fn transfer() -> StorageTransfer {
    let part = |path: &str| BucketPath { bucket: "exports".to_owned(), path: path.to_owned() };
    StorageTransfer {
        job: None,
        source: TransferSource::Bucket(part("from/")),
        sink: TransferSink::Bucket(part("to/")),
        conditions: TransferConditions::default(),
        options: TransferOptions::default(),
        notification: None,
    }
}

/// An enabled job `transferJobs/{id}` that was made just now. When it runs by itself is left to the test.
///
/// # Panics
/// `project` or `id` can't be a name.
pub fn new_transfer_job(project: &str, id: &str, schedule: Option<Schedule>) -> NewTransferJob {
    NewTransferJob {
        project: project.parse().expect("a project's name"),
        name: format!("transferJobs/{id}").parse().expect("a job's name"),
        status: JobStatus::Enabled,
        job: TransferJob { description: String::new(), transfer: transfer(), schedule },
        create_time: runtime::clock::now(),
        next_run_time: None,
        by: actor("tester"),
    }
}

/// From yesterday on, each hour.
///
/// # Panics
/// Yesterday was before the calendar.
pub fn hourly() -> Schedule {
    Schedule {
        start_date: runtime::clock::now().date().previous_day().expect("a yesterday"),
        end_date: None,
        start_time: None,
        end_time: None,
        repeat_interval: Some(std::time::Duration::from_hours(1)),
    }
}
