//! From our operations to the native JSON, and from native requests to our specs.

use super::demo_steps::demo_steps;
use super::wire;
use crate::app::Api;
use crate::catalog::ClusterName;
use crate::error::{ApiError, Violations};
use crate::export::{self, CsvCharacters, CsvFields};
use crate::fields::Fields;
use crate::filter::{Field, Language};
use crate::operations::{CancelReceipt, Operation};
use crate::time_text::{rfc3339, seconds};
use operation::{Code, ExportFormat, Kind, OperationId, PostgresExport, Progress, ProjectId, Spec, SqlDump, State};

/// What the filters of the list may name.
pub const FILTER: Language = Language {
    fields: &[
        ("done", Field::Done),
        ("kind", Field::Kind),
        ("target", Field::Target),
        ("state", Field::State),
        ("createTime", Field::CreateTime),
        ("create_time", Field::CreateTime),
        ("labels.", Field::Label),
    ],
    help: "done = true|false, kind = \"…\", state = \"…\", target = \"…\", labels.KEY = \"…\", and createTime with <, \
           <=, >, >= and =, joined with AND; OR and NOT within done, kind or state",
};

/// The target of operations that work on nothing.
const NO_TARGET: &str = "demo";

/// The id in a path: only in the very form that we show.
pub fn operation_id(text: &str) -> Option<OperationId> {
    text.parse().ok().filter(|id: &OperationId| id.to_string() == text)
}

/// An operation as the native api shows it.
pub fn operation(operation: Operation) -> wire::Operation {
    let id = operation.id.to_string();
    // Of what runs: the last speed of what has stopped says nothing.
    let rate = operation.items_per_second.filter(|_| operation.state == State::Running);
    let progress = Progress {
        items_done: operation.items_done,
        items_total: operation.items_total,
        bytes_done: operation.bytes_done,
    };
    let remaining = progress.remaining(rate);
    wire::Operation {
        name: format!("projects/{}/operations/{id}", operation.project),
        id,
        project: operation.project.into(),
        kind: operation.kind.as_str(),
        state: operation.state.as_str(),
        done: operation.state.is_done(),
        target: operation.target,
        priority: operation.priority,
        labels: operation.labels,
        deadline: operation.deadline.map(rfc3339),
        retry: wire::Retry {
            max_attempts: operation.retry.failure_limit,
            initial_backoff: seconds(operation.retry.initial_delay),
            max_backoff: seconds(operation.retry.longest_delay),
        },
        retry_of: operation.retry_of.map(|id| id.to_string()),
        revision: operation.revision.to_string(),
        create_time: rfc3339(operation.create_time),
        start_time: operation.start_time.map(rfc3339),
        update_time: rfc3339(operation.update_time),
        finish_time: operation.finish_time.map(rfc3339),
        attempt: operation.attempt.0,
        failures: operation.failures,
        progress: wire::Progress {
            items_done: operation.items_done.to_string(),
            items_total: operation.items_total.map(|total| total.to_string()),
            unit: unit(&operation.spec),
            bytes_done: operation.bytes_done.to_string(),
            items_per_second: rate,
            remaining: remaining.map(seconds),
        },
        pause_requested_at: operation.pause_requested_at.map(rfc3339),
        cancel: operation.cancel.map(cancel),
        spec: operation.spec,
        response: operation.response,
        error: operation.error_code.map(|code| wire::Error {
            code,
            message: operation.error_message.unwrap_or_default(),
            status: code_name(code),
        }),
    }
}

fn cancel(receipt: CancelReceipt) -> wire::Cancel {
    wire::Cancel {
        requested_at: rfc3339(receipt.requested_at),
        requested_by: receipt.requested_by,
        reason: receipt.reason,
        mode: receipt.mode,
        delivered_at: receipt.delivered_at.map(rfc3339),
        delivered_by: receipt.delivered_by,
        observed_at: receipt.observed_at.map(rfc3339),
        safe_point: receipt.safe_point,
        stopped_at: receipt.stopped_at.map(rfc3339),
        cleanup: receipt.cleanup,
    }
}

/// What the items are that progress counts.
fn unit(spec: &Spec) -> &'static str {
    match spec {
        // Of a dump too: the worker counts its rows as they pass.
        Spec::PostgresExport(_) => "rows",
        Spec::DemoSteps(_) => "steps",
        Spec::CancelOperations(_) => "operations",
    }
}

fn code_name(number: i32) -> &'static str {
    const CODES: [Code; 16] = [
        Code::Cancelled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ];
    CODES.into_iter().find(|code| code.number() == number).unwrap_or(Code::Unknown).name()
}

/// What a create request asks for, judged: the spec and its target.
///
/// # Errors
/// `INVALID_ARGUMENT` with all that is wrong with it; UNIMPLEMENTED for a kind that is switched off.
pub fn creation(
    request: wire::CreateRequest,
    api: &Api,
    project: &ProjectId,
    mut violations: Violations,
) -> Result<(Spec, String), ApiError> {
    let Some(kind) = request.kind else {
        violations.add("kind", "is required");
        return Err(violations.into_result().err().unwrap_or_else(ApiError::internal));
    };
    match kind.parse() {
        Ok(Kind::PostgresExport) => {
            let export = postgres_export(request.spec, api, project, &mut violations)?;
            violations.into_result()?;
            let export = export.ok_or_else(ApiError::internal)?;
            let target = export.cluster.clone();
            Ok((Spec::PostgresExport(export), target))
        }
        Ok(Kind::DemoSteps) if !api.demo_steps => Err(ApiError::new(
            Code::Unimplemented,
            "KIND_SWITCHED_OFF",
            "operations of the kind demo.steps are switched off",
        )
        .with("kind", "demo.steps")),
        Ok(Kind::DemoSteps) => {
            let steps = demo_steps(request.spec, &api.catalog, project, &mut violations);
            violations.into_result()?;
            Ok((Spec::DemoSteps(steps), NO_TARGET.to_owned()))
        }
        Ok(Kind::CancelOperations) => {
            violations.add("kind", "operations.cancel is created by POST …/operations:cancel");
            Err(violations.into_result().err().unwrap_or_else(ApiError::internal))
        }
        Err(error) => {
            violations.add("kind", error.to_string());
            Err(violations.into_result().err().unwrap_or_else(ApiError::internal))
        }
    }
}

/// The same checks as `AlloyDB`'s export, in our own words: characters are written as themselves.
fn postgres_export(
    mut spec: Fields,
    api: &Api,
    project: &ProjectId,
    violations: &mut Violations,
) -> Result<Option<PostgresExport>, ApiError> {
    let cluster = spec.text("cluster", violations);
    let database = spec.text("database", violations);
    let database = export::check_database(database, "spec.database", violations);
    let bucket = required(&mut spec, "bucket", violations);
    let object = required(&mut spec, "object", violations);
    if !bucket.is_empty() {
        export::check_bucket(&bucket, "spec.bucket", &api.catalog, project, violations);
    }
    if !object.is_empty() {
        export::check_object(&object, "spec.object", violations);
    }
    let format = spec.object("format", violations).and_then(|format| export_format(format, violations));
    if format.is_none() {
        violations.add("spec.format", "must hold exactly one of csv and sql");
    }
    spec.finish(violations);
    let Some(cluster) = cluster else {
        violations.add("spec.cluster", "is required");
        return Ok(None);
    };
    // Another project's cluster is told apart from none nowhere.
    let known = ClusterName::parse(&cluster)
        .filter(|name| name.project == *project)
        .is_some_and(|name| api.catalog.cluster(project, &name.location, &name.cluster).is_some());
    if !known {
        return Err(ApiError::not_found("CLUSTER_NOT_FOUND", "alloydb.googleapis.com/Cluster", &cluster));
    }
    Ok(format.map(|format| PostgresExport { cluster, database, bucket, object, format }))
}

fn required(spec: &mut Fields, name: &str, violations: &mut Violations) -> String {
    spec.text(name, violations).unwrap_or_else(|| {
        violations.add(spec.path(name), "is required");
        String::new()
    })
}

fn export_format(mut format: Fields, violations: &mut Violations) -> Option<ExportFormat> {
    let csv = format.object("csv", violations).map(|csv| csv_format(csv, violations));
    let sql = format.object("sql", violations).map(|sql| sql_format(sql, violations));
    format.finish(violations);
    match (csv, sql) {
        (Some(format), None) | (None, Some(format)) => Some(format),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn csv_format(mut csv: Fields, violations: &mut Violations) -> ExportFormat {
    let query = csv.text("selectQuery", violations);
    let fields = CsvFields {
        select_query: csv.path("selectQuery"),
        delimiter: csv.path("delimiter"),
        quote: csv.path("quote"),
        escape: csv.path("escape"),
    };
    let characters = CsvCharacters {
        delimiter: character(&mut csv, "delimiter", violations),
        quote: character(&mut csv, "quote", violations),
        escape: character(&mut csv, "escape", violations),
    };
    csv.finish(violations);
    ExportFormat::Csv(export::csv(query.as_deref(), characters, &fields, violations))
}

fn character(csv: &mut Fields, name: &str, violations: &mut Violations) -> Option<char> {
    let text = csv.text(name, violations)?;
    let mut characters = text.chars();
    let character = characters.next().filter(|_| characters.next().is_none());
    if character.is_none() {
        violations.add(csv.path(name), "must be one character");
    }
    character
}

fn sql_format(mut sql: Fields, violations: &mut Violations) -> ExportFormat {
    let dump = SqlDump {
        tables: sql.texts("tables", violations).unwrap_or_default(),
        schema_only: sql.flag("schemaOnly", violations).unwrap_or_default(),
        clean_target_objects: sql.flag("cleanTargetObjects", violations).unwrap_or_default(),
        if_exist_target_objects: sql.flag("ifExistTargetObjects", violations).unwrap_or_default(),
    };
    export::check_dump(&dump, &sql.path("tables"), &sql.path("ifExistTargetObjects"), violations);
    sql.finish(violations);
    ExportFormat::Sql(dump)
}
