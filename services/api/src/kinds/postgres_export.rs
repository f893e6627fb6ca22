//! The spec of `postgres.export`, as the native api takes it.

use crate::kinds::catalog::{Catalog, ClusterName};
use crate::kinds::export::{self, CsvCharacters, CsvFields};
use crate::kinds::{Checks, NativeKind, RequestedWork, select_query};
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::Fields;
use kinds::Parameters;
use kinds::postgres_export::{ExportFormat, INFO, PostgresExport, PostgresServer, SqlDump};
use operation::ProjectId;
use runtime::config::Secret;
use runtime::destination::{AllowedDestinations, Destination};

const POSTGRES_PORT: i64 = 5432;

/// The kind, as the native API takes it. Its checks parse SQL.
pub const NATIVE: NativeKind = NativeKind { info: &INFO, is_creatable: true, is_costly: true, not_retried: None, read };

fn read(spec: Fields, checks: Checks<'_>, violations: &mut Violations) -> Result<Option<RequestedWork>, ApiError> {
    let export = postgres_export(spec, checks.catalog, checks.destinations, checks.project, violations)?;
    let Some((export, secret)) = export else { return Ok(None) };
    let target = match &export.server {
        Some(server) => format!("{}:{}", server.host, server.port),
        None => export.cluster.clone(),
    };
    Ok(Some(RequestedWork { spec: export.to_spec(), target, secret }))
}

/// The same checks as `AlloyDB`'s export, in our own words: characters are written as themselves.
fn postgres_export(
    mut spec: Fields,
    catalog: &Catalog,
    destinations: &AllowedDestinations,
    project: &ProjectId,
    violations: &mut Violations,
) -> Result<Option<(PostgresExport, Option<Secret>)>, ApiError> {
    let cluster = spec.text("cluster", violations);
    let server = spec.object("server", violations).map(|server| server_of(server, destinations, project, violations));
    let database = spec.text("database", violations);
    let database = export::check_database(database, "spec.database", violations);
    let bucket = required(&mut spec, "bucket", violations);
    let object = required(&mut spec, "object", violations);
    if !bucket.is_empty() {
        export::check_bucket(&bucket, "spec.bucket", catalog, project, violations);
    }
    if !object.is_empty() {
        export::check_object(&object, "spec.object", violations);
    }
    let format = spec.object("format", violations).and_then(|format| export_format(format, violations));
    if format.is_none() {
        violations.add("spec.format", "must hold exactly one of csv and sql");
    }
    spec.finish(violations);
    let cluster = match (cluster, server) {
        (Some(cluster), None) => cluster,
        (None, Some(server)) => {
            let export = format.zip(server).map(|(format, (server, password))| {
                let cluster = String::new();
                (PostgresExport { cluster, server: Some(server), database, bucket, object, format }, Some(password))
            });
            return Ok(export);
        }
        (None, None) => {
            violations.add("spec.cluster", "is required, or spec.server in its place");
            return Ok(None);
        }
        (Some(_), Some(_)) => {
            violations.add("spec.server", "stands in the place of spec.cluster: one of them must go");
            return Ok(None);
        }
    };
    // Another project's cluster is told apart from none nowhere.
    let known = ClusterName::parse(&cluster)
        .filter(|name| name.project == *project)
        .is_some_and(|name| catalog.cluster(project, &name.location, &name.cluster).is_some());
    if !known {
        return Err(ApiError::not_found("CLUSTER_NOT_FOUND", "alloydb.googleapis.com/Cluster", &cluster));
    }
    Ok(format.map(|format| (PostgresExport { cluster, server: None, database, bucket, object, format }, None)))
}

/// A server that the caller names, with the role's password; nothing where something is wrong with it.
fn server_of(
    mut server: Fields,
    destinations: &AllowedDestinations,
    project: &ProjectId,
    violations: &mut Violations,
) -> Option<(PostgresServer, Secret)> {
    let host = required(&mut server, "host", violations);
    let port = server.integer("port", violations).unwrap_or(POSTGRES_PORT);
    let user = required(&mut server, "user", violations);
    let password = Secret::new(required(&mut server, "password", violations));
    let (host_field, user_field) = (server.path("host"), server.path("user"));
    server.finish(violations);
    export::check_role(&user, &user_field, violations);
    if host.is_empty() {
        return None;
    }
    let destination = Destination::new(&host, port);
    match destination.and_then(|to| destinations.check(project, &to).map(|()| to)) {
        Ok(to) => Some((PostgresServer { host: to.host().to_string(), port: to.port().get(), user }, password)),
        Err(error) => {
            violations.add(host_field, export::not_reached(&error));
            None
        }
    }
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
    let query = csv.long_text("selectQuery", select_query::LONGEST, violations);
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
