//! The use cases: what every dialect and the native api ask for. The only place that calls the store (but for the looks of
//! `watch`) and the publisher.
//!
//! Each statement runs in a task of its own, which is awaited but never dropped: a client that goes away, or a
//! deadline, ends the waiting, not the statement.

mod cancel_lane;
mod creation;
mod deletes;
mod error;
mod resources;
#[cfg(test)]
pub(crate) mod samples;
pub mod watch;

use crate::wire::error::ApiError;
use cancel_lane::CancelLane;
use creation::retry_request;
use operation::{CancelMode, Code, Kind, KindInfo, OperationId, ProjectId, State};
use runtime::broker::{Hint, Publisher};
use runtime::config::Secret;
use runtime::kind_settings::KindsConfig;
use runtime::sealing::KeyRing;
use runtime::{clock, failpoint, telemetry};
use std::collections::BTreeSet;
use std::future::Future;
use std::time::{Duration, Instant};
use store::{
    Asked, CreateRequest, Created, NewOperation, OperationCount, QueueDepth, Requester, Retried, Retry, Store,
    StoreError,
};
use tracing::Instrument;

pub use creation::Creation;
pub use error::OperationsError;
pub use operation::ListFilter;
pub use resources::{Changed, Naming, ResourceCreation, ResourceError, ResourceName};
pub use store::{
    Actor, Address, AuditEntry, AuditPage, CancelReceipt, Operation, Order, Owner, Page, ProjectQueue, RegisteredKind,
    ResourceFilter, Why,
};

/// When a caller is told to try again. Above the 2 s that a connection of the pool is waited for.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(2_500);
/// A create is tried again only if its failure came quickly: two long waits would outlast the caller's.
const QUICK: Duration = Duration::from_millis(500);

/// The closed vocabulary of answers to cancel, pause, resume and retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Recorded now.
    Recorded,
    /// Somebody asked before; nothing changed.
    AlreadyRequested,
    /// It had ended; nothing changed.
    AlreadyDone,
    /// There was nothing to resume; nothing changed.
    NotPaused,
}

impl Answer {
    /// As the native api says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "RECORDED",
            Self::AlreadyRequested => "ALREADY_REQUESTED",
            Self::AlreadyDone => "ALREADY_DONE",
            Self::NotPaused => "NOT_PAUSED",
        }
    }
}

/// The use cases.
#[derive(Debug, Clone)]
pub struct Operations {
    store: Store,
    cancels: CancelLane,
    publisher: Publisher,
    secret_keys: KeyRing,
    kinds: KindsConfig,
}

impl Operations {
    /// Works on this database, tells workers by this publisher, seals secrets with these keys, and creates the kinds that are
    /// configured.
    pub fn new(store: Store, publisher: Publisher, secret_keys: KeyRing, kinds: KindsConfig) -> Self {
        Self { cancels: CancelLane::start(store.clone()), store, publisher, secret_keys, kinds }
    }

    /// Whether a project may create operations of a kind.
    ///
    /// # Errors
    /// UNIMPLEMENTED for a kind that is switched off, `PERMISSION_DENIED` for one that other projects have.
    pub fn may_create(&self, project: &ProjectId, info: &KindInfo) -> Result<(), ApiError> {
        let kind = &info.kind;
        if !self.kinds.is_enabled(info) {
            let message = format!("operations of the kind {kind} are switched off");
            return Err(ApiError::new(Code::Unimplemented, "KIND_SWITCHED_OFF", message).with("kind", kind.as_str()));
        }
        if !self.kinds.may_create(project, kind) {
            let message = format!("this project may not create operations of the kind {kind}");
            return Err(ApiError::new(Code::PermissionDenied, "KIND_NOT_ALLOWED", message).with("kind", kind.as_str()));
        }
        Ok(())
    }

    /// The kinds that workers have registered.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn kinds(&self) -> Result<Vec<RegisteredKind>, OperationsError> {
        let store = self.store.clone();
        apart(None, async move { store.kinds().await }).await
    }

    /// The kinds of the product, and those that workers have registered.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn known_kinds(&self) -> Result<BTreeSet<Kind>, OperationsError> {
        let registered = self.kinds().await?.into_iter().map(|kind| kind.info.kind);
        Ok(kinds::ALL.iter().map(|info| info.kind.clone()).chain(registered).collect())
    }

    /// Creates an operation: committed when this returns. With a key that was used before for the same request, it is the
    /// operation made then, as it stands now.
    ///
    /// # Errors
    /// [`OperationsError`]. After `Unavailable` it may be there.
    pub async fn create(&self, creation: Creation) -> Result<Operation, OperationsError> {
        let id = clock::new_operation_id();
        let trace_parent = telemetry::current_trace_parent();
        let request = creation.request()?;
        let Creation {
            project,
            collection,
            target,
            spec,
            priority,
            labels,
            deadline,
            retry,
            request_id: _,
            by,
            secret,
        } = creation;
        let kind = spec.kind().clone();
        let purpose = store::purpose_of_operation(&project, id);
        let seal = |secret: Secret| self.secret_keys.seal(&secret, &purpose);
        let secret = secret.map(seal).transpose().map_err(|error| {
            tracing::warn!(%error, "an operation with a secret is refused");
            OperationsError::NoSecretKeys
        })?;
        let new = NewOperation {
            id,
            project,
            collection,
            target,
            spec,
            priority,
            labels,
            deadline,
            retry,
            trace_parent: trace_parent.clone(),
            request,
            by,
            secret,
        };
        let Self { store, publisher, .. } = self.clone();
        let created = apart(Some(id), async move {
            let created = insert(&store, &new).await?;
            // Also when it was there: the first try may have ended between its commit and its hint.
            if let Created::New(operation) | Created::Before(operation) = &created
                && operation.state == State::Pending
            {
                publisher.send(Hint::Work { kind, trace_parent });
            }
            Ok(created)
        });
        match created.await? {
            Created::New(operation) | Created::Before(operation) => Ok(operation),
            Created::KeyTaken => Err(OperationsError::KeyTaken),
        }
    }

    /// The operation that an earlier create with the same key has made, if it asked for the same.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn created_before(&self, creation: &Creation) -> Result<Option<Operation>, OperationsError> {
        self.made_before(creation.project.clone(), creation.request()?).await
    }

    /// The same of a retry.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn retried_before(
        &self,
        address: &Address,
        request_id: Option<String>,
    ) -> Result<Option<Operation>, OperationsError> {
        self.made_before(address.project.clone(), retry_request(address, request_id)?).await
    }

    async fn made_before(
        &self,
        project: ProjectId,
        request: Option<CreateRequest>,
    ) -> Result<Option<Operation>, OperationsError> {
        let Some(request) = request else { return Ok(None) };
        let store = self.store.clone();
        apart(None, async move { store.made_by_key(&project, &request).await }).await
    }

    /// Reads one operation.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn get(&self, address: Address) -> Result<Operation, OperationsError> {
        let store = self.store.clone();
        apart(Some(address.id), async move { store.get(&address).await }).await?.ok_or(OperationsError::NotFound)
    }

    /// Reads the operation that a cancel is about: one that was deleted too, while it has not ended.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn get_to_cancel(&self, address: Address) -> Result<Operation, OperationsError> {
        let store = self.store.clone();
        let found = apart(Some(address.id), async move { store.get_to_cancel(&address).await });
        found.await?.ok_or(OperationsError::NotFound)
    }

    /// Reads one page of a list, newest first.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn list(
        &self,
        project: ProjectId,
        filter: ListFilter,
        order: Order,
        after: Option<OperationId>,
        limit: u32,
    ) -> Result<Page, OperationsError> {
        let store = self.store.clone();
        apart(None, async move { store.list(&project, &filter, order, after, limit).await }).await
    }

    /// How many operations a filter selects and a cancel reaches; counts no further than `most`.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn count_to_cancel(
        &self,
        project: ProjectId,
        filter: ListFilter,
        most: u32,
    ) -> Result<u64, OperationsError> {
        let store = self.store.clone();
        apart(None, async move { store.count_to_cancel(&project, &filter, most).await }).await
    }

    /// What tells why an operation has not ended.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn why(&self, address: Address) -> Result<Why, OperationsError> {
        let store = self.store.clone();
        apart(Some(address.id), async move { store.why(&address).await }).await?.ok_or(OperationsError::NotFound)
    }

    /// Tries an operation again that failed or was cancelled, as a new one that goes on from its checkpoint.
    ///
    /// # Errors
    /// [`OperationsError`]. After `Unavailable` it may be there.
    pub async fn retry(
        &self,
        address: Address,
        request_id: Option<String>,
        by: Actor,
    ) -> Result<(Answer, Operation), OperationsError> {
        let (id, trace_parent) = (clock::new_operation_id(), telemetry::current_trace_parent());
        let request = retry_request(&address, request_id)?;
        let retry = Retry { id, trace_parent: trace_parent.clone(), request, by };
        let Self { store, publisher, .. } = self.clone();
        let retried = apart(Some(address.id), async move {
            let retried = failpoint::around!("api.retry", store.retry(&address, &retry).await)?;
            if let Some(Retried::New(operation) | Retried::Before(operation)) = &retried
                && operation.state == State::Pending
            {
                publisher.send(Hint::Work { kind: operation.kind.clone(), trace_parent });
            }
            Ok(retried)
        });
        match retried.await?.ok_or(OperationsError::NotFound)? {
            Retried::New(operation) => Ok((Answer::Recorded, operation)),
            Retried::Before(operation) => Ok((Answer::AlreadyRequested, operation)),
            Retried::Refused(operation) => Err(OperationsError::NotRetryable(operation.state)),
            Retried::KeyTaken => Err(OperationsError::KeyTaken),
        }
    }

    /// Records a cancel: committed when this returns. The worker is told after that.
    ///
    /// # Errors
    /// [`OperationsError`]. Asking again is harmless.
    pub async fn cancel(
        &self,
        address: Address,
        by: Actor,
        reason: Option<String>,
        mode: CancelMode,
    ) -> Result<(Answer, Operation), OperationsError> {
        let requester = Requester { by, reason, mode };
        let trace_parent = telemetry::current_trace_parent();
        let Self { cancels, publisher, .. } = self.clone();
        let asked = apart(Some(address.id), async move {
            let asked = failpoint::around!("api.cancel", cancels.cancel(&address, &requester).await)?;
            tell_worker(&publisher, asked.as_ref(), trace_parent);
            tell_of_change(&publisher, asked.as_ref());
            Ok(asked)
        });
        answer(asked.await?, Answer::AlreadyRequested)
    }

    /// Records a pause.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn pause(&self, address: Address, by: Actor) -> Result<(Answer, Operation), OperationsError> {
        let trace_parent = telemetry::current_trace_parent();
        let Self { store, publisher, .. } = self.clone();
        let asked = apart(Some(address.id), async move {
            let asked = failpoint::around!("api.pause", store.pause(&address, &by).await)?;
            if let Some(operation) = asked.as_ref().map(operation_of)
                && let Some(worker) = operation.worker
            {
                let (operation, attempt) = (operation.id, operation.attempt);
                publisher.send(Hint::Pause { worker, operation, attempt, trace_parent });
            }
            tell_of_change(&publisher, asked.as_ref());
            Ok(asked)
        });
        answer(asked.await?, Answer::AlreadyRequested)
    }

    /// Lets a paused operation go on.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn resume(&self, address: Address, by: Actor) -> Result<(Answer, Operation), OperationsError> {
        let trace_parent = telemetry::current_trace_parent();
        let Self { store, publisher, .. } = self.clone();
        let asked = apart(Some(address.id), async move {
            let asked = failpoint::around!("api.resume", store.resume(&address, &by).await)?;
            if let Some(Asked::Recorded(operation)) = &asked
                && operation.state == State::Pending
            {
                publisher.send(Hint::Work { kind: operation.kind.clone(), trace_parent });
            }
            tell_of_change(&publisher, asked.as_ref());
            Ok(asked)
        });
        answer(asked.await?, Answer::NotPaused)
    }

    /// How many operations a list of the project would show, by kind and state; and those that were deleted, until they have
    /// ended.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn counts(&self, project: ProjectId) -> Result<Vec<OperationCount>, OperationsError> {
        let store = self.store.clone();
        apart(None, async move { store.counts(&project).await }).await
    }

    /// A page of what was done in a project, or to one operation of it, newest first.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn audit_log(
        &self,
        project: ProjectId,
        operation: Option<OperationId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<AuditPage, OperationsError> {
        let store = self.store.clone();
        apart(operation, async move { store.audit_log(&project, operation, before, limit).await }).await
    }

    /// How full a project's queue is.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn project_queue(&self, project: ProjectId) -> Result<ProjectQueue, OperationsError> {
        let store = self.store.clone();
        apart(None, async move { store.project_queue(&project).await }).await
    }

    /// What waits and runs, by kind.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn queue_depths(&self) -> Result<Vec<QueueDepth>, OperationsError> {
        let kinds: Vec<_> = self.known_kinds().await?.into_iter().collect();
        let store = self.store.clone();
        apart(None, async move { store.queue_depths(&kinds).await }).await
    }

    /// Whether the database answers.
    pub async fn database_is_up(&self) -> bool {
        let store = self.store.clone();
        apart(None, async move { store.ping().await }).await.is_ok()
    }

    /// Whether the broker is connected.
    pub fn broker_is_up(&self) -> bool {
        self.publisher.is_up()
    }
}

/// The id makes a second insert harmless: an answer that was lost is asked for again.
async fn insert(store: &Store, new: &NewOperation) -> Result<Created, StoreError> {
    let started = Instant::now();
    match failpoint::around!("api.create", store.create(new).await) {
        Err(StoreError::Unavailable(_)) if started.elapsed() < QUICK => store.create(new).await,
        result => result,
    }
}

/// What is told of a request; `unchanged` if it changed nothing although the operation has not ended.
fn answer(asked: Option<Asked>, unchanged: Answer) -> Result<(Answer, Operation), OperationsError> {
    match asked {
        None => Err(OperationsError::NotFound),
        Some(Asked::Recorded(operation)) => Ok((Answer::Recorded, operation)),
        Some(Asked::Unchanged(operation)) if operation.state.is_done() => Ok((Answer::AlreadyDone, operation)),
        Some(Asked::Unchanged(operation)) => Ok((unchanged, operation)),
    }
}

/// To the worker that runs what was asked to cancel. Also when it was asked before: who asks again may do so because the first
/// hint was lost.
fn tell_worker(publisher: &Publisher, asked: Option<&Asked>, trace_parent: Option<String>) {
    if let Some((worker, fence, mode)) = asked.and_then(|asked| operation_of(asked).to_be_told()) {
        publisher.send(Hint::Cancel { worker, fence, mode, trace_parent });
    }
}

/// To those who wait for it, at any replica. Of a create nobody need hear: its id is not known before its answer.
fn tell_of_change(publisher: &Publisher, asked: Option<&Asked>) {
    if let Some(Asked::Recorded(operation)) = asked {
        publisher.send(Hint::Changed { operations: vec![operation.id] });
    }
}

fn operation_of(asked: &Asked) -> &Operation {
    let (Asked::Recorded(operation) | Asked::Unchanged(operation)) = asked;
    operation
}

/// Runs statements in a task that outlives its caller.
async fn apart<T: Send + 'static>(
    id: Option<OperationId>,
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, OperationsError> {
    let logged = async move { work.await.map_err(|error| log(&error, id)) };
    let task = tokio::spawn(logged.in_current_span());
    // The deadline drops the wait; the statement goes on in its task.
    match tokio::time::timeout(ANSWER_WITHIN, task).await {
        Ok(Ok(result)) => result,
        // It panicked, and the panic was logged.
        Ok(Err(_)) => Err(OperationsError::Internal),
        Err(_) => Err(OperationsError::Unavailable),
    }
}

/// The one place where an error of the store is logged. An unreachable database is told without its cause, which
/// can hold hosts and users.
fn log(error: &StoreError, id: Option<OperationId>) -> OperationsError {
    let id = id.map(|id| id.to_string());
    match error {
        StoreError::Unavailable(_) => {
            tracing::warn!(operation.id = id, sqlstate = error.sqlstate(), "{error}");
            OperationsError::Unavailable
        }
        StoreError::Unexpected(cause) => {
            tracing::error!(operation.id = id, %cause, "{error}");
            OperationsError::Internal
        }
        StoreError::Unreadable { .. } => {
            tracing::error!(operation.id = id, "{error}");
            OperationsError::Internal
        }
    }
}
