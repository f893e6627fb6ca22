//! Create, read, cancel, pause, resume: what the api asks of one operation.

use crate::audit::{Actor, by};
use crate::{Operation, Store, StoreError};
use operation::{CancelMode, OperationId, ProjectId, RetryPolicy, Sealed, Spec, State};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use std::collections::BTreeMap;
use std::time::Duration;
use time::OffsetDateTime;

pub(crate) const INSERT: &str = include_str!("../sql/insert.sql");
pub(crate) const CREATE_REQUEST: &str = include_str!("../sql/create_request.sql");
pub(crate) const FORGET_CREATE_REQUESTS: &str = include_str!("../sql/forget_create_requests.sql");
pub(crate) const GET: &str = include_str!("../sql/get.sql");
pub(crate) const CANCEL: &str = include_str!("../sql/cancel.sql");
pub(crate) const PAUSE: &str = include_str!("../sql/pause.sql");
pub(crate) const RESUME: &str = include_str!("../sql/resume.sql");
pub(crate) const GET_TO_CANCEL: &str = include_str!("../sql/get_to_cancel.sql");
pub(crate) const RETRY: &str = include_str!("../sql/retry.sql");

/// An operation to be created.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// Its id: a fresh `UUIDv7`.
    pub id: OperationId,
    /// Whose it is.
    pub project: ProjectId,
    /// The list a vendor's client sees it in.
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
    /// W3C traceparent of the request.
    pub trace_parent: Option<String>,
    /// What makes the create idempotent (AIP-155).
    pub request: Option<CreateRequest>,
    /// Who asks.
    pub by: Actor,
    /// What its worker needs and nobody else may know, sealed for [`crate::purpose_of_operation`]. It goes when the
    /// operation ends.
    pub secret: Option<Sealed>,
}

/// What makes a create idempotent: the same key with the same request is the same operation.
#[derive(Debug, Clone)]
pub struct CreateRequest {
    /// The caller's key, unique within its project for as long as keys are kept.
    pub id: String,
    /// SHA-256 over what is asked for.
    pub fingerprint: [u8; 32],
}

/// What a create did.
#[derive(Debug)]
pub enum Created {
    /// It is there now.
    New(Operation),
    /// An earlier create with the same key made this one.
    Before(Operation),
    /// The key belongs to another request, or to an operation that was deleted since.
    KeyTaken,
}

/// Who asks for a cancel, why, and how.
#[derive(Debug, Clone)]
pub struct Requester {
    /// Who.
    pub by: Actor,
    /// Why, in its own words.
    pub reason: Option<String>,
    /// Which safe points it stops at.
    pub mode: CancelMode,
}

/// A new try of an operation that failed or was cancelled.
#[derive(Debug, Clone)]
pub struct Retry {
    /// The new operation's id: a fresh `UUIDv7`.
    pub id: OperationId,
    /// W3C traceparent of the request.
    pub trace_parent: Option<String>,
    /// What makes the retry idempotent.
    pub request: Option<CreateRequest>,
    /// Who asks.
    pub by: Actor,
}

/// What a retry did.
#[derive(Debug)]
pub enum Retried {
    /// A new operation goes on where the old one had stopped.
    New(Operation),
    /// An earlier request with the same key made this one.
    Before(Operation),
    /// It has not ended, it succeeded, or it came with a secret: the operation as it stands.
    Refused(Operation),
    /// The key belongs to another request, or to an operation that was deleted since.
    KeyTaken,
}

/// Where an operation is looked for.
#[derive(Debug, Clone)]
pub struct Address {
    /// Whose it is.
    pub project: ProjectId,
    /// The list it is seen in; `None` for any.
    pub collection: Option<String>,
    /// Which.
    pub id: OperationId,
}

/// What a request to change an operation did.
#[derive(Debug)]
pub enum Asked {
    /// Recorded now: the operation after it. A waiting one that was cancelled is CANCELLED already; a running one names
    /// its worker.
    Recorded(Operation),
    /// Nothing changed; the operation tells why: it had ended, or somebody asked before, or there was nothing to do.
    Unchanged(Operation),
}

impl Store {
    /// Creates an operation. Sending the same again (same id) changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]. After UNAVAILABLE it may be there: send it again with the same id.
    pub async fn create(&self, new: &NewOperation) -> Result<Created, StoreError> {
        let unreadable = |what| StoreError::Unreadable { id: new.id.as_uuid(), what };
        let spec = serde_json::to_value(&new.spec).map_err(|_| unreadable("spec"))?;
        let query = sqlx::query(INSERT)
            .bind(new.id.as_uuid())
            .bind(new.project.as_str())
            .bind(&new.collection)
            .bind(new.spec.kind().as_str())
            .bind(&new.target)
            .bind(spec)
            .bind(new.priority)
            .bind(i32::try_from(new.retry.failure_limit).unwrap_or(i32::MAX))
            .bind(&new.trace_parent)
            .bind(new.request.as_ref().map(|request| request.id.as_str()))
            .bind(new.request.as_ref().map(|request| request.fingerprint.as_slice()))
            .bind(serde_json::to_value(&new.labels).map_err(|_| unreadable("labels"))?)
            .bind(new.deadline)
            .bind(millis(new.retry.initial_delay))
            .bind(millis(new.retry.longest_delay));
        let row = self
            .fetch_optional(
                by(query, &new.by)
                    .bind(new.secret.as_ref().map(|secret| secret.key_id.as_str()))
                    .bind(new.secret.as_ref().map(|secret| secret.bytes.as_slice())),
            )
            .await?;
        if let Some(row) = row {
            return Ok(Created::New(Operation::read(&row)?));
        }
        // It was there, by the key or by the id: then an earlier try of this very create was answered to nobody.
        let found = self.made_before(&new.project, new.id, new.request.as_ref()).await?;
        Ok(found.map_or(Created::KeyTaken, Created::Before))
    }

    /// Tries an operation again that failed or was cancelled, as a new one. `None` where there is no such operation.
    /// Sending the same again (same new id) changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]. After UNAVAILABLE it may be there: send it again with the same id.
    pub async fn retry(&self, address: &Address, retry: &Retry) -> Result<Option<Retried>, StoreError> {
        let row = self
            .fetch_optional(
                by(at(RETRY, address), &retry.by)
                    .bind(retry.id.as_uuid())
                    .bind(&retry.trace_parent)
                    .bind(retry.request.as_ref().map(|request| request.id.as_str()))
                    .bind(retry.request.as_ref().map(|request| request.fingerprint.as_slice())),
            )
            .await?;
        if let Some(row) = row {
            return Ok(Some(Retried::New(Operation::read(&row)?)));
        }
        let Some(origin) = self.get(address).await? else { return Ok(None) };
        if origin.has_secret || !matches!(origin.state, State::Failed | State::Cancelled) {
            return Ok(Some(Retried::Refused(origin)));
        }
        let found = self.made_before(&address.project, retry.id, retry.request.as_ref()).await?;
        Ok(Some(found.map_or(Retried::KeyTaken, Retried::Before)))
    }

    /// What an earlier try of the same request made.
    async fn made_before(
        &self,
        project: &ProjectId,
        id: OperationId,
        request: Option<&CreateRequest>,
    ) -> Result<Option<Operation>, StoreError> {
        match request {
            Some(request) => self.made_by_key(project, request).await,
            None => self.get(&Address { project: project.clone(), collection: None, id }).await,
        }
    }

    /// The operation that an earlier request with this key has made, if it asked for the same and was not deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn made_by_key(
        &self,
        project: &ProjectId,
        request: &CreateRequest,
    ) -> Result<Option<Operation>, StoreError> {
        let Some(id) = self.created_by(project, request).await? else { return Ok(None) };
        self.get(&Address { project: project.clone(), collection: None, id }).await
    }

    /// The operation that a key with this very request made.
    async fn created_by(
        &self,
        project: &ProjectId,
        request: &CreateRequest,
    ) -> Result<Option<OperationId>, StoreError> {
        let row = self.fetch_optional(sqlx::query(CREATE_REQUEST).bind(project.as_str()).bind(&request.id)).await?;
        let Some(row) = row else { return Ok(None) };
        let same = row.try_get::<&[u8], _>("fingerprint")? == request.fingerprint;
        let id = row.try_get("operation_id")?;
        Ok(same.then(|| OperationId::from_uuid(id)))
    }

    /// Forgets keys that are older than `age`, at most `limit`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_create_requests(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let query = sqlx::query(FORGET_CREATE_REQUESTS).bind(age.as_secs_f64()).bind(i64::from(limit));
        Ok(self.execute(query).await?.rows_affected())
    }

    /// Reads one operation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, address: &Address) -> Result<Option<Operation>, StoreError> {
        let row = self.fetch_optional(at(GET, address)).await?;
        row.as_ref().map(Operation::read).transpose()
    }

    /// Records a cancel: committed when this returns. `None` where there is no such operation, or it was deleted and has ended.
    ///
    /// # Errors
    /// [`StoreError`]. After UNAVAILABLE it may be recorded; asking again is harmless.
    pub async fn cancel(&self, address: &Address, requester: &Requester) -> Result<Option<Asked>, StoreError> {
        self.record_cancel(address, requester, false).await
    }

    /// Records a cancel, and with `then_delete` also that the operation is deleted when it has ended.
    pub(crate) async fn record_cancel(
        &self,
        address: &Address,
        requester: &Requester,
        then_delete: bool,
    ) -> Result<Option<Asked>, StoreError> {
        let recorded = by(at(CANCEL, address), &requester.by).bind(&requester.reason).bind(requester.mode.as_str());
        if let Some(row) = self.fetch_optional(recorded.bind(then_delete)).await? {
            return Ok(Some(Asked::Recorded(Operation::read(&row)?)));
        }
        // Nothing changed; a look tells why. States only go forward, so what the look sees is still the reason.
        Ok(self.get_to_cancel(address).await?.map(Asked::Unchanged))
    }

    /// Reads the operation that a cancel is about: one that was deleted too, while it has not ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get_to_cancel(&self, address: &Address) -> Result<Option<Operation>, StoreError> {
        let row = self.fetch_optional(at(GET_TO_CANCEL, address)).await?;
        row.as_ref().map(Operation::read).transpose()
    }

    /// Records a pause. `None` where there is no such operation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pause(&self, address: &Address, actor: &Actor) -> Result<Option<Asked>, StoreError> {
        self.asked(address, self.fetch_optional(by(at(PAUSE, address), actor)).await?).await
    }

    /// Lets a paused operation go on from its checkpoint. `None` where there is no such operation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resume(&self, address: &Address, actor: &Actor) -> Result<Option<Asked>, StoreError> {
        self.asked(address, self.fetch_optional(by(at(RESUME, address), actor)).await?).await
    }

    async fn asked(&self, address: &Address, recorded: Option<PgRow>) -> Result<Option<Asked>, StoreError> {
        if let Some(row) = recorded {
            return Ok(Some(Asked::Recorded(Operation::read(&row)?)));
        }
        // Nothing changed; a look tells why. States only go forward, so what the look sees is still the reason.
        Ok(self.get(address).await?.map(Asked::Unchanged))
    }
}

/// A statement whose first parameters are the address.
pub(crate) fn at<'a>(statement: &'static str, address: &'a Address) -> Query<'a, Postgres, PgArguments> {
    sqlx::query(statement).bind(address.project.as_str()).bind(address.id.as_uuid()).bind(&address.collection)
}

fn millis(delay: Duration) -> i32 {
    i32::try_from(delay.as_millis()).unwrap_or(i32::MAX)
}
