//! What requests may say, with the limits that are checked where they are read (`wire.rs`, `translate.rs`). An optional
//! member may also be null, which is absent.
#![expect(dead_code, reason = "they tell what `Fields` and `Query` read")]

use utoipa::{IntoParams, ToSchema};

/// The location of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct InLocation {
    /// The location; in lists `-` stands for all of them (AIP-159).
    #[param(min_length = 1, max_length = 63, pattern = "^[A-Za-z0-9_-]+$")]
    location: String,
}

/// The cluster of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfCluster {
    /// The cluster.
    #[param(min_length = 1, max_length = 63, pattern = "^[A-Za-z0-9_-]+$")]
    cluster: String,
}

/// The operation of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfOperation {
    /// `operation-` and a UUID in lower case.
    #[param(pattern = "^operation-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    operation: String,
}

/// Whether a part of the list would do.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct PartialSuccess {
    /// `true` is not implemented: lists are always whole.
    #[param(nullable = false)]
    return_partial_success: Option<bool>,
}

/// `google.cloud.alloydb.v1.ExportClusterRequest`; exactly one of the two options.
#[derive(ToSchema)]
#[schema(as = alloydb::ExportClusterRequest)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExportClusterBody {
    /// That of the path.
    name: Option<String>,
    /// The database's name; 63 bytes at most.
    #[schema(min_length = 1, max_length = 63)]
    database: String,
    gcs_destination: GcsDestinationBody,
    csv_export_options: Option<CsvExportOptionsBody>,
    sql_export_options: Option<SqlExportOptionsBody>,
}

/// `google.cloud.alloydb.v1.GcsDestination`
#[derive(ToSchema)]
#[schema(as = alloydb::GcsDestinationRequest)]
#[serde(deny_unknown_fields)]
pub struct GcsDestinationBody {
    /// `gs://bucket/object`: a configured bucket of the project; an object that ends in `.gz` is compressed.
    #[schema(pattern = "^gs://[^/]+/.+$")]
    uri: String,
}

/// `google.cloud.alloydb.v1.ExportClusterRequest.CsvExportOptions`; characters in hexadecimal ASCII code.
#[derive(ToSchema)]
#[schema(as = alloydb::CsvExportOptions)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CsvExportOptionsBody {
    /// Exactly one SELECT that changes nothing, and is not so complex that to check it takes long.
    #[schema(min_length = 1, max_length = 250_000)]
    select_query: String,
    /// `2C`, a comma, where it is absent.
    #[schema(pattern = "^([0-7][0-9A-Fa-f])?$")]
    field_delimiter: Option<String>,
    /// `22`, a double quote, where it is absent.
    #[schema(pattern = "^([0-7][0-9A-Fa-f])?$")]
    quote_character: Option<String>,
    /// The quote where it is absent.
    #[schema(pattern = "^([0-7][0-9A-Fa-f])?$")]
    escape_character: Option<String>,
}

/// `google.cloud.alloydb.v1.ExportClusterRequest.SqlExportOptions`
#[derive(ToSchema)]
#[schema(as = alloydb::SqlExportOptions)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SqlExportOptionsBody {
    /// Only these, `table` or `schema.table`; all where it is empty.
    tables: Option<Vec<String>>,
    /// No rows.
    schema_only: Option<bool>,
    /// `DROP` before each `CREATE`.
    clean_target_objects: Option<bool>,
    /// `DROP … IF EXISTS`; with `cleanTargetObjects` alone.
    if_exist_target_objects: Option<bool>,
}

/// `google.longrunning.CancelOperationRequest`
#[derive(ToSchema)]
#[schema(as = alloydb::CancelOperationRequest)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// That of the path.
    name: Option<String>,
}
