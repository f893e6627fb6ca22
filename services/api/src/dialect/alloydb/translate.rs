//! From our operations to `AlloyDB`'s, and from `AlloyDB`'s requests to ours.

use super::wire;
use crate::kinds::catalog::{Catalog, ClusterName};
use crate::kinds::export::{self, CsvCharacters, CsvFields};
use crate::listing::filter::{Field, Language};
use crate::operations::Operation;
use crate::wire::error::{ApiError, Violations};
use crate::wire::time_text::{bytes, rfc3339, thousands};
use kinds::Parameters;
use kinds::postgres_export::{ExportFormat, PostgresExport, SqlDump};
use operation::{Code, OperationId, State};

/// Before the UUID in an operation's name, as in Google's own examples.
const ID_PREFIX: &str = "operation-";
/// Before the location in the names of our collections.
pub const COLLECTIONS: &str = "alloydb/";

/// What the filters of the list may name.
pub const FILTER: Language = Language {
    fields: &[
        ("done", Field::Done),
        ("metadata.verb", Field::Verb),
        ("verb", Field::Verb),
        ("metadata.target", Field::Target),
        ("target", Field::Target),
        ("metadata.createTime", Field::CreateTime),
        ("metadata.create_time", Field::CreateTime),
        ("createTime", Field::CreateTime),
        ("create_time", Field::CreateTime),
    ],
    verbs: &[("export", kinds::postgres_export::KIND)],
    help: "done = true|false, metadata.verb = \"export\", metadata.target = \"projects/…/clusters/…\", and \
           metadata.createTime with <, <=, >, >= and =, all joined with AND",
};

/// The collection of a location's operations.
pub fn collection(location: &str) -> String {
    format!("{COLLECTIONS}{location}")
}

/// The id in an operation's name: only in the very form that we mint.
pub fn operation_id(text: &str) -> Option<OperationId> {
    let uuid = text.strip_prefix(ID_PREFIX)?;
    uuid.parse().ok().filter(|id: &OperationId| id.to_string() == uuid)
}

/// An operation as `AlloyDB` shows it. Its location is in its collection.
pub fn operation(operation: Operation) -> wire::Operation {
    let location = operation.collection.strip_prefix(COLLECTIONS).unwrap_or("-");
    let name = format!("projects/{}/locations/{location}/operations/{ID_PREFIX}{}", operation.project, operation.id);
    let done = operation.state.is_done();
    let metadata = wire::OperationMetadata {
        type_url: wire::OPERATION_METADATA,
        create_time: rfc3339(operation.create_time),
        end_time: operation.finish_time.map(rfc3339),
        status_message: status_message(&operation),
        requested_cancellation: operation.cancel.is_some(),
        verb: "export",
        api_version: "v1",
        target: operation.target.clone(),
    };
    let (error, response) = result(operation);
    wire::Operation { name, metadata, done, error, response }
}

/// What it was cancelled by, or failed of; or what it has come to.
fn result(operation: Operation) -> (Option<wire::Status>, Option<wire::ExportClusterResponse>) {
    match operation.state {
        State::Pending | State::Running | State::Paused => (None, None),
        State::Succeeded => match PostgresExport::from_spec(&operation.spec) {
            Ok(export) => {
                let uri = format!("gs://{}/{}", export.bucket, export.object);
                let gcs_destination = wire::GcsDestination { uri };
                let type_url = wire::EXPORT_CLUSTER_RESPONSE;
                (None, Some(wire::ExportClusterResponse { type_url, gcs_destination }))
            }
            // Of a newer version: nothing else is ever in a collection of AlloyDB's.
            Err(_) => (None, None),
        },
        State::Failed | State::Cancelled => {
            let code = operation.error_code.unwrap_or(Code::Unknown.number());
            (Some(wire::Status { code, message: operation.error_message.unwrap_or_default() }), None)
        }
    }
}

/// The one field of `AlloyDB`'s that can tell how far an operation is.
fn status_message(operation: &Operation) -> String {
    let written = progress(operation);
    let told = |word: &str| if written.is_empty() { word.to_owned() } else { format!("{word}: {written}") };
    match (operation.state, &operation.cancel) {
        (State::Pending, _) if operation.failures > 0 => {
            format!("Waiting for a worker after {} failed attempts", operation.failures)
        }
        (State::Pending, _) => "Waiting for a worker".to_owned(),
        (State::Running, Some(_)) => "Cancelling".to_owned(),
        (State::Running, None) if operation.pause_requested_at.is_some() => told("Pausing"),
        (State::Running, None) => told("Running"),
        (State::Paused, _) => told("Paused"),
        (State::Succeeded, Some(_)) => format!("{} (completed before the cancel took effect)", told("Done")),
        (State::Succeeded, None) => told("Done"),
        (State::Failed, _) => "Failed".to_owned(),
        (State::Cancelled, Some(receipt)) if receipt.safe_point.is_some() => "Cancelled at a safe point".to_owned(),
        (State::Cancelled, _) if operation.start_time.is_none() => "Cancelled before it ran".to_owned(),
        (State::Cancelled, _) => "Cancelled".to_owned(),
    }
}

/// `1,200,000 of about 5,000,000 rows, 116 MB written`
fn progress(operation: &Operation) -> String {
    let mut parts = Vec::new();
    if operation.items_done > 0 {
        // The total is the planner's guess: once it is passed, or all is done, it tells nothing.
        let total = operation.items_total.filter(|total| !operation.state.is_done() && *total > operation.items_done);
        let total = total.map(|total| format!(" of about {}", thousands(total))).unwrap_or_default();
        parts.push(format!("{}{total} rows", thousands(operation.items_done)));
    }
    if operation.bytes_done > 0 {
        parts.push(format!("{} written", bytes(operation.bytes_done)));
    }
    parts.join(", ")
}

/// An export request of a cluster, judged.
///
/// # Errors
/// `INVALID_ARGUMENT` with all that is wrong with it.
pub fn export(
    request: wire::ExportClusterRequest,
    cluster: &ClusterName,
    catalog: &Catalog,
    mut violations: Violations,
) -> Result<PostgresExport, ApiError> {
    let wrong = &mut violations;
    if request.name.is_some_and(|name| name != cluster.to_string()) {
        wrong.add("name", "differs from the name in the path");
    }
    let database = export::check_database(request.database, "database", wrong);
    let uri = request.gcs_destination_uri;
    if uri.is_none() {
        wrong.add("gcsDestination.uri", "is required");
    }
    let destination =
        uri.and_then(|uri| export::destination(&uri, "gcsDestination.uri", catalog, &cluster.project, wrong));
    let format = match (request.csv_export_options, request.sql_export_options) {
        (Some(csv), None) => Some(csv_format(&csv, wrong)),
        (None, Some(sql)) => Some(sql_format(sql, wrong)),
        (Some(_), Some(_)) => {
            wrong.add("sqlExportOptions", "excludes csvExportOptions: exactly one of them is required");
            None
        }
        (None, None) => {
            wrong.add("csvExportOptions", "is required, or sqlExportOptions: exactly one of them");
            None
        }
    };
    violations.into_result()?;
    let (Some(destination), Some(format)) = (destination, format) else { return Err(ApiError::internal()) };
    Ok(PostgresExport {
        cluster: cluster.to_string(),
        server: None,
        database,
        bucket: destination.bucket,
        object: destination.object,
        format,
    })
}

fn csv_format(csv: &wire::CsvExportOptions, violations: &mut Violations) -> ExportFormat {
    let field = |name: &str| format!("csvExportOptions.{name}");
    let fields = CsvFields {
        select_query: field("selectQuery"),
        delimiter: field("fieldDelimiter"),
        quote: field("quoteCharacter"),
        escape: field("escapeCharacter"),
    };
    let characters = CsvCharacters {
        delimiter: export::hex_character(csv.field_delimiter.as_deref(), &fields.delimiter, violations),
        quote: export::hex_character(csv.quote_character.as_deref(), &fields.quote, violations),
        escape: export::hex_character(csv.escape_character.as_deref(), &fields.escape, violations),
    };
    ExportFormat::Csv(export::csv(csv.select_query.as_deref(), characters, &fields, violations))
}

fn sql_format(sql: wire::SqlExportOptions, violations: &mut Violations) -> ExportFormat {
    let dump = SqlDump {
        tables: sql.tables,
        schema_only: sql.schema_only,
        clean_target_objects: sql.clean_target_objects,
        if_exist_target_objects: sql.if_exist_target_objects,
    };
    export::check_dump(&dump, "sqlExportOptions.tables", "sqlExportOptions.ifExistTargetObjects", violations);
    ExportFormat::Sql(dump)
}

/// A cluster as `AlloyDB` shows it.
pub fn cluster(name: &str) -> wire::Cluster {
    let id = name.rsplit('/').next().unwrap_or(name);
    wire::Cluster { name: name.to_owned(), display_name: id.to_owned(), state: "READY" }
}

/// A location as Google shows it.
pub fn location(name: &str) -> wire::Location {
    let id = name.rsplit('/').next().unwrap_or(name);
    wire::Location { name: name.to_owned(), location_id: id.to_owned(), display_name: id.to_owned() }
}

#[cfg(test)]
mod tests;
