//! Create, read, cancel, pause, resume, delete: what the api asks of one operation.

use crate::{Operation, Store, StoreError};
use operation::{OperationId, ProjectId, Spec};

pub(crate) const INSERT: &str = include_str!("../sql/insert.sql");
pub(crate) const GET: &str = include_str!("../sql/get.sql");
pub(crate) const CANCEL: &str = include_str!("../sql/cancel.sql");
pub(crate) const PAUSE: &str = include_str!("../sql/pause.sql");
pub(crate) const RESUME: &str = include_str!("../sql/resume.sql");
pub(crate) const DELETE: &str = include_str!("../sql/delete.sql");

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
    /// How many failed attempts make it FAILED; at least 1.
    pub failure_limit: u32,
    /// W3C traceparent of the request.
    pub trace_parent: Option<String>,
}

/// Who asks for a cancel, and why.
#[derive(Debug, Clone)]
pub struct Requester {
    /// The principal's name.
    pub name: String,
    /// Why, in its own words.
    pub reason: Option<String>,
}

/// What a cancel did.
#[derive(Debug)]
pub enum CancelAnswer {
    /// Recorded now: the operation after it. A waiting one is CANCELLED already; a running one names its worker.
    Recorded(Operation),
    /// Somebody asked before; nothing changed.
    AlreadyRequested(Operation),
    /// It had ended; nothing changed.
    AlreadyDone(Operation),
    /// There is no such operation in that project.
    NotFound,
}

/// What a pause did.
#[derive(Debug)]
pub enum PauseAnswer {
    /// Recorded now.
    Recorded(Operation),
    /// Requested before, or paused already.
    AlreadyRequested(Operation),
    /// It had ended.
    AlreadyDone(Operation),
    /// There is no such operation in that project.
    NotFound,
}

/// What a resume did.
#[derive(Debug)]
pub enum ResumeAnswer {
    /// It waits for a worker again, or its pause request is taken back.
    Resumed(Operation),
    /// It was not paused, and no pause was requested.
    NotPaused(Operation),
    /// It had ended.
    AlreadyDone(Operation),
    /// There is no such operation in that project.
    NotFound,
}

impl Store {
    /// Creates an operation. Sending the same again (same id) changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]. After UNAVAILABLE it may be there: send it again with the same id.
    pub async fn create(&self, new: &NewOperation) -> Result<(), StoreError> {
        let spec = serde_json::to_value(&new.spec)
            .map_err(|_| StoreError::Unreadable { id: new.id.as_uuid(), what: "spec" })?;
        sqlx::query(INSERT)
            .bind(new.id.as_uuid())
            .bind(new.project.as_str())
            .bind(&new.collection)
            .bind(new.spec.kind().as_str())
            .bind(&new.target)
            .bind(spec)
            .bind(new.priority)
            .bind(i32::try_from(new.failure_limit).unwrap_or(i32::MAX))
            .bind(&new.trace_parent)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Reads one operation of a project.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, project: &ProjectId, id: OperationId) -> Result<Option<Operation>, StoreError> {
        let row = sqlx::query(GET).bind(project.as_str()).bind(id.as_uuid()).fetch_optional(&self.pool).await?;
        row.as_ref().map(Operation::read).transpose()
    }

    /// Records a cancel: committed when this returns.
    ///
    /// # Errors
    /// [`StoreError`]. After UNAVAILABLE it may be recorded; asking again is harmless.
    pub async fn cancel(
        &self,
        project: &ProjectId,
        id: OperationId,
        requester: &Requester,
    ) -> Result<CancelAnswer, StoreError> {
        let row = sqlx::query(CANCEL)
            .bind(project.as_str())
            .bind(id.as_uuid())
            .bind(&requester.name)
            .bind(&requester.reason)
            .fetch_optional(&self.pool)
            .await?;
        if let Some(row) = row {
            return Ok(CancelAnswer::Recorded(Operation::read(&row)?));
        }
        // Nothing changed; a look tells why. States only go forward, so what the look sees is still the reason.
        Ok(match self.get(project, id).await? {
            None => CancelAnswer::NotFound,
            Some(operation) if operation.state.is_done() => CancelAnswer::AlreadyDone(operation),
            Some(operation) => CancelAnswer::AlreadyRequested(operation),
        })
    }

    /// Records a pause.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pause(&self, project: &ProjectId, id: OperationId) -> Result<PauseAnswer, StoreError> {
        let row = sqlx::query(PAUSE).bind(project.as_str()).bind(id.as_uuid()).fetch_optional(&self.pool).await?;
        if let Some(row) = row {
            return Ok(PauseAnswer::Recorded(Operation::read(&row)?));
        }
        Ok(match self.get(project, id).await? {
            None => PauseAnswer::NotFound,
            Some(operation) if operation.state.is_done() => PauseAnswer::AlreadyDone(operation),
            Some(operation) => PauseAnswer::AlreadyRequested(operation),
        })
    }

    /// Lets a paused operation go on from its checkpoint.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resume(&self, project: &ProjectId, id: OperationId) -> Result<ResumeAnswer, StoreError> {
        let row = sqlx::query(RESUME).bind(project.as_str()).bind(id.as_uuid()).fetch_optional(&self.pool).await?;
        if let Some(row) = row {
            return Ok(ResumeAnswer::Resumed(Operation::read(&row)?));
        }
        Ok(match self.get(project, id).await? {
            None => ResumeAnswer::NotFound,
            Some(operation) if operation.state.is_done() => ResumeAnswer::AlreadyDone(operation),
            Some(operation) => ResumeAnswer::NotPaused(operation),
        })
    }

    /// Hides an operation for good. Returns whether there was one. It does not cancel.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, project: &ProjectId, id: OperationId) -> Result<bool, StoreError> {
        let done = sqlx::query(DELETE).bind(project.as_str()).bind(id.as_uuid()).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }
}
