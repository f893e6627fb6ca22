//! Storage Transfer's JSON, field for field: what answers say. int64 are texts, and what is empty is left out.

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `@type` of an operation's metadata.
pub const TRANSFER_OPERATION: &str = "type.googleapis.com/google.storagetransfer.v1.TransferOperation";
/// `@type` of a run's response.
pub const EMPTY: &str = "type.googleapis.com/google.protobuf.Empty";

/// `google.storagetransfer.v1.TransferJob`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::TransferJob)]
pub struct TransferJob {
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub description: String,
    pub project_id: String,
    pub transfer_spec: TransferSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_config: Option<NotificationConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    pub status: &'static str,
    #[schema(format = DateTime)]
    pub creation_time: String,
    #[schema(format = DateTime)]
    pub last_modification_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub deletion_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_operation_name: Option<String>,
}

/// `google.storagetransfer.v1.ListTransferJobsResponse`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::ListTransferJobsResponse)]
pub struct ListTransferJobsResponse {
    pub transfer_jobs: Vec<TransferJob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// `google.storagetransfer.v1.TransferSpec`: one source, one sink.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::TransferSpec)]
pub struct TransferSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcs_data_source: Option<BucketData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_s3_data_source: Option<BucketData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_s3_compatible_data_source: Option<AwsS3CompatibleData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posix_data_source: Option<PosixFilesystem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_data_source: Option<HttpData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcs_data_sink: Option<BucketData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posix_data_sink: Option<PosixFilesystem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_conditions: Option<ObjectConditions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_options: Option<TransferOptions>,
}

/// `google.storagetransfer.v1.GcsData`, and `AwsS3Data` without its secrets.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::BucketData)]
pub struct BucketData {
    pub bucket_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub path: String,
}

/// `google.storagetransfer.v1.AwsS3CompatibleData`
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::AwsS3CompatibleData)]
pub struct AwsS3CompatibleData {
    pub bucket_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub path: String,
    pub endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub region: String,
}

/// `google.storagetransfer.v1.PosixFilesystem`
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::PosixFilesystem)]
pub struct PosixFilesystem {
    pub root_directory: String,
}

/// `google.storagetransfer.v1.HttpData`
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::HttpData)]
pub struct HttpData {
    pub list_url: String,
}

/// `google.storagetransfer.v1.ObjectConditions`
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::ObjectConditions)]
pub struct ObjectConditions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_time_elapsed_since_last_modification: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_time_elapsed_since_last_modification: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub include_prefixes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub exclude_prefixes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub last_modified_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub last_modified_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_glob: Option<String>,
}

/// `google.storagetransfer.v1.TransferOptions`
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::TransferOptions)]
pub struct TransferOptions {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub overwrite_objects_already_existing_in_sink: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrite_when: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub delete_objects_unique_in_sink: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub delete_objects_from_source_after_transfer: bool,
}

/// `google.storagetransfer.v1.Schedule`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::Schedule)]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub struct Schedule {
    pub schedule_start_date: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_end_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_of_day: Option<TimeOfDay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time_of_day: Option<TimeOfDay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_interval: Option<String>,
}

/// `google.type.Date`
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = storagetransfer::Date)]
pub struct Date {
    pub year: i32,
    pub month: u8,
    pub day: u8,
}

/// `google.type.TimeOfDay`
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = storagetransfer::TimeOfDay)]
pub struct TimeOfDay {
    pub hours: u8,
    pub minutes: u8,
    pub seconds: u8,
    pub nanos: u32,
}

/// `google.storagetransfer.v1.NotificationConfig`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::NotificationConfig)]
pub struct NotificationConfig {
    pub pubsub_topic: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub event_types: Vec<&'static str>,
    pub payload_format: &'static str,
}

/// `google.longrunning.Operation`: neither an error nor a response while it runs, exactly one once it is done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = storagetransfer::Operation)]
pub struct Operation {
    pub name: String,
    pub metadata: TransferOperation,
    pub done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub response: Option<Empty>,
}

/// `google.rpc.Status` inside an operation: the code is the canonical number, and there is no `status`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = storagetransfer::Status)]
pub struct Status {
    pub code: i32,
    pub message: String,
}

/// `google.protobuf.Empty` as the response of an operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = storagetransfer::EmptyResponse)]
pub struct Empty {
    #[serde(rename = "@type")]
    pub type_url: &'static str,
}

/// `google.storagetransfer.v1.TransferOperation`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::TransferOperation)]
pub struct TransferOperation {
    #[serde(rename = "@type")]
    pub type_url: &'static str,
    pub name: String,
    pub project_id: String,
    pub transfer_spec: TransferSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_config: Option<NotificationConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub end_time: Option<String>,
    pub status: &'static str,
    /// `google.storagetransfer.v1.TransferCounters`: those that are not 0.
    pub counters: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub error_breakdowns: Vec<ErrorSummary>,
    pub transfer_job_name: String,
}

/// `google.storagetransfer.v1.ErrorSummary`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::ErrorSummary)]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub struct ErrorSummary {
    pub error_code: String,
    #[schema(pattern = "^[0-9]+$")]
    pub error_count: String,
    pub error_log_entries: Vec<ErrorLogEntry>,
}

/// `google.storagetransfer.v1.ErrorLogEntry`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::ErrorLogEntry)]
pub struct ErrorLogEntry {
    pub url: String,
    pub error_details: Vec<String>,
}

/// `google.longrunning.ListOperationsResponse`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::ListOperationsResponse)]
pub struct ListOperationsResponse {
    pub operations: Vec<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// `google.storagetransfer.v1.GoogleServiceAccount`
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = storagetransfer::GoogleServiceAccount)]
pub struct GoogleServiceAccount {
    pub account_email: String,
    pub subject_id: String,
}
