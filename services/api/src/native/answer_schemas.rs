//! What answers hold of the domain's own types, which know nothing of documents.
#![expect(dead_code, reason = "they tell what the types of `operation` are written as")]

use utoipa::ToSchema;

/// What became of the output that a stopped attempt had begun, by name.
#[derive(ToSchema)]
pub struct ShownCleanup {
    status: CleanupWord,
    outputs: Vec<String>,
}

/// Nothing is left, it was left on purpose, or nobody knows: look at the names.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum CleanupWord {
    Removed,
    Kept,
    Unknown,
}

/// `SAFE_POINT`: the executor stopped at a safe point. `TASK_ABORTED`: it did not stop within its kind's bound and was
/// aborted. `WORKER_LOST`: its worker died, or gave it up because a thread of it did not return. After the last two the
/// cleanup is unknown.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndedByName {
    SafePoint,
    TaskAborted,
    WorkerLost,
}

/// What became of a request.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AnswerWord {
    Recorded,
    AlreadyRequested,
    AlreadyDone,
    NotPaused,
}

/// What an operation waits for.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitsFor {
    Nothing,
    Resume,
    RetryDelay,
    NewerWorker,
    Worker,
    ProjectLimit,
    Sweep,
    SafePoint,
    Work,
}

/// One of the events of a stream; it has an id where it says something new: the operation's revision.
#[derive(ToSchema)]
pub struct ServerSentEvent {
    #[schema(pattern = "^[0-9]+$")]
    id: Option<String>,
    event: EventName,
    /// JSON: the operation in a `snapshot`, a merge patch of it (RFC 7396) in a `delta`, else empty.
    data: String,
}

/// What is told.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum EventName {
    Snapshot,
    Delta,
    End,
    Deleted,
}
