//! The use cases: what every dialect and the native api ask for. The only place that calls the store and the
//! publisher.
//!
//! Each statement runs in a task of its own, which is awaited but never dropped: a client that goes away, or a
//! deadline, ends the waiting, not the statement.

use operation::{OperationId, ProjectId, Spec, State};
use runtime::broker::{Hint, Publisher};
use runtime::{clock, telemetry};
use std::future::Future;
use std::time::{Duration, Instant};
use store::{CancelAnswer, NewOperation, PauseAnswer, QueueDepth, Requester, ResumeAnswer, Store, StoreError};
use tracing::Instrument;

pub use store::{CancelReceipt, ListFilter, Operation, Page};

/// How many attempts may fail before the operation does.
const FAILURE_LIMIT: u32 = 5;
/// When a caller is told to try again. Above the 2 s that a connection of the pool is waited for.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_500);
/// A create is tried again only if its failure came quickly: two long waits would outlast the caller's.
const QUICK: Duration = Duration::from_millis(500);

/// Why a use case failed. What the store said was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OperationsError {
    /// There is no such operation in this project and collection.
    #[error("there is no such operation")]
    NotFound,
    /// The database is not there, or too slow. What was asked for may still happen.
    #[error("the database is not available")]
    Unavailable,
    /// A bug, or a schema of another version.
    #[error("an error of ours")]
    Internal,
}

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
}

/// Where an operation is looked for.
#[derive(Debug, Clone)]
pub struct Address {
    /// The project.
    pub project: ProjectId,
    /// The collection; `None` for any.
    pub collection: Option<String>,
    /// The id.
    pub id: OperationId,
}

/// The closed vocabulary of answers to cancel, pause and resume.
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
    publisher: Publisher,
}

impl Operations {
    /// Works on this database, and tells workers by this publisher.
    pub fn new(store: Store, publisher: Publisher) -> Self {
        Self { store, publisher }
    }

    /// Creates an operation: committed when this returns.
    ///
    /// # Errors
    /// [`OperationsError`]. After `Unavailable` it may be there.
    pub async fn create(&self, creation: Creation) -> Result<Operation, OperationsError> {
        let id = clock::new_operation_id();
        let trace_parent = telemetry::current_trace_parent();
        let Creation { project, collection, target, spec, priority } = creation;
        let kind = spec.kind();
        let new = NewOperation {
            id,
            project,
            collection,
            target,
            spec,
            priority,
            failure_limit: FAILURE_LIMIT,
            trace_parent: trace_parent.clone(),
        };
        let Self { store, publisher } = self.clone();
        apart(Some(id), async move {
            insert(&store, &new).await?;
            publisher.send(Hint::Work { kind, trace_parent });
            store.get(&new.project, id).await
        })
        .await?
        .ok_or(OperationsError::NotFound)
    }

    /// Reads one operation.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn get(&self, address: Address) -> Result<Operation, OperationsError> {
        let store = self.store.clone();
        apart(Some(address.id), async move { find(&store, &address).await }).await?.ok_or(OperationsError::NotFound)
    }

    /// Reads one page of a list, newest first.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn list(
        &self,
        project: ProjectId,
        filter: ListFilter,
        after: Option<OperationId>,
        limit: u32,
    ) -> Result<Page, OperationsError> {
        let store = self.store.clone();
        apart(None, async move { store.list(&project, &filter, after, limit).await }).await
    }

    /// Records a cancel: committed when this returns. The worker is told after that.
    ///
    /// # Errors
    /// [`OperationsError`]. Asking again is harmless.
    pub async fn cancel(
        &self,
        address: Address,
        requester: String,
        reason: Option<String>,
    ) -> Result<(Answer, Operation), OperationsError> {
        let requester = Requester { name: requester, reason };
        let trace_parent = telemetry::current_trace_parent();
        self.ask(address, move |store, publisher, address| async move {
            let (answer, operation) = match store.cancel(&address.project, address.id, &requester).await? {
                CancelAnswer::Recorded(operation) => (Answer::Recorded, operation),
                CancelAnswer::AlreadyRequested(operation) => (Answer::AlreadyRequested, operation),
                CancelAnswer::AlreadyDone(operation) => (Answer::AlreadyDone, operation),
                CancelAnswer::NotFound => return Ok(None),
            };
            // Also when it was asked before: who asks again may do so because the first hint was lost.
            if let Some((worker, attempt)) = owner(&operation) {
                publisher.send(Hint::Cancel { worker, operation: operation.id, attempt, trace_parent });
            }
            Ok(Some((answer, operation)))
        })
        .await
    }

    /// Records a pause.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn pause(&self, address: Address) -> Result<(Answer, Operation), OperationsError> {
        let trace_parent = telemetry::current_trace_parent();
        self.ask(address, move |store, publisher, address| async move {
            let (answer, operation) = match store.pause(&address.project, address.id).await? {
                PauseAnswer::Recorded(operation) => (Answer::Recorded, operation),
                PauseAnswer::AlreadyRequested(operation) => (Answer::AlreadyRequested, operation),
                PauseAnswer::AlreadyDone(operation) => (Answer::AlreadyDone, operation),
                PauseAnswer::NotFound => return Ok(None),
            };
            if let Some((worker, attempt)) = owner(&operation) {
                publisher.send(Hint::Pause { worker, operation: operation.id, attempt, trace_parent });
            }
            Ok(Some((answer, operation)))
        })
        .await
    }

    /// Lets a paused operation go on.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn resume(&self, address: Address) -> Result<(Answer, Operation), OperationsError> {
        let trace_parent = telemetry::current_trace_parent();
        self.ask(address, move |store, publisher, address| async move {
            let (answer, operation) = match store.resume(&address.project, address.id).await? {
                ResumeAnswer::Resumed(operation) => (Answer::Recorded, operation),
                ResumeAnswer::NotPaused(operation) => (Answer::NotPaused, operation),
                ResumeAnswer::AlreadyDone(operation) => (Answer::AlreadyDone, operation),
                ResumeAnswer::NotFound => return Ok(None),
            };
            if operation.state == State::Pending {
                publisher.send(Hint::Work { kind: operation.kind, trace_parent });
            }
            Ok(Some((answer, operation)))
        })
        .await
    }

    /// Hides an operation for good. It does not cancel.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn delete(&self, address: Address) -> Result<(), OperationsError> {
        self.ask(address, |store, _, address| async move {
            Ok(store.delete(&address.project, address.id).await?.then_some(()))
        })
        .await
    }

    /// What waits and runs, by kind.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn queue_depths(&self) -> Result<Vec<QueueDepth>, OperationsError> {
        let store = self.store.clone();
        apart(None, async move { store.queue_depths().await }).await
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

    /// Runs one change of an operation, if it is in the collection it is asked for in. An operation never changes its
    /// collection, so nothing can come between the look and the change.
    async fn ask<T, F>(
        &self,
        address: Address,
        change: impl FnOnce(Store, Publisher, Address) -> F + Send + 'static,
    ) -> Result<T, OperationsError>
    where
        T: Send + 'static,
        F: Future<Output = Result<Option<T>, StoreError>> + Send + 'static,
    {
        let Self { store, publisher } = self.clone();
        let id = address.id;
        let asked = async move {
            if address.collection.is_some() && find(&store, &address).await?.is_none() {
                return Ok(None);
            }
            change(store, publisher, address).await
        };
        apart(Some(id), asked).await?.ok_or(OperationsError::NotFound)
    }
}

async fn find(store: &Store, address: &Address) -> Result<Option<Operation>, StoreError> {
    let operation = store.get(&address.project, address.id).await?;
    Ok(operation
        .filter(|operation| address.collection.as_ref().is_none_or(|collection| operation.collection == *collection)))
}

/// The id makes a second insert harmless: an answer that was lost is asked for again.
async fn insert(store: &Store, new: &NewOperation) -> Result<(), StoreError> {
    let started = Instant::now();
    match store.create(new).await {
        Err(StoreError::Unavailable(_)) if started.elapsed() < QUICK => store.create(new).await,
        result => result,
    }
}

/// Who runs it now.
fn owner(operation: &Operation) -> Option<(operation::WorkerId, operation::AttemptNumber)> {
    operation.worker.filter(|_| operation.state == State::Running).map(|worker| (worker, operation.attempt))
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
            tracing::warn!(operation.id = id, "{error}");
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
