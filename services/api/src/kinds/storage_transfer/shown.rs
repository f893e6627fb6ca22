//! The spec of `storage.transfer` as answers show it.
#![expect(dead_code, reason = "it tells what the types of `kinds` are written as")]

use super::request::{DeleteName, OverwriteWhenName};
use utoipa::ToSchema;

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
