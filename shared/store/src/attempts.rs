//! Claim, checkpoint, commit point, finish: what a worker writes, always with its fence.

use crate::row::{requested_mode, retry_policy};
use crate::{Store, StoreError};
use operation::{
    AttemptNumber, CancelMode, Cleanup, Code, EndedBy, Failure, Fence, Kind, Nonce, OperationId, Progress, ProjectId,
    RetryPolicy, Road, Spec, State, WorkerId,
};
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::time::Duration;
use uuid::Uuid;

pub(crate) const WAITING: &str = include_str!("../sql/waiting.sql");
pub(crate) const CLAIM: &str = include_str!("../sql/claim.sql");
pub(crate) const CHECKPOINT: &str = include_str!("../sql/checkpoint.sql");
pub(crate) const COMMIT_POINT: &str = include_str!("../sql/commit_point.sql");
pub(crate) const FINISH: &str = include_str!("../sql/finish.sql");
pub(crate) const ENDED: &str = include_str!("../sql/ended.sql");
pub(crate) const RECONCILE: &str = include_str!("../sql/reconcile.sql");

/// An operation that a worker has just claimed.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// What every write for it carries.
    pub fence: Fence,
    /// Whose it is.
    pub project: ProjectId,
    /// What sort of work it is.
    pub kind: Kind,
    /// What to do; an error where it is no spec.
    pub spec: Result<Spec, String>,
    /// What the attempt before stored.
    pub checkpoint: Option<Value>,
    /// W3C traceparent of the create request.
    pub trace_parent: Option<String>,
    /// How many attempts failed before.
    pub failures: u32,
    /// How often, and when, it is tried again.
    pub retry: RetryPolicy,
    /// How long until its deadline, where it has one.
    pub deadline_in: Option<Duration>,
    /// How long ago it was created.
    pub waited: Duration,
}

/// What a claim brings.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What is this worker's from now on.
    pub operations: Vec<Claimed>,
    /// Whether work was left because as many of its project run as may.
    pub held_back: bool,
    /// Whether work was left because another worker was claiming of its project.
    pub passed_over: bool,
    /// The last project that was looked at, where there may be others behind it.
    pub look_on: Option<String>,
}

/// How far an attempt has come, to be stored.
#[derive(Debug, Clone)]
pub struct Position {
    /// The attempt.
    pub fence: Fence,
    /// How far it has come.
    pub progress: Progress,
    /// What the next attempt can resume from; `None` leaves what is stored.
    pub checkpoint: Option<Value>,
    /// Its speed, where it can be told.
    pub items_per_second: Option<f64>,
    /// The last safe point, and how long ago it was passed.
    pub safe_point: Option<(&'static str, Duration)>,
}

/// What a checkpoint's answer tells of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The operation.
    pub id: OperationId,
    /// Whether a cancel is requested, and which safe points it stops at.
    pub cancel: Option<CancelMode>,
    /// Whether a pause is requested.
    pub pause: bool,
}

/// What the commit point says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitAnswer {
    /// The fence stands and nobody asked to cancel: make the output visible.
    GoOn,
    /// Somebody asked to cancel: publish nothing.
    CancelRequested,
    /// Another attempt stands: publish nothing.
    Fenced,
}

/// How an attempt ended, as the worker tells it.
#[derive(Debug, Clone)]
pub enum Ending {
    /// The work is done and its output visible.
    Succeeded(Value),
    /// It failed. `delay` is how long a retryable one waits for its next attempt.
    Failed {
        /// Why.
        failure: Failure,
        /// How long to wait.
        delay: Duration,
    },
    /// Stopped at a safe point, because a cancel was requested.
    Cancelled,
    /// Stopped at a safe point, because the deadline passed.
    DeadlineExceeded,
    /// Stopped at a safe point, because a pause was requested.
    Paused,
    /// Stopped at a safe point, because the worker shuts down.
    Released,
    /// Not begun: this worker can't read the parameters, and a newer one may. No failure.
    Unreadable {
        /// How long it waits for its next attempt.
        delay: Duration,
    },
}

/// An attempt that has ended, to be written.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The attempt.
    pub fence: Fence,
    /// How it ended.
    pub ending: Ending,
    /// How far it had come.
    pub progress: Progress,
    /// What the next attempt can resume from; `None` leaves what is stored.
    pub checkpoint: Option<Value>,
    /// How long before this write the worker heard of the cancel, and by which road.
    pub delivered: Option<(Duration, Road)>,
    /// How long before this write a safe point saw it, and which.
    pub observed: Option<(Duration, &'static str)>,
    /// What became of the output.
    pub cleanup: Option<Cleanup>,
    /// Which step stopped it; `None` where it ended by itself.
    pub ended_by: Option<EndedBy>,
}

/// What became of a finished attempt's operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The operation.
    pub id: OperationId,
    /// Its state now.
    pub state: State,
    /// From the cancel's request to the end, where there was one.
    pub cancel_latency: Option<Duration>,
    /// From the cancel's request to its delivery, and the road.
    pub delivery_latency: Option<(Duration, String)>,
}

impl Store {
    /// Claims at most `limit` operations of a kind for a worker whose lease stands: fair over projects, then by
    /// priority, then by age; of no project more than may run. `from_project` is where the look over the projects begins.
    ///
    /// # Errors
    /// [`StoreError`]. The claim may have been written all the same: [`Store::reconcile`] before claiming again.
    pub async fn claim(
        &self,
        worker: WorkerId,
        kind: &Kind,
        limit: u32,
        from_project: &str,
    ) -> Result<Claim, StoreError> {
        let mut claim = Claim { operations: Vec::new(), held_back: false, passed_over: false, look_on: None };
        if !self.fetch_one(sqlx::query(WAITING).bind(kind.as_str())).await?.try_get("waiting")? {
            return Ok(claim);
        }
        let nonces: Vec<Uuid> = (0..limit).map(|_| Uuid::new_v4()).collect();
        let rows = self
            .fetch_all(
                sqlx::query(CLAIM)
                    .bind(worker.as_uuid())
                    .bind(kind.as_str())
                    .bind(i64::from(limit))
                    .bind(nonces)
                    .bind(from_project),
            )
            .await?;
        for row in &rows {
            claim.held_back = row.try_get("held_back")?;
            claim.passed_over = row.try_get("passed_over")?;
            claim.look_on = row.try_get("look_on")?;
            claim.operations.extend(claimed(row, kind)?);
        }
        Ok(claim)
    }

    /// Stores how far attempts have come. An attempt whose id does not come back is fenced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn checkpoint(&self, positions: &[Position]) -> Result<Vec<Heard>, StoreError> {
        let fences = Fences::of(positions.iter().map(|position| position.fence));
        let rows = self
            .fetch_all(
                sqlx::query(CHECKPOINT)
                    .bind(fences.ids)
                    .bind(fences.attempts)
                    .bind(fences.nonces)
                    .bind(positions.iter().map(|p| signed(p.progress.items_done)).collect::<Vec<_>>())
                    .bind(positions.iter().map(|p| p.progress.items_total.map(signed)).collect::<Vec<_>>())
                    .bind(positions.iter().map(|p| signed(p.progress.bytes_done)).collect::<Vec<_>>())
                    .bind(positions.iter().map(|p| p.checkpoint.clone()).collect::<Vec<_>>())
                    .bind(positions.iter().map(|p| p.items_per_second).collect::<Vec<_>>())
                    .bind(positions.iter().map(|p| p.safe_point.map(|(name, _)| name)).collect::<Vec<_>>())
                    .bind(positions.iter().map(|p| p.safe_point.map(|(_, ago)| ago.as_secs_f64())).collect::<Vec<_>>()),
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Heard {
                    id: OperationId::from_uuid(row.try_get("id")?),
                    cancel: requested_mode(row)?,
                    pause: row.try_get("pause_requested")?,
                })
            })
            .collect()
    }

    /// Stores one attempt's checkpoint; `false` when it is fenced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn checkpoint_one(&self, position: Position) -> Result<bool, StoreError> {
        Ok(!self.checkpoint(&[position]).await?.is_empty())
    }

    /// The last look at the fence and at the cancel request before output becomes visible.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn commit_point(&self, fence: Fence) -> Result<CommitAnswer, StoreError> {
        let row = self
            .fetch_optional(
                sqlx::query(COMMIT_POINT)
                    .bind(fence.id.as_uuid())
                    .bind(signed_attempt(fence.attempt))
                    .bind(fence.nonce.as_uuid()),
            )
            .await?;
        Ok(match row {
            None => CommitAnswer::Fenced,
            Some(row) if row.try_get("cancel_requested")? => CommitAnswer::CancelRequested,
            Some(_) => CommitAnswer::GoOn,
        })
    }

    /// Writes how attempts ended. An attempt whose id does not come back is fenced, or was written before.
    ///
    /// # Errors
    /// [`StoreError`]. It may have been written all the same: write it again.
    pub async fn finish(&self, finished: &[Finished]) -> Result<Vec<Settled>, StoreError> {
        let fences = Fences::of(finished.iter().map(|f| f.fence));
        let column = |value: fn(&Finished) -> Option<Value>| finished.iter().map(value).collect::<Vec<_>>();
        let rows = self
            .fetch_all(
                sqlx::query(FINISH)
                    .bind(fences.ids)
                    .bind(fences.attempts)
                    .bind(fences.nonces)
                    .bind(finished.iter().map(|f| outcome(&f.ending)).collect::<Vec<_>>())
                    .bind(column(|f| {
                        if let Ending::Succeeded(response) = &f.ending { Some(response.clone()) } else { None }
                    }))
                    .bind(finished.iter().map(|f| error(f).map(|(code, _)| code.number())).collect::<Vec<_>>())
                    .bind(finished.iter().map(|f| error(f).map(|(_, message)| message)).collect::<Vec<_>>())
                    .bind(finished.iter().map(|f| delay(&f.ending)).collect::<Vec<_>>())
                    .bind(column(|f| f.checkpoint.clone()))
                    .bind(finished.iter().map(|f| signed(f.progress.items_done)).collect::<Vec<_>>())
                    .bind(finished.iter().map(|f| f.progress.items_total.map(signed)).collect::<Vec<_>>())
                    .bind(finished.iter().map(|f| signed(f.progress.bytes_done)).collect::<Vec<_>>())
                    .bind(finished.iter().map(|f| f.delivered.map(|(ago, _)| ago.as_secs_f64())).collect::<Vec<_>>())
                    .bind(finished.iter().map(|f| f.delivered.map(|(_, road)| road.as_str())).collect::<Vec<_>>())
                    .bind(finished.iter().map(|f| f.observed.map(|(ago, _)| ago.as_secs_f64())).collect::<Vec<_>>())
                    .bind(finished.iter().map(|f| f.observed.map(|(_, name)| name)).collect::<Vec<_>>())
                    .bind(column(|f| f.cleanup.as_ref().and_then(|cleanup| serde_json::to_value(cleanup).ok())))
                    .bind(finished.iter().map(|f| f.ended_by.map(EndedBy::as_str)).collect::<Vec<_>>())
                    .bind(finished.iter().map(|f| release_reason(&f.ending)).collect::<Vec<_>>()),
            )
            .await?;
        rows.iter().map(settled).collect()
    }

    /// Which of these operations have ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ended(&self, operations: &[OperationId]) -> Result<Vec<OperationId>, StoreError> {
        let ids: Vec<Uuid> = operations.iter().map(|id| id.as_uuid()).collect();
        let rows = self.fetch_all(sqlx::query(ENDED).bind(ids)).await?;
        let ended = |row: &PgRow| {
            let id = OperationId::from_uuid(row.try_get("id")?);
            Ok(row.try_get::<bool, _>("done")?.then_some(id))
        };
        rows.iter().filter_map(|row| ended(row).transpose()).collect()
    }

    /// Gives back what the worker owns by the row but does not know of: claims whose answer was lost. No claim of
    /// this worker may be under way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reconcile(&self, worker: WorkerId, known: &[OperationId]) -> Result<u64, StoreError> {
        let known: Vec<Uuid> = known.iter().map(|id| id.as_uuid()).collect();
        let given_back = self.fetch_all(sqlx::query(RECONCILE).bind(worker.as_uuid()).bind(known)).await?;
        Ok(given_back.len() as u64)
    }
}

/// The fences of a batch, a column each.
struct Fences {
    ids: Vec<Uuid>,
    attempts: Vec<i32>,
    nonces: Vec<Uuid>,
}

impl Fences {
    fn of(fences: impl Iterator<Item = Fence> + Clone) -> Self {
        Self {
            ids: fences.clone().map(|fence| fence.id.as_uuid()).collect(),
            attempts: fences.clone().map(|fence| signed_attempt(fence.attempt)).collect(),
            nonces: fences.map(|fence| fence.nonce.as_uuid()).collect(),
        }
    }
}

/// `None` for a row that only tells of what was left.
fn claimed(row: &PgRow, kind: &Kind) -> Result<Option<Claimed>, StoreError> {
    let Some(id): Option<Uuid> = row.try_get("id")? else { return Ok(None) };
    Ok(Some(Claimed {
        fence: Fence {
            id: OperationId::from_uuid(id),
            attempt: AttemptNumber(row.try_get::<i32, _>("attempt")?.unsigned_abs()),
            nonce: Nonce::from_uuid(row.try_get("nonce")?),
        },
        project: row
            .try_get::<String, _>("project_id")?
            .parse()
            .map_err(|_| StoreError::Unreadable { id, what: "project_id" })?,
        kind: kind.clone(),
        spec: serde_json::from_value(row.try_get("spec")?).map_err(|error| error.to_string()),
        checkpoint: row.try_get("checkpoint")?,
        trace_parent: row.try_get("trace_parent")?,
        failures: row.try_get::<i32, _>("failures")?.unsigned_abs(),
        retry: retry_policy(row)?,
        deadline_in: row
            .try_get::<Option<f64>, _>("deadline_in_seconds")?
            .map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)),
        waited: Duration::from_secs_f64(row.try_get::<f64, _>("waited_seconds")?.max(0.0)),
    }))
}

fn settled(row: &PgRow) -> Result<Settled, StoreError> {
    let id: Uuid = row.try_get("id")?;
    let seconds =
        |name| Ok::<_, StoreError>(row.try_get::<Option<f64>, _>(name)?.map(|s| Duration::from_secs_f64(s.max(0.0))));
    let road: Option<String> = row.try_get("cancel_delivered_by")?;
    Ok(Settled {
        id: OperationId::from_uuid(id),
        state: row.try_get::<&str, _>("state")?.parse().map_err(|()| StoreError::Unreadable { id, what: "state" })?,
        cancel_latency: seconds("cancel_seconds")?,
        delivery_latency: seconds("delivered_seconds")?.zip(road),
    })
}

const fn outcome(ending: &Ending) -> &'static str {
    match ending {
        Ending::Succeeded(_) => "SUCCEEDED",
        Ending::Failed { failure, .. } if failure.retryable => "RETRY",
        Ending::Failed { .. } => "FAILED",
        Ending::Cancelled => "CANCELLED",
        Ending::DeadlineExceeded => "DEADLINE",
        Ending::Paused => "PAUSED",
        Ending::Released | Ending::Unreadable { .. } => "RELEASED",
    }
}

/// The error that the operation has if it fails by this.
fn error(finished: &Finished) -> Option<(Code, &str)> {
    match &finished.ending {
        Ending::Failed { failure, .. } => Some((failure.code, &failure.message)),
        Ending::DeadlineExceeded => Some((
            Code::DeadlineExceeded,
            match finished.ended_by {
                Some(EndedBy::TaskAborted) => {
                    "The deadline passed before the operation ended; it did not stop in time and was aborted."
                }
                Some(EndedBy::SafePoint | EndedBy::WorkerLost) | None => {
                    "The deadline passed before the operation ended; it stopped at a safe point."
                }
            },
        )),
        Ending::Succeeded(_) | Ending::Cancelled | Ending::Paused | Ending::Released | Ending::Unreadable { .. } => {
            None
        }
    }
}

/// Why an operation waits that was released before its work had begun.
const fn release_reason(ending: &Ending) -> Option<&'static str> {
    match ending {
        Ending::Unreadable { .. } => Some("UNREADABLE_SPEC"),
        Ending::Succeeded(_)
        | Ending::Failed { .. }
        | Ending::Cancelled
        | Ending::DeadlineExceeded
        | Ending::Paused
        | Ending::Released => None,
    }
}

const fn delay(ending: &Ending) -> Option<f64> {
    match ending {
        Ending::Failed { delay, .. } | Ending::Unreadable { delay } => Some(delay.as_secs_f64()),
        Ending::Succeeded(_) | Ending::Cancelled | Ending::DeadlineExceeded | Ending::Paused | Ending::Released => None,
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn signed_attempt(attempt: AttemptNumber) -> i32 {
    i32::try_from(attempt.0).unwrap_or(i32::MAX)
}
