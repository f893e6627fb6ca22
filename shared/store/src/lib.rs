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
mod notifications;
mod operations;
mod partitions;
mod pool;
mod projects;
mod resources;
mod row;
mod secrets;
mod sqlstate;
mod sweep;
mod tokens;
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
pub use resources::{
    DuePlace, DueResource, DueResources, NewResource, ResourceAddress, ResourceChange, ResourceFilter, ResourceRun,
};
pub use row::{CancelReceipt, Operation};
pub use secrets::{AccessKey, purpose_of_access_key, purpose_of_operation};
pub use sweep::{QueueDepth, Swept};
pub use tokens::{ListedToken, StoredToken};
pub use why::{Owner, Why};
pub use workers::{LeaseLost, Requested};

/// Every statement by name, for the test that prepares them. Where one says `{partition}` or `{kind}`, the
/// name of a partition or of a kind is put.
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
    ("create_resource", resources::CREATE_RESOURCE),
    ("get_resource", resources::GET_RESOURCE),
    ("list_resources", resources::LIST_RESOURCES),
    ("update_resource", resources::UPDATE_RESOURCE),
    ("run_resource", resources::RUN_RESOURCE),
    ("resource_to_run", resources::RESOURCE_TO_RUN),
    ("skip_resource", resources::SKIP_RESOURCE),
    ("due_resources", resources::DUE_RESOURCES),
    ("forget_resources", resources::FORGET_RESOURCES),
    ("project_of_operation", resources::PROJECT_OF_OPERATION),
    ("to_notify", notifications::TO_NOTIFY),
    ("notified", notifications::NOTIFIED),
];
