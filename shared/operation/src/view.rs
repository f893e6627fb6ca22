//! What the rules of a kind see of an operation.

use crate::{OperationId, ProjectId, Spec, State};
use serde_json::Value;
use time::OffsetDateTime;

/// What the rules of a kind see of an operation: what its vendor shows of it is made of this.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the columns are documented in migrations/V1__operations.sql")]
pub struct OperationView<'a> {
    pub id: OperationId,
    pub project: &'a ProjectId,
    pub target: &'a str,
    pub spec: &'a Spec,
    pub state: State,
    pub pause_requested: bool,
    pub checkpoint: Option<&'a Value>,
    pub start_time: Option<OffsetDateTime>,
    pub finish_time: Option<OffsetDateTime>,
}
