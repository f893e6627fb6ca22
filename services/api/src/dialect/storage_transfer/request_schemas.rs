//! What requests may say, with the limits that are checked where they are read. An optional member may also be null, which is
//! absent; words of a closed list may also be numbers, as Google's other clients send them. What the vendor has and we have
//! not is answered with UNIMPLEMENTED and does not stand here.
#![expect(dead_code, reason = "they tell what `Fields` and `Query` read")]

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The job of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfJob {
    /// What stands behind `transferJobs/` in its name.
    #[param(max_length = 115, pattern = "^[A-Za-z0-9._~-]*[A-Za-z0-9]$")]
    job: String,
}

/// The run of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfRun {
    /// What stands behind `transferOperations/` in its name.
    #[param(
        max_length = 165,
        pattern = "^transferJobs-[A-Za-z0-9._~-]*[A-Za-z0-9]-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    )]
    operation: String,
}

/// Whose job it is.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OfProject {
    /// The project that owns the job.
    #[param(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_.:-]+$")]
    project_id: String,
}

/// The page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct TransferPage {
    /// How long the page may be: 50 where it is absent or 0, 256 at most.
    #[param(minimum = 0, nullable = false)]
    page_size: Option<i64>,
    /// `nextPageToken` of the page before, good for three days and for the same filter.
    #[param(nullable = false)]
    page_token: Option<String>,
}

/// Which jobs.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobsFilter {
    /// A JSON object as text: `projectId` (required), `jobNames` (256 at most), `jobStatuses`, `sourceBucket`, `sinkBucket`,
    /// `dataBackend`.
    #[param(min_length = 2, max_length = 131_072, example = r#"{"projectId":"p","jobStatuses":["ENABLED"]}"#)]
    filter: String,
}

/// Which runs.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OperationsFilter {
    /// A JSON object as text: `projectId` (required), `jobNames` and `operationNames` (256 at most), `jobNamePattern` and
    /// `operationNamePattern` (1,024 bytes at most), `minCreationTime`, `maxCreationTime`, `transferStatuses`.
    #[param(min_length = 2, max_length = 131_072, example = r#"{"projectId":"p","transferStatuses":["IN_PROGRESS"]}"#)]
    filter: String,
}

/// Whether a part of the list would do.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct PartialSuccess {
    /// `true` is not implemented: lists are always whole.
    #[param(nullable = false)]
    return_partial_success: Option<bool>,
}

/// `google.storagetransfer.v1.TransferJob`
#[derive(ToSchema)]
#[schema(as = storagetransfer::TransferJobRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TransferJobBody {
    /// Begins with `transferJobs/OPI` where a folder is on one side, and else not; made by the service where it is absent.
    #[schema(max_length = 128, pattern = "^(transferJobs/[A-Za-z0-9._~-]*[A-Za-z0-9])?$")]
    name: Option<String>,
    /// 1,024 bytes at most.
    #[schema(max_length = 1024)]
    description: Option<String>,
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_.:-]+$")]
    project_id: String,
    transfer_spec: TransferSpecBody,
    notification_config: Option<NotificationConfigBody>,
    schedule: Option<ScheduleBody>,
    #[schema(value_type = CreatedStatus)]
    status: String,
    /// Passed over, as are the other three that the service writes.
    creation_time: Option<String>,
    last_modification_time: Option<String>,
    deletion_time: Option<String>,
    latest_operation_name: Option<String>,
}

/// `google.storagetransfer.v1.TransferSpec`: exactly one source and one sink.
#[derive(ToSchema)]
#[schema(as = storagetransfer::TransferSpecRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TransferSpecBody {
    gcs_data_source: Option<BucketBody>,
    aws_s3_data_source: Option<BucketBody>,
    aws_s3_compatible_data_source: Option<S3CompatibleBody>,
    posix_data_source: Option<FolderBody>,
    http_data_source: Option<ListBody>,
    gcs_data_sink: Option<BucketBody>,
    posix_data_sink: Option<FolderBody>,
    object_conditions: Option<ObjectConditionsBody>,
    transfer_options: Option<TransferOptionsBody>,
}

/// A configured bucket of the project, whatever its store is (`awsS3DataSource`: one in S3), and a path in it.
#[derive(ToSchema)]
#[schema(as = storagetransfer::BucketRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BucketBody {
    #[schema(min_length = 1)]
    bucket_name: String,
    /// Empty, or ends with `/`.
    #[schema(max_length = 1024, pattern = "^([^/].*/)?$")]
    path: Option<String>,
}

/// A configured bucket in a store that speaks S3's language.
#[derive(ToSchema)]
#[schema(as = storagetransfer::S3CompatibleRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct S3CompatibleBody {
    #[schema(min_length = 1)]
    bucket_name: String,
    /// Empty, or ends with `/`.
    #[schema(max_length = 1024, pattern = "^([^/].*/)?$")]
    path: Option<String>,
    /// The one that is configured, with or without its scheme.
    #[schema(min_length = 1)]
    endpoint: String,
    region: Option<String>,
}

/// A folder of the workers beneath a configured one.
#[derive(ToSchema)]
#[schema(as = storagetransfer::FolderRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FolderBody {
    #[schema(min_length = 1, pattern = "^/")]
    root_directory: String,
}

/// A list of URLs (`TsvHttpData-1.0`) on a server that the operator lets the project reach.
#[derive(ToSchema)]
#[schema(as = storagetransfer::ListRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListBody {
    #[schema(min_length = 1, pattern = "^https?://")]
    list_url: String,
}

/// `google.storagetransfer.v1.ObjectConditions`
#[derive(ToSchema)]
#[schema(as = storagetransfer::ObjectConditionsRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ObjectConditionsBody {
    /// Seconds, e.g. `3600s`.
    #[schema(pattern = "^([0-9]{1,12}(\\.[0-9]{1,9})?s)?$")]
    min_time_elapsed_since_last_modification: Option<String>,
    /// Seconds, e.g. `3600s`.
    #[schema(pattern = "^([0-9]{1,12}(\\.[0-9]{1,9})?s)?$")]
    max_time_elapsed_since_last_modification: Option<String>,
    /// None of them begins with another one.
    #[schema(max_items = 1000)]
    include_prefixes: Option<Vec<String>>,
    /// Each begins with an included one, where there are any.
    #[schema(max_items = 1000)]
    exclude_prefixes: Option<Vec<String>>,
    #[schema(format = DateTime)]
    last_modified_since: Option<String>,
    #[schema(format = DateTime)]
    last_modified_before: Option<String>,
    /// `*` and `?` within a segment of the name, `**` over segments.
    #[schema(max_length = 1024)]
    match_glob: Option<String>,
}

/// `google.storagetransfer.v1.TransferOptions`; at most one of the two deletes.
#[derive(ToSchema)]
#[schema(as = storagetransfer::TransferOptionsRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TransferOptionsBody {
    overwrite_objects_already_existing_in_sink: Option<bool>,
    #[schema(value_type = Option<OverwriteWhenWord>)]
    overwrite_when: Option<String>,
    /// Not together with conditions on times.
    delete_objects_unique_in_sink: Option<bool>,
    delete_objects_from_source_after_transfer: Option<bool>,
}

/// `google.storagetransfer.v1.Schedule`; all times are UTC.
#[derive(ToSchema)]
#[schema(as = storagetransfer::ScheduleRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScheduleBody {
    schedule_start_date: Option<DateBody>,
    schedule_end_date: Option<DateBody>,
    start_time_of_day: Option<TimeOfDayBody>,
    /// With `scheduleEndDate` alone.
    end_time_of_day: Option<TimeOfDayBody>,
    /// Seconds, an hour at least, e.g. `3600s`; a day where it is absent.
    #[schema(pattern = "^([0-9]{1,12}(\\.[0-9]{1,9})?s)?$")]
    repeat_interval: Option<String>,
}

/// `google.type.Date`: a whole one.
#[derive(ToSchema)]
#[schema(as = storagetransfer::DateRequest)]
#[serde(deny_unknown_fields)]
pub struct DateBody {
    #[schema(minimum = 1, maximum = 9999)]
    year: i32,
    #[schema(minimum = 1, maximum = 12)]
    month: i32,
    #[schema(minimum = 1, maximum = 31)]
    day: i32,
}

/// `google.type.TimeOfDay`
#[derive(ToSchema)]
#[schema(as = storagetransfer::TimeOfDayRequest)]
#[serde(deny_unknown_fields)]
pub struct TimeOfDayBody {
    #[schema(minimum = 0, maximum = 23)]
    hours: Option<i32>,
    #[schema(minimum = 0, maximum = 59)]
    minutes: Option<i32>,
    #[schema(minimum = 0, maximum = 59)]
    seconds: Option<i32>,
    #[schema(minimum = 0, maximum = 999_999_999)]
    nanos: Option<i32>,
}

/// `google.storagetransfer.v1.NotificationConfig`
#[derive(ToSchema)]
#[schema(as = storagetransfer::NotificationConfigRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NotificationConfigBody {
    /// In the job's own project.
    #[schema(pattern = "^projects/[^/]+/topics/[A-Za-z][A-Za-z0-9._~%+-]{2,254}$")]
    pubsub_topic: String,
    /// Of which ends; of all where it is empty.
    #[schema(value_type = Option<Vec<EventWord>>)]
    event_types: Option<Vec<String>>,
    #[schema(value_type = FormatWord)]
    payload_format: String,
}

/// `google.storagetransfer.v1.UpdateTransferJobRequest`
#[derive(ToSchema)]
#[schema(as = storagetransfer::UpdateTransferJobRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UpdateTransferJobBody {
    /// That of the path.
    job_name: Option<String>,
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_.:-]+$")]
    project_id: String,
    transfer_job: PatchedJobBody,
    /// Names joined by commas: `description`, `transferSpec`, `notificationConfig`, `loggingConfig`, `status`. Where it is
    /// absent, those that are there.
    update_transfer_job_field_mask: Option<String>,
}

/// What is to be changed; what the mask does not name is passed over.
#[derive(ToSchema)]
#[schema(as = storagetransfer::PatchedJobRequest)]
#[serde(rename_all = "camelCase")]
pub struct PatchedJobBody {
    /// 1,024 bytes at most.
    #[schema(max_length = 1024)]
    description: Option<String>,
    transfer_spec: Option<TransferSpecBody>,
    notification_config: Option<NotificationConfigBody>,
    #[schema(value_type = Option<StatusWord>)]
    status: Option<String>,
}

/// `google.storagetransfer.v1.RunTransferJobRequest`
#[derive(ToSchema)]
#[schema(as = storagetransfer::RunTransferJobRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RunTransferJobBody {
    /// That of the path.
    job_name: Option<String>,
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_.:-]+$")]
    project_id: String,
}

/// `google.longrunning.CancelOperationRequest`, and those of pause and resume.
#[derive(ToSchema)]
#[schema(as = storagetransfer::OperationRequest)]
#[serde(deny_unknown_fields)]
pub struct OperationBody {
    /// That of the path.
    name: Option<String>,
}

/// A word of a closed list, or its number.
macro_rules! words {
    ($($name:ident, $schema:literal: $least:literal $($word:literal)+;)+) => {$(
        /// A word, or its number.
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words: &[&str] = &[$($word),+];
                let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied()));
                let most = words.len() - 1 + $least;
                let numbers = ($least..=most).map(|number| serde_json::json!(number));
                let number = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some(numbers));
                utoipa::openapi::schema::OneOfBuilder::new().item(word).item(number).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $schema.into()
            }
        }
    )+};
}

words! {
    CreatedStatus, "storagetransfer.CreatedStatus": 1_usize "ENABLED" "DISABLED";
    StatusWord, "storagetransfer.JobStatus": 1_usize "ENABLED" "DISABLED" "DELETED";
    OverwriteWhenWord, "storagetransfer.OverwriteWhen": 0_usize "OVERWRITE_WHEN_UNSPECIFIED" "DIFFERENT" "NEVER" "ALWAYS";
    EventWord, "storagetransfer.EventType": 0_usize "EVENT_TYPE_UNSPECIFIED" "TRANSFER_OPERATION_SUCCESS"
        "TRANSFER_OPERATION_FAILED" "TRANSFER_OPERATION_ABORTED";
    FormatWord, "storagetransfer.PayloadFormat": 1_usize "NONE" "JSON";
}
