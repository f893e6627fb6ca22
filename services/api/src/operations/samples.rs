//! Operations for the tests beside the code: one that was just created, to be changed where a test cares. And jobs.

use crate::operations::Operation;
use kinds::Parameters;
use kinds::demo_steps::{self, DemoSteps};
use kinds::storage_transfer::{
    BucketPath, COLLECTION, PayloadFormat, StorageTransfer, StoredTransferJob, TransferConditions, TransferJob,
    TransferNotification, TransferOptions, TransferSink, TransferSource,
};
use operation::{AttemptNumber, Resource, RetryPolicy, State};
use std::collections::BTreeMap;
use time::macros::datetime;

/// An operation that was just created.
pub fn created() -> Operation {
    let at = datetime!(2026-11-23 07:00:00.5 UTC);
    Operation {
        id: "0193a5a0-0000-7000-8000-000000000001".parse().expect("an id"),
        project: "p".parse().expect("a project"),
        collection: "native".to_owned(),
        kind: demo_steps::KIND,
        target: "demo".to_owned(),
        spec: DemoSteps::new(1, 1).to_spec(),
        priority: 0,
        state: State::Pending,
        revision: 1,
        attempt: AttemptNumber(0),
        worker: None,
        nonce: None,
        failures: 0,
        retry: RetryPolicy::default(),
        retry_of: None,
        labels: BTreeMap::new(),
        deadline: None,
        not_before: None,
        release_reason: None,
        safe_point: None,
        safe_point_time: None,
        items_per_second: None,
        create_time: at,
        start_time: None,
        claim_time: None,
        update_time: at,
        finish_time: None,
        checkpoint: None,
        items_done: 0,
        items_total: None,
        bytes_done: 0,
        response: None,
        error_code: None,
        error_message: None,
        pause_requested_at: None,
        cancel: None,
        trace_parent: None,
        has_secret: false,
    }
}

fn transfer(source: TransferSource, sink: TransferSink) -> StorageTransfer {
    let (conditions, options) = (TransferConditions::default(), TransferOptions::default());
    StorageTransfer { job: None, source, sink, conditions, options, notification: None }
}

/// From one bucket to another.
pub fn transfer_of_buckets() -> StorageTransfer {
    let path = |bucket: &str, path: &str| BucketPath { bucket: bucket.to_owned(), path: path.to_owned() };
    transfer(TransferSource::Bucket(path("exports", "a/")), TransferSink::Bucket(path("sink", "")))
}

/// From one folder to another.
pub fn transfer_of_folders() -> StorageTransfer {
    transfer(TransferSource::Folder("/data/a".to_owned()), TransferSink::Folder("/data/b".to_owned()))
}

/// One that tells of its ends, and has no schedule.
pub fn transfer_job() -> TransferJob {
    let notification = TransferNotification {
        topic: "projects/p/topics/ends".to_owned(),
        events: Vec::new(),
        payload: PayloadFormat::Json,
    };
    let transfer = StorageTransfer { notification: Some(notification), ..transfer_of_buckets() };
    TransferJob { description: "words".to_owned(), transfer, schedule: None }
}

/// That job as it is stored.
pub fn resource() -> Resource {
    let at = datetime!(2026-11-23 07:00:00.5 UTC);
    Resource {
        project: "p".parse().expect("a project"),
        collection: COLLECTION.name.to_owned(),
        name: "transferJobs/one".to_owned(),
        state: Resource::ENABLED.to_owned(),
        content: serde_json::to_value(transfer_job()).expect("JSON"),
        next_run_time: None,
        latest_operation: None,
        revision: 1,
        create_time: at,
        update_time: at,
        delete_time: None,
    }
}

/// As it was made.
pub fn stored_transfer_job() -> StoredTransferJob {
    StoredTransferJob::read(&resource()).expect("a job")
}
