//! Jobs as somebody would make them, to be changed where a test cares.

use crate::actor;
use kinds::storage_transfer::{
    BucketPath, COLLECTION, Schedule, StorageTransfer, TransferConditions, TransferJob, TransferOptions, TransferSink,
    TransferSource,
};
use operation::Resource;
use store::{NewResource, ResourceAddress};

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
/// `project` can't be a name.
pub fn new_transfer_job(project: &str, id: &str, schedule: Option<Schedule>) -> NewResource {
    let job = TransferJob { description: String::new(), transfer: transfer(), schedule };
    NewResource {
        address: transfer_job(project, id),
        state: Resource::ENABLED.to_owned(),
        content: serde_json::to_value(job).expect("JSON"),
        create_time: runtime::clock::now(),
        next_run_time: None,
        verb: "CREATE_TRANSFER_JOB".to_owned(),
        by: actor("tester"),
    }
}

/// The job `transferJobs/{id}`.
///
/// # Panics
/// `project` can't be a name.
pub fn transfer_job(project: &str, id: &str) -> ResourceAddress {
    ResourceAddress {
        project: project.parse().expect("a project's name"),
        collection: COLLECTION.name.to_owned(),
        name: format!("{}/{id}", COLLECTION.name),
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
