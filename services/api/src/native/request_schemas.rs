//! What requests may say, with the limits that are checked where they are read (`wire.rs`, `options.rs`,
//! `demo_steps.rs`, `translate.rs`). An optional member may also be null, which is absent.
#![expect(dead_code, reason = "they tell what `Fields` reads")]

use operation::CancelMode;
use std::collections::BTreeMap;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The operation of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfOperation {
    /// The operation's id: a UUID in lower case.
    #[param(pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    operation: String,
}

/// What a delete does with an operation that has not ended.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CancelFirst {
    /// `true`: cancel it (which also needs the scope `operations.cancel`), and delete it when it has ended. Otherwise the
    /// delete of an operation that has not ended is refused: `FAILED_PRECONDITION`.
    #[param(nullable = false)]
    cancel: Option<bool>,
}

/// What the audit log is narrowed to.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfOneOperation {
    /// An operation's id: what was done to this one alone, also after it was deleted or has expired.
    #[param(pattern = "^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$", nullable = false)]
    operation: Option<String>,
}

/// The order of the list (AIP-132).
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OrderBy {
    /// `createTime desc` where it is absent.
    #[param(pattern = "^\\s*((createTime|create_time)(\\s+(asc|desc))?)?\\s*$", nullable = false)]
    order_by: Option<String>,
}

/// Where a stream of events goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct LastEventId {
    /// The id of the last event that the client has seen; browsers send it by themselves.
    #[param(rename = "Last-Event-ID", nullable = false)]
    last_event_id: Option<String>,
}

/// An operation to create.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CreateOperation {
    /// What is to be done.
    kind: CreatedKind,
    spec: CreatedSpec,
    /// Higher goes first, within the project.
    #[schema(minimum = -32768, maximum = 32767)]
    priority: Option<i32>,
    #[schema(value_type = Option<LabelMap>)]
    labels: Option<BTreeMap<String, String>>,
    /// When it fails if it has not ended: a time to come, before the year 10000.
    #[schema(format = DateTime)]
    deadline: Option<String>,
    retry: Option<RetryRequest>,
    /// Makes the request idempotent for 30 days (AIP-155).
    #[schema(max_length = 128, pattern = "^[!-~]*$")]
    request_id: Option<String>,
}

/// The kinds that can be created here.
#[derive(ToSchema)]
pub enum CreatedKind {
    #[schema(rename = "postgres.export")]
    PostgresExport,
    #[schema(rename = "storage.transfer")]
    StorageTransfer,
    /// Where it is switched on.
    #[schema(rename = "demo.steps")]
    DemoSteps,
}

/// The kind's own parameters.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum CreatedSpec {
    PostgresExport(PostgresExportRequest),
    StorageTransfer(StorageTransferRequest),
    DemoSteps(DemoStepsRequest),
}

/// The spec of `postgres.export`: rows or a dump of one database into one object.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PostgresExportRequest {
    /// A configured cluster of the project; this or `server`.
    #[schema(pattern = "^projects/[^/]+/locations/[^/]+/clusters/[^/]+$")]
    cluster: Option<String>,
    server: Option<PostgresServerRequest>,
    /// The database's name; 63 bytes at most.
    #[schema(min_length = 1, max_length = 63)]
    database: String,
    /// The configured name of a bucket of the project.
    #[schema(min_length = 1)]
    bucket: String,
    /// The object's name: 1,024 bytes at most; one that ends in `.gz` is compressed.
    #[schema(min_length = 1, max_length = 1024)]
    object: String,
    format: FormatRequest,
}

/// A server that is not configured: one that the operator lets the project reach.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PostgresServerRequest {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    #[schema(min_length = 1, max_length = 253)]
    host: String,
    /// 5432 if absent.
    #[schema(minimum = 1, maximum = 65535)]
    port: Option<i32>,
    /// The role that the export runs as: not a superuser, no rights to files of the server.
    #[schema(min_length = 1, max_length = 63)]
    user: String,
    /// Kept sealed until the operation ends, and never shown.
    #[schema(min_length = 1, write_only)]
    password: String,
}

/// Exactly one of them.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum FormatRequest {
    Csv(CsvRequest),
    Sql(SqlRequest),
}

/// The rows of one query, as `COPY … (FORMAT csv)` writes them. The characters must differ, but for quote and escape.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CsvRequest {
    /// Exactly one SELECT that changes nothing, and is not so complex that to check it takes long.
    #[schema(min_length = 1, max_length = 250_000)]
    select_query: String,
    /// A comma where it is absent.
    #[schema(max_length = 1, pattern = "^[\\x01-\\x09\\x0b\\x0c\\x0e-\\x7f]?$")]
    delimiter: Option<String>,
    /// A double quote where it is absent.
    #[schema(max_length = 1, pattern = "^[\\x01-\\x09\\x0b\\x0c\\x0e-\\x7f]?$")]
    quote: Option<String>,
    /// The quote where it is absent.
    #[schema(max_length = 1, pattern = "^[\\x01-\\x09\\x0b\\x0c\\x0e-\\x7f]?$")]
    escape: Option<String>,
}

/// A plain dump, as `pg_dump` writes it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SqlRequest {
    /// Only these, `table` or `schema.table`; all where it is empty.
    tables: Option<Vec<String>>,
    /// No rows.
    schema_only: Option<bool>,
    /// `DROP` before each `CREATE`.
    clean_target_objects: Option<bool>,
    /// `DROP … IF EXISTS`; with `cleanTargetObjects` alone.
    if_exist_target_objects: Option<bool>,
}

/// The spec of `storage.transfer`: makes the sink hold what the source holds.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageTransferRequest {
    source: TransferSourceRequest,
    sink: TransferSinkRequest,
    conditions: Option<TransferConditionsRequest>,
    options: Option<TransferOptionsRequest>,
}

/// Exactly one of them.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum TransferSourceRequest {
    Bucket(BucketPathRequest),
    S3(BucketPathRequest),
    #[schema(rename = "s3Compatible")]
    S3Compatible(S3CompatiblePathRequest),
    /// A folder of the workers beneath a configured one.
    Folder(String),
    /// The address of a list of URLs (`TsvHttpData-1.0`).
    #[schema(rename = "httpList")]
    HttpList(String),
}

/// Exactly one of them.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum TransferSinkRequest {
    Bucket(BucketPathRequest),
    /// A folder of the workers beneath a configured one.
    Folder(String),
}

/// A part of a configured bucket of the project.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketPathRequest {
    #[schema(min_length = 1)]
    bucket: String,
    /// Empty, or ends with `/`.
    #[schema(max_length = 1024, pattern = "^([^/].*/)?$")]
    path: Option<String>,
}

/// The same where the store is named as well.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct S3CompatiblePathRequest {
    #[schema(min_length = 1)]
    bucket: String,
    /// Empty, or ends with `/`.
    #[schema(max_length = 1024, pattern = "^([^/].*/)?$")]
    path: Option<String>,
    /// The one that is configured, with or without its scheme.
    #[schema(min_length = 1)]
    endpoint: String,
    region: Option<String>,
}

/// Which objects: those to which all of it applies.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TransferConditionsRequest {
    /// None of them begins with another one.
    #[schema(max_items = 1000)]
    include_prefixes: Option<Vec<String>>,
    /// Each begins with an included one, where there are any.
    #[schema(max_items = 1000)]
    exclude_prefixes: Option<Vec<String>>,
    /// Not changed for this long when the operation begins, e.g. `3600s`.
    #[schema(pattern = "^([0-9]{1,12}(\\.[0-9]{1,9})?s)?$")]
    min_time_elapsed: Option<String>,
    /// Changed within this long.
    #[schema(pattern = "^([0-9]{1,12}(\\.[0-9]{1,9})?s)?$")]
    max_time_elapsed: Option<String>,
    #[schema(format = DateTime)]
    modified_since: Option<String>,
    #[schema(format = DateTime)]
    modified_before: Option<String>,
    /// `*` and `?` within a segment of the name, `**` over segments.
    #[schema(max_length = 1024)]
    match_glob: Option<String>,
}

/// What is overwritten and deleted.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TransferOptionsRequest {
    /// What is there is copied again; `overwriteWhen` wins.
    overwrite_existing: Option<bool>,
    overwrite_when: Option<OverwriteWhenName>,
    delete: Option<DeleteName>,
}

/// When what is there is copied again.
#[derive(ToSchema)]
#[schema(rename_all = "UPPERCASE")]
pub enum OverwriteWhenName {
    Different,
    Never,
    Always,
}

/// What is deleted: objects of the sink that the source has not, or objects of the source once they are in the sink.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum DeleteName {
    UniqueInSink,
    FromSourceAfterTransfer,
}

/// The spec of `demo.steps`: steps that take time and, where a bucket is named, leave an object each.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DemoStepsRequest {
    /// At most 999,999 where a bucket is named.
    #[schema(minimum = 1, maximum = 10_000_000)]
    steps: i32,
    #[schema(minimum = 0, maximum = 3_600_000)]
    step_millis: i32,
    #[schema(minimum = 1, maximum = 10_000_000)]
    fail_at: Option<i32>,
    /// With `failAt` alone.
    fail_retryable: Option<bool>,
    #[schema(minimum = 1, maximum = 10_000_000)]
    panic_at: Option<i32>,
    #[schema(minimum = 1, maximum = 10_000_000)]
    hang_at: Option<i32>,
    #[schema(minimum = 1, maximum = 10_000_000)]
    spin_at: Option<i32>,
    /// With `spinAt` alone.
    #[schema(minimum = 1, maximum = 60_000)]
    spin_millis: Option<i32>,
    #[schema(minimum = 1, maximum = 10_000_000)]
    block_at: Option<i32>,
    /// With `blockAt` alone.
    #[schema(minimum = 1, maximum = 60_000)]
    block_millis: Option<i32>,
    /// Together with `object`, or not at all.
    bucket: Option<String>,
    /// Before the names of the steps' objects.
    #[schema(max_length = 1024)]
    object: Option<String>,
}

/// How often, and when, a failed attempt is followed by another.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RetryRequest {
    #[schema(minimum = 1, maximum = 1000)]
    max_attempts: Option<i32>,
    /// Seconds, a day at most, e.g. `1.5s`.
    #[schema(pattern = "^([0-9]{1,12}(\\.[0-9]{1,9})?s)?$")]
    initial_backoff: Option<String>,
    /// No shorter than `initialBackoff`.
    #[schema(pattern = "^([0-9]{1,12}(\\.[0-9]{1,9})?s)?$")]
    max_backoff: Option<String>,
}

/// Why, and how soon.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CancelRequest {
    /// Shown in the receipt.
    #[schema(max_length = 1000)]
    reason: Option<String>,
    #[schema(value_type = Option<CancelModeName>)]
    mode: Option<CancelMode>,
}

/// Which operations, and how.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CancelManyRequest {
    /// An AIP-160 filter, as of the list; `done = false` means all that have not ended.
    #[schema(min_length = 1, max_length = 4000)]
    filter: String,
    /// Shown in the receipts.
    #[schema(max_length = 1000)]
    reason: Option<String>,
    #[schema(value_type = Option<CancelModeName>)]
    mode: Option<CancelMode>,
    /// Only count.
    dry_run: Option<bool>,
    /// Makes the request idempotent for 30 days.
    #[schema(max_length = 128, pattern = "^[!-~]*$")]
    request_id: Option<String>,
}

/// Which safe points a cancel stops at: the next one, or the next one between two items.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum CancelModeName {
    Now,
    AfterCurrentItem,
}

/// A retry.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RetryOperation {
    /// Makes the request idempotent for 30 days.
    #[schema(max_length = 128, pattern = "^[!-~]*$")]
    request_id: Option<String>,
}

/// How long to wait.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitRequest {
    /// Seconds, from `0s` to `300s`; `30s` where it is absent.
    #[schema(pattern = "^([0-9]{1,12}(\\.[0-9]{1,9})?s)?$")]
    timeout: Option<String>,
}

/// The caller's own words: names as Google's labels have them.
pub struct LabelMap;

impl PartialSchema for LabelMap {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let value = text().max_length(Some(128)).pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*$")).build();
        let name = text().pattern(Some("^[a-z][a-z0-9_-]{0,62}$")).build();
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("The caller's own words: names as Google's labels have them."))
            .max_properties(Some(64))
            .property_names(Some(Schema::Object(name)))
            .additional_properties(Some(AdditionalProperties::from(Schema::Object(value))))
            .into()
    }
}

impl ToSchema for LabelMap {}
