//! What a create asks for, and what its key stands for.

use crate::operations::OperationsError;
use operation::{ProjectId, RetryPolicy, Spec};
use runtime::config::Secret;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use store::{Actor, Address, CreateRequest};
use time::OffsetDateTime;

/// An operation to be created.
#[derive(Debug, Clone)]
pub struct Creation {
    /// Whose it is.
    pub project: ProjectId,
    /// The list it is seen in.
    pub collection: String,
    /// The resource the work is done on.
    pub target: String,
    /// What to do.
    pub spec: Spec,
    /// Higher goes first, within a project.
    pub priority: i16,
    /// The caller's own words.
    pub labels: BTreeMap<String, String>,
    /// When it fails if it has not ended.
    pub deadline: Option<OffsetDateTime>,
    /// How often, and when, it is tried again.
    pub retry: RetryPolicy,
    /// The caller's key, which makes the create idempotent.
    pub request_id: Option<String>,
    /// Who asks.
    pub by: Actor,
    /// What the worker needs and nobody else may know. It is no part of what makes two requests the same.
    pub secret: Option<Secret>,
}

impl Creation {
    /// What the key stands for: all that is asked for, and nothing of how it was written.
    pub(crate) fn request(&self) -> Result<Option<CreateRequest>, OperationsError> {
        let retry = (self.retry.failure_limit, self.retry.initial_delay, self.retry.longest_delay);
        let asked = (&self.collection, &self.target, &self.spec, self.priority, &self.labels, self.deadline, retry);
        keyed(self.request_id.clone(), &asked)
    }
}

/// The key of a request, if it has one, and a hash of all that it asks for.
fn keyed(request_id: Option<String>, asked: &impl Serialize) -> Result<Option<CreateRequest>, OperationsError> {
    let Some(id) = request_id else { return Ok(None) };
    let asked = serde_json::to_vec(asked).map_err(|_| OperationsError::Internal)?;
    Ok(Some(CreateRequest { id, fingerprint: Sha256::digest(asked).into() }))
}

/// What the key of a retry stands for.
pub(crate) fn retry_request(
    address: &Address,
    request_id: Option<String>,
) -> Result<Option<CreateRequest>, OperationsError> {
    keyed(request_id, &("retry", address.id))
}
