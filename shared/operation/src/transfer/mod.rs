//! Transfers of objects from one place to another, and the jobs that repeat them.

mod job;
mod progress;
mod schedule;
mod seconds;
mod spec;

pub use job::{
    InvalidJobName, JobName, JobStatus, NotificationEvent, PayloadFormat, TransferJob, TransferNotification,
};
pub use progress::{ErrorExample, ErrorSummary, TransferCounters, TransferPosition, TransferSpan, TransferUpload};
pub use schedule::{InvalidSchedule, Schedule, TimeOfDay};
pub use spec::{
    BucketPath, DeleteOption, OverwriteWhen, S3CompatiblePath, StorageTransfer, TransferConditions, TransferOptions,
    TransferSink, TransferSource,
};
