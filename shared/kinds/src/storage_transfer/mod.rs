//! `storage.transfer`: transfers of objects from one place to another, and the jobs that repeat them.

mod job;
mod names;
mod notice;
mod progress;
mod response;
mod schedule;
mod seconds;
mod spec;
mod stored_job;
mod transfer_operation;

pub use job::{
    InvalidJobName, JobName, JobStatus, NotificationEvent, PayloadFormat, TransferJob, TransferNotification,
};
pub use names::{JOBS, OPERATIONS, RunName, run_name};
pub use notice::NOTICES;
pub use progress::{ErrorExample, ErrorSummary, TransferCounters, TransferPosition, TransferSpan, TransferUpload};
pub use response::StorageTransferResponse;
pub use schedule::{InvalidSchedule, Schedule, TimeOfDay};
pub use spec::{
    BucketPath, DeleteOption, OverwriteWhen, S3CompatiblePath, StorageTransfer, TransferConditions, TransferOptions,
    TransferSink, TransferSource,
};
pub use stored_job::{COLLECTION, StoredTransferJob};
pub use transfer_operation::{ErrorBreakdown, ErrorLogEntry, Status, TransferOperation};

use crate::Parameters;
use operation::{Kind, KindInfo};
use std::borrow::Cow;
use std::time::Duration;

/// The kind.
pub const KIND: Kind = Kind::from_static("storage.transfer");

/// What holds for every operation of this kind.
pub static INFO: KindInfo = KindInfo {
    kind: KIND,
    unit: Cow::Borrowed("objects"),
    // The executor only waits, with a pulse, for those who copy. They look at the stop themselves, between two files and
    // between two pieces of 16 MiB.
    safe_point_bound: Duration::from_secs(1),
    // Requests under way are waited for, then uploads are aborted (10 s each), then the disk follows (10 s).
    stop_bound: Duration::from_secs(45),
    counts_against_quotas: true,
    opt_in: false,
};

impl Parameters for StorageTransfer {
    fn info() -> &'static KindInfo {
        &INFO
    }
}
