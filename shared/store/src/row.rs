//! An operation as it is stored.

use crate::StoreError;
use operation::{
    AttemptNumber, CancelMode, Cleanup, EndedBy, Fence, Kind, Nonce, OperationId, OperationView, ProjectId,
    RetryPolicy, Snapshot, Spec, State, WorkerId,
};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use std::collections::BTreeMap;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// The story of a cancel: who asked, when the worker heard it and by which road, where it stopped, what is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelReceipt {
    /// When the request came to the database.
    pub requested_at: OffsetDateTime,
    /// Who asked.
    pub requested_by: String,
    /// Why, in the requester's words.
    pub reason: Option<String>,
    /// When the worker heard of it; `None` where no worker had to, or none did in time.
    pub delivered_at: Option<OffsetDateTime>,
    /// By which road: `push`, `renewal` or `checkpoint`.
    pub delivered_by: Option<String>,
    /// When a safe point saw it.
    pub observed_at: Option<OffsetDateTime>,
    /// That safe point's name.
    pub safe_point: Option<String>,
    /// When the operation had ended, cancelled or not.
    pub stopped_at: Option<OffsetDateTime>,
    /// Which safe points it stops at; `None` in requests of before there were modes.
    pub mode: Option<CancelMode>,
    /// What became of its partial output; `None` while it runs, or when it was not cancelled after all.
    pub cleanup: Option<Cleanup>,
    /// Which step ended the attempt; `None` where none ran, or it ended by itself.
    pub ended_by: Option<EndedBy>,
}

/// An operation as it is stored.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns are documented in migrations/V1__operations.sql")]
pub struct Operation {
    pub id: OperationId,
    pub project: ProjectId,
    pub collection: String,
    pub kind: Kind,
    pub target: String,
    pub spec: Spec,
    pub priority: i16,
    pub state: State,
    pub revision: i64,
    pub attempt: AttemptNumber,
    pub worker: Option<WorkerId>,
    pub nonce: Option<Uuid>,
    pub failures: u32,
    pub retry: RetryPolicy,
    pub retry_of: Option<OperationId>,
    pub labels: BTreeMap<String, String>,
    pub deadline: Option<OffsetDateTime>,
    pub not_before: Option<OffsetDateTime>,
    pub release_reason: Option<String>,
    pub safe_point: Option<String>,
    pub safe_point_time: Option<OffsetDateTime>,
    pub items_per_second: Option<f64>,
    pub create_time: OffsetDateTime,
    pub start_time: Option<OffsetDateTime>,
    pub claim_time: Option<OffsetDateTime>,
    pub update_time: OffsetDateTime,
    pub finish_time: Option<OffsetDateTime>,
    pub checkpoint: Option<Value>,
    pub items_done: u64,
    pub items_total: Option<u64>,
    pub bytes_done: u64,
    pub response: Option<Value>,
    pub error_code: Option<i32>,
    pub error_message: Option<String>,
    pub pause_requested_at: Option<OffsetDateTime>,
    pub cancel: Option<CancelReceipt>,
    pub trace_parent: Option<String>,
    /// Whether a secret came with the request. It went when the operation ended.
    pub has_secret: bool,
}

impl Operation {
    /// The facts that decide what may happen to it.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            state: self.state,
            attempt: self.attempt,
            nonce: self.nonce.map(Nonce::from_uuid),
            failures: self.failures,
            failure_limit: self.retry.failure_limit,
            cancel_requested: self.cancel.is_some(),
            pause_requested: self.pause_requested_at.is_some(),
        }
    }

    /// Who is to be told that it was asked to cancel: the worker that runs it, which attempt of it, and how it shall stop.
    /// Nobody where it was not asked, or does not run.
    pub fn to_be_told(&self) -> Option<(WorkerId, Fence, Option<CancelMode>)> {
        let fence = Fence { id: self.id, attempt: self.attempt, nonce: Nonce::from_uuid(self.nonce?) };
        Some((self.worker?, fence, self.cancel.as_ref()?.mode))
    }

    /// What the rules of its kind see of it.
    pub const fn view(&self) -> OperationView<'_> {
        OperationView {
            id: self.id,
            project: &self.project,
            target: self.target.as_str(),
            spec: &self.spec,
            state: self.state,
            pause_requested: self.pause_requested_at.is_some(),
            checkpoint: self.checkpoint.as_ref(),
            start_time: self.start_time,
            finish_time: self.finish_time,
        }
    }

    /// Reads a row of `operations`.
    pub(crate) fn read(row: &PgRow) -> Result<Self, StoreError> {
        let id: Uuid = row.try_get("id")?;
        let unreadable = |what| StoreError::Unreadable { id, what };
        Ok(Self {
            id: OperationId::from_uuid(id),
            project: row.try_get::<String, _>("project_id")?.parse().map_err(|_| unreadable("project_id"))?,
            collection: row.try_get("collection")?,
            kind: row.try_get::<&str, _>("kind")?.parse().map_err(|_| unreadable("kind"))?,
            target: row.try_get("target")?,
            spec: serde_json::from_value(row.try_get("spec")?).map_err(|_| unreadable("spec"))?,
            priority: row.try_get("priority")?,
            state: row.try_get::<&str, _>("state")?.parse().map_err(|()| unreadable("state"))?,
            revision: row.try_get("revision")?,
            attempt: AttemptNumber(row.try_get::<i32, _>("attempt")?.unsigned_abs()),
            worker: row.try_get::<Option<Uuid>, _>("worker_id")?.map(WorkerId::from_uuid),
            nonce: row.try_get("nonce")?,
            failures: row.try_get::<i32, _>("failures")?.unsigned_abs(),
            retry: retry_policy(row)?,
            retry_of: row.try_get::<Option<Uuid>, _>("retry_of")?.map(OperationId::from_uuid),
            labels: serde_json::from_value(row.try_get("labels")?).map_err(|_| unreadable("labels"))?,
            deadline: row.try_get("deadline")?,
            not_before: row.try_get("not_before")?,
            release_reason: row.try_get("release_reason")?,
            safe_point: row.try_get("safe_point")?,
            safe_point_time: row.try_get("safe_point_time")?,
            items_per_second: row.try_get("items_per_second")?,
            create_time: row.try_get("create_time")?,
            start_time: row.try_get("start_time")?,
            claim_time: row.try_get("claim_time")?,
            update_time: row.try_get("update_time")?,
            finish_time: row.try_get("finish_time")?,
            checkpoint: row.try_get("checkpoint")?,
            items_done: row.try_get::<i64, _>("items_done")?.unsigned_abs(),
            items_total: row.try_get::<Option<i64>, _>("items_total")?.map(i64::unsigned_abs),
            bytes_done: row.try_get::<i64, _>("bytes_done")?.unsigned_abs(),
            response: row.try_get("response")?,
            error_code: row.try_get("error_code")?,
            error_message: row.try_get("error_message")?,
            pause_requested_at: row.try_get("pause_requested_at")?,
            cancel: receipt(row).map_err(|error| error.unwrap_or_else(|| unreadable("cancel")))?,
            trace_parent: row.try_get("trace_parent")?,
            has_secret: row.try_get("has_secret")?,
        })
    }
}

/// How often, and when, the operation of a row is tried again.
pub(crate) fn retry_policy(row: &PgRow) -> Result<RetryPolicy, StoreError> {
    let millis = |name| Ok::<_, StoreError>(Duration::from_millis(row.try_get::<i32, _>(name)?.unsigned_abs().into()));
    Ok(RetryPolicy {
        failure_limit: row.try_get::<i32, _>("failure_limit")?.unsigned_abs(),
        initial_delay: millis("retry_initial_millis")?,
        longest_delay: millis("retry_longest_millis")?,
    })
}

/// Whether a cancel is requested, and which safe points it stops at: of rows that tell `cancel_requested` and
/// `cancel_mode`.
pub(crate) fn requested_mode(row: &PgRow) -> Result<Option<CancelMode>, StoreError> {
    let mode = row.try_get::<Option<&str>, _>("cancel_mode")?.and_then(|mode| mode.parse().ok());
    // A mode that a newer version knows, or none: the plain cancel.
    Ok(row.try_get::<bool, _>("cancel_requested")?.then(|| mode.unwrap_or_default()))
}

fn receipt(row: &PgRow) -> Result<Option<CancelReceipt>, Option<StoreError>> {
    let wrong = |error: sqlx::Error| Some(StoreError::from(error));
    let Some(requested_at) = row.try_get::<Option<OffsetDateTime>, _>("cancel_requested_at").map_err(wrong)? else {
        return Ok(None);
    };
    let cleanup: Option<Value> = row.try_get("cancel_cleanup").map_err(wrong)?;
    Ok(Some(CancelReceipt {
        requested_at,
        requested_by: row.try_get("cancel_requested_by").map_err(wrong)?,
        reason: row.try_get("cancel_reason").map_err(wrong)?,
        delivered_at: row.try_get("cancel_delivered_at").map_err(wrong)?,
        delivered_by: row.try_get("cancel_delivered_by").map_err(wrong)?,
        observed_at: row.try_get("cancel_observed_at").map_err(wrong)?,
        safe_point: row.try_get("cancel_observed_safe_point").map_err(wrong)?,
        mode: row
            .try_get::<Option<&str>, _>("cancel_mode")
            .map_err(wrong)?
            .map(str::parse)
            .transpose()
            .map_err(|()| None)?,
        stopped_at: row.try_get("finish_time").map_err(wrong)?,
        cleanup: cleanup.map(serde_json::from_value).transpose().map_err(|_| None)?,
        // A step that a newer version knows is not told.
        ended_by: row.try_get::<Option<&str>, _>("cancel_ended_by").map_err(wrong)?.and_then(|step| step.parse().ok()),
    }))
}

impl FromRow<'_, PgRow> for Operation {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Self::read(row).map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
}
