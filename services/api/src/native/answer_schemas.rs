//! What answers hold of the domain's own types, which know nothing of documents.
#![expect(dead_code, reason = "they tell what the types of `operation` are written as")]

use super::request_schemas::{CancelModeName, DeleteName, OverwriteWhenName};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The kind's parameters as they are run, with their defaults.
#[derive(ToSchema)]
#[serde(tag = "kind")]
pub enum ShownSpec {
    #[serde(rename = "postgres.export")]
    PostgresExport(ShownPostgresExport),
    #[serde(rename = "storage.transfer")]
    StorageTransfer(ShownStorageTransfer),
    #[serde(rename = "demo.steps")]
    DemoSteps(ShownDemoSteps),
    #[serde(rename = "operations.cancel")]
    CancelOperations(ShownCancelOperations),
}

/// Rows or a dump of one database into one object of a bucket.
#[derive(ToSchema)]
pub struct ShownPostgresExport {
    /// This or `server`.
    #[schema(nullable = false)]
    cluster: Option<String>,
    #[schema(nullable = false)]
    server: Option<ShownPostgresServer>,
    database: String,
    bucket: String,
    object: String,
    format: ShownFormat,
}

/// A server that the caller named. Its password is not shown.
#[derive(ToSchema)]
pub struct ShownPostgresServer {
    host: String,
    port: u16,
    user: String,
}

/// What an export writes.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ShownFormat {
    #[schema(rename = "csv")]
    Csv(ShownCsv),
    #[schema(rename = "sql")]
    Sql(ShownSql),
}

/// The rows of one query.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownCsv {
    select_query: String,
    delimiter: String,
    quote: String,
    escape: String,
}

/// A plain dump.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownSql {
    tables: Vec<String>,
    schema_only: bool,
    clean_target_objects: bool,
    if_exist_target_objects: bool,
}

/// Objects from one place to another.
#[derive(ToSchema)]
pub struct ShownStorageTransfer {
    /// The transfer job that it is a run of.
    #[schema(nullable = false)]
    job: Option<String>,
    source: ShownTransferSource,
    sink: ShownTransferSink,
    conditions: ShownTransferConditions,
    options: ShownTransferOptions,
    #[schema(nullable = false)]
    notification: Option<ShownNotification>,
}

/// Where objects come from.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ShownTransferSource {
    Bucket(ShownBucketPath),
    S3(ShownBucketPath),
    #[schema(rename = "s3Compatible")]
    S3Compatible(ShownS3CompatiblePath),
    Folder(String),
    #[schema(rename = "httpList")]
    HttpList(String),
}

/// Where objects go.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ShownTransferSink {
    Bucket(ShownBucketPath),
    Folder(String),
}

/// A part of a bucket.
#[derive(ToSchema)]
pub struct ShownBucketPath {
    bucket: String,
    #[schema(nullable = false)]
    path: Option<String>,
}

/// The same with its store.
#[derive(ToSchema)]
pub struct ShownS3CompatiblePath {
    bucket: String,
    #[schema(nullable = false)]
    path: Option<String>,
    endpoint: String,
    #[schema(nullable = false)]
    region: Option<String>,
}

/// Which objects.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownTransferConditions {
    include_prefixes: Option<Vec<String>>,
    exclude_prefixes: Option<Vec<String>>,
    min_time_elapsed: Option<String>,
    max_time_elapsed: Option<String>,
    #[schema(format = DateTime)]
    modified_since: Option<String>,
    #[schema(format = DateTime)]
    modified_before: Option<String>,
    match_glob: Option<String>,
}

/// What is overwritten and deleted.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownTransferOptions {
    overwrite_existing: Option<bool>,
    overwrite_when: Option<OverwriteWhenName>,
    delete: Option<DeleteName>,
}

/// Who is told of the end.
#[derive(ToSchema)]
pub struct ShownNotification {
    topic: String,
    events: Option<Vec<String>>,
    payload: String,
}

/// Steps that take time.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownDemoSteps {
    steps: u32,
    step_millis: u32,
    bucket: Option<String>,
    object: Option<String>,
    fail_at: Option<u32>,
    #[schema(required = false)]
    fail_retryable: bool,
    panic_at: Option<u32>,
    hang_at: Option<u32>,
    spin_at: Option<u32>,
    spin_millis: Option<u32>,
    block_at: Option<u32>,
    block_millis: Option<u32>,
}

/// A cancel of many.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownCancelOperations {
    filter: ShownFilter,
    requested_by: String,
    reason: Option<String>,
    mode: CancelModeName,
}

/// Which operations are meant: all that meet every condition that stands here.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownFilter {
    collection: Option<String>,
    collection_prefix: Option<String>,
    target: Option<String>,
    targets: Option<Vec<String>>,
    ids: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    done: Option<bool>,
    kinds: Option<Vec<String>>,
    states: Option<Vec<StateName>>,
    #[schema(format = DateTime)]
    created_from: Option<String>,
    #[schema(format = DateTime)]
    created_before: Option<String>,
}

/// The state of an operation.
#[derive(ToSchema)]
#[schema(rename_all = "UPPERCASE")]
pub enum StateName {
    Pending,
    Running,
    Paused,
    Succeeded,
    Failed,
    Cancelled,
}

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
