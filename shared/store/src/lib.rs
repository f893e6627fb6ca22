//! All SQL on our own database, and nothing else.
//!
//! One transition is one statement, in autocommit: no transaction is ever left open, and each point at which a
//! process can die lies between two statements. The statements stand in `sql/`, one a file; a test prepares each of
//! them against the migrated schema. What they decide is what [`operation::transition`] decides, and a test compares
//! the two over generated sequences of events.

mod attempts;
mod audit;
mod cancels;
mod changes;
mod counts;
mod deletes;
mod error;
mod expiry;
mod grants;
mod kinds;
mod link;
mod lists;
mod migrate;
mod operations;
mod partitions;
mod pool;
mod projects;
mod row;
mod secrets;
mod sqlstate;
mod sweep;
mod tokens;
mod transfer_jobs;
mod why;
mod workers;

pub use attempts::{Claim, Claimed, CommitAnswer, Ending, Finished, Heard, Position, Settled};
pub use audit::{Actor, AuditEntry, AuditPage};
pub use changes::Change;
pub use counts::OperationCount;
pub use deletes::Deleted;
pub use error::StoreError;
pub use expiry::{Dropping, Partition};
pub use grants::{Roles, grant};
pub use kinds::RegisteredKind;
pub use link::DatabaseUrlError;
pub use lists::{Order, Page};
pub use migrate::{MigrateError, migrate};
pub use operation::ListFilter;
pub use operations::{Address, Asked, CreateRequest, Created, NewOperation, Requester, Retried, Retry};
pub use partitions::PartitionError;
pub use pool::{PLANNING, PoolSettings, Store};
pub use projects::{ListedProject, ProjectLimits, ProjectQueue};
pub use row::{CancelReceipt, Operation};
pub use secrets::{AccessKey, purpose_of_access_key, purpose_of_operation};
pub use sweep::{QueueDepth, Swept};
pub use tokens::{ListedToken, StoredToken};
pub use transfer_jobs::{
    DuePlace, DueTransferJob, DueTransferJobs, NewTransferJob, StoredTransferJob, TransferJobChange, TransferJobFilter,
    TransferJobRun,
};
pub use why::{Owner, Why};
pub use workers::{LeaseLost, Requested};

/// Every statement by name, for the test that prepares them. Where one says `{partition}`, the name of a partition is put.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("insert", operations::INSERT),
    ("create_request", operations::CREATE_REQUEST),
    ("forget_create_requests", operations::FORGET_CREATE_REQUESTS),
    ("get", operations::GET),
    ("get_to_cancel", operations::GET_TO_CANCEL),
    ("cancel", operations::CANCEL),
    ("cancel_together", cancels::CANCEL_TOGETHER),
    ("pause", operations::PAUSE),
    ("resume", operations::RESUME),
    ("delete", deletes::DELETE),
    ("retry", operations::RETRY),
    ("waiting", attempts::WAITING),
    ("claim", attempts::CLAIM),
    ("checkpoint", attempts::CHECKPOINT),
    ("commit_point", attempts::COMMIT_POINT),
    ("finish", attempts::FINISH),
    ("reconcile", attempts::RECONCILE),
    ("ended", attempts::ENDED),
    ("register", workers::REGISTER),
    ("register_kind", kinds::REGISTER_KIND),
    ("list_kinds", kinds::LIST_KINDS),
    ("renew", workers::RENEW),
    ("requests", workers::REQUESTS),
    ("retire", workers::RETIRE),
    ("sweep", sweep::SWEEP),
    ("fail_overdue", sweep::FAIL_OVERDUE),
    ("bury", sweep::BURY),
    ("queue", sweep::QUEUE),
    ("changed", changes::CHANGED),
    ("why", why::WHY),
    ("counts", counts::COUNTS),
    ("compact", counts::COMPACT),
    ("partitions", expiry::PARTITIONS),
    ("expire", expiry::EXPIRE),
    ("create_partition", partitions::CREATE_PARTITION),
    ("drop_partition", expiry::DROP_PARTITION),
    ("forget_labels", expiry::FORGET_LABELS),
    ("tokens", tokens::TOKENS),
    ("create_token", tokens::CREATE_TOKEN),
    ("revoke_token", tokens::REVOKE_TOKEN),
    ("list_tokens", tokens::LIST_TOKENS),
    ("set_project", projects::SET_PROJECT),
    ("list_projects", projects::LIST_PROJECTS),
    ("project_queue", projects::PROJECT_QUEUE),
    ("audit_log", audit::AUDIT_LOG),
    ("audit_log_of_operation", audit::AUDIT_LOG_OF_OPERATION),
    ("forget_audit_log", audit::FORGET_AUDIT_LOG),
    ("secret", secrets::SECRET),
    ("create_access_key", secrets::CREATE_ACCESS_KEY),
    ("revoke_access_key", secrets::REVOKE_ACCESS_KEY),
    ("access_keys", secrets::ACCESS_KEYS),
    ("reseal_access_key", secrets::RESEAL_ACCESS_KEY),
    ("create_transfer_job", transfer_jobs::CREATE_TRANSFER_JOB),
    ("get_transfer_job", transfer_jobs::GET_TRANSFER_JOB),
    ("list_transfer_jobs", transfer_jobs::LIST_TRANSFER_JOBS),
    ("update_transfer_job", transfer_jobs::UPDATE_TRANSFER_JOB),
    ("run_transfer_job", transfer_jobs::RUN_TRANSFER_JOB),
    ("transfer_job_to_run", transfer_jobs::TRANSFER_JOB_TO_RUN),
    ("skip_transfer_job", transfer_jobs::SKIP_TRANSFER_JOB),
    ("due_transfer_jobs", transfer_jobs::DUE_TRANSFER_JOBS),
    ("forget_transfer_jobs", transfer_jobs::FORGET_TRANSFER_JOBS),
    ("project_of_operation", transfer_jobs::PROJECT_OF_OPERATION),
    ("to_notify", transfer_jobs::TO_NOTIFY),
    ("notified", transfer_jobs::NOTIFIED),
];
