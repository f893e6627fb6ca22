//! What a vendor's clients make once and operations are made of again and again.

use crate::{OperationId, ProjectId};
use serde_json::Value;
use time::OffsetDateTime;

/// A vendor's resource as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are documented in migrations/V14__resources.sql")]
pub struct Resource {
    pub project: ProjectId,
    pub collection: String,
    pub name: String,
    pub state: String,
    pub content: Value,
    pub next_run_time: Option<OffsetDateTime>,
    pub latest_operation: Option<OperationId>,
    pub revision: i64,
    pub create_time: OffsetDateTime,
    pub update_time: OffsetDateTime,
    pub delete_time: Option<OffsetDateTime>,
}

impl Resource {
    /// The state in which it runs by itself, in each collection that has schedules.
    pub const ENABLED: &'static str = "ENABLED";
    /// The state that is final, in each collection.
    pub const DELETED: &'static str = "DELETED";

    /// Whether it is deleted: it is shown for a while, never changed and never run.
    pub fn is_deleted(&self) -> bool {
        self.state == Self::DELETED
    }
}
