//! `AlloyDB`'s JSON, field for field.

use crate::kinds::select_query;
use crate::wire::error::Violations;
use crate::wire::fields::Fields;
use serde::Serialize;
use utoipa::ToSchema;

/// The prefix of every `@type`.
macro_rules! type_url {
    ($name:literal) => {
        concat!("type.googleapis.com/google.cloud.alloydb.v1.", $name)
    };
}

/// `@type` of an operation's metadata.
pub const OPERATION_METADATA: &str = type_url!("OperationMetadata");
/// `@type` of an export's response.
pub const EXPORT_CLUSTER_RESPONSE: &str = type_url!("ExportClusterResponse");

/// `google.longrunning.Operation`: neither an error nor a response while it runs, exactly one once it is done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = alloydb::Operation)]
pub struct Operation {
    pub name: String,
    pub metadata: OperationMetadata,
    pub done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub response: Option<ExportClusterResponse>,
}

/// `google.rpc.Status` inside an operation: the code is the canonical number, and there is no `status`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = alloydb::Status)]
pub struct Status {
    pub code: i32,
    pub message: String,
}

/// `google.cloud.alloydb.v1.OperationMetadata`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = alloydb::OperationMetadata)]
pub struct OperationMetadata {
    #[serde(rename = "@type")]
    pub type_url: &'static str,
    #[schema(format = DateTime)]
    pub create_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub end_time: Option<String>,
    pub target: String,
    pub verb: &'static str,
    pub status_message: String,
    pub requested_cancellation: bool,
    pub api_version: &'static str,
}

/// `google.cloud.alloydb.v1.ExportClusterResponse`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = alloydb::ExportClusterResponse)]
pub struct ExportClusterResponse {
    #[serde(rename = "@type")]
    pub type_url: &'static str,
    pub gcs_destination: GcsDestination,
}

/// `google.cloud.alloydb.v1.GcsDestination`
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = alloydb::GcsDestination)]
pub struct GcsDestination {
    pub uri: String,
}

/// `google.longrunning.ListOperationsResponse`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = alloydb::ListOperationsResponse)]
pub struct ListOperationsResponse {
    pub operations: Vec<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// `google.cloud.alloydb.v1.Cluster`, as far as we can tell.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = alloydb::Cluster)]
pub struct Cluster {
    pub name: String,
    pub display_name: String,
    pub state: &'static str,
}

/// `google.cloud.alloydb.v1.ListClustersResponse`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = alloydb::ListClustersResponse)]
pub struct ListClustersResponse {
    pub clusters: Vec<Cluster>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// `google.cloud.location.Location`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are Google's")]
#[schema(as = alloydb::Location)]
pub struct Location {
    pub name: String,
    pub location_id: String,
    pub display_name: String,
}

/// `google.cloud.location.ListLocationsResponse`
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = alloydb::ListLocationsResponse)]
pub struct ListLocationsResponse {
    pub locations: Vec<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// `google.protobuf.Empty`
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = alloydb::Empty)]
pub struct Empty {}

/// `google.cloud.alloydb.v1.ExportClusterRequest`, without judging what it says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ExportClusterRequest {
    pub name: Option<String>,
    pub database: Option<String>,
    pub gcs_destination_uri: Option<String>,
    pub csv_export_options: Option<CsvExportOptions>,
    pub sql_export_options: Option<SqlExportOptions>,
}

/// `google.cloud.alloydb.v1.ExportClusterRequest.CsvExportOptions`
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CsvExportOptions {
    pub select_query: Option<String>,
    pub field_delimiter: Option<String>,
    pub quote_character: Option<String>,
    pub escape_character: Option<String>,
}

/// `google.cloud.alloydb.v1.ExportClusterRequest.SqlExportOptions`
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SqlExportOptions {
    pub tables: Vec<String>,
    pub schema_only: bool,
    pub clean_target_objects: bool,
    pub if_exist_target_objects: bool,
}

impl ExportClusterRequest {
    /// Reads a request; notes what is of the wrong type, and fields that the message does not have.
    pub fn read(mut fields: Fields, violations: &mut Violations) -> Self {
        let name = fields.text("name", violations);
        let database = fields.text("database", violations);
        let gcs_destination_uri = fields.object("gcsDestination", violations).and_then(|mut destination| {
            let uri = destination.text("uri", violations);
            destination.finish(violations);
            uri
        });
        let csv_export_options = fields.object("csvExportOptions", violations).map(|mut csv| {
            let options = CsvExportOptions {
                select_query: csv.long_text("selectQuery", select_query::LONGEST, violations),
                field_delimiter: csv.text("fieldDelimiter", violations),
                quote_character: csv.text("quoteCharacter", violations),
                escape_character: csv.text("escapeCharacter", violations),
            };
            csv.finish(violations);
            options
        });
        let sql_export_options = fields.object("sqlExportOptions", violations).map(|mut sql| {
            let options = SqlExportOptions {
                tables: sql.texts("tables", violations).unwrap_or_default(),
                schema_only: sql.flag("schemaOnly", violations).unwrap_or_default(),
                clean_target_objects: sql.flag("cleanTargetObjects", violations).unwrap_or_default(),
                if_exist_target_objects: sql.flag("ifExistTargetObjects", violations).unwrap_or_default(),
            };
            sql.finish(violations);
            options
        });
        fields.finish(violations);
        Self { name, database, gcs_destination_uri, csv_export_options, sql_export_options }
    }
}
