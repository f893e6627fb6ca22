//! The spec of `postgres.export`, as the native api takes it.

mod request;
mod shown;

use crate::kinds::catalog::ClusterName;
use crate::kinds::export::{self, CsvCharacters, CsvFields};
use crate::kinds::{Checks, NativeKind, RequestedWork, SchemaOf};
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::Fields;
use crate::wire::request::{Message, only};
use kinds::Parameters;
use kinds::postgres_export::{ExportFormat, INFO, PostgresExport, PostgresServer, SqlDump};
use request::{FormatRequest, PostgresExportRequest, PostgresServerRequest};
use runtime::config::Secret;
use runtime::destination::Destination;

const POSTGRES_PORT: u16 = 5432;

/// The kind, as the native API takes it. Its checks parse SQL.
pub const NATIVE: NativeKind = NativeKind {
    info: &INFO,
    request: Some(SchemaOf::new::<PostgresExportRequest>()),
    shown: SchemaOf::new::<shown::ShownPostgresExport>(),
    is_costly: true,
    not_retried: None,
    read,
};

fn read(spec: Fields, checks: Checks<'_>, violations: &mut Violations) -> Result<Option<RequestedWork>, ApiError> {
    let export = postgres_export(PostgresExportRequest::read(spec, violations), checks, violations)?;
    let Some((export, secret)) = export else { return Ok(None) };
    let target = match &export.server {
        Some(server) => format!("{}:{}", server.host, server.port),
        None => export.cluster.clone(),
    };
    Ok(Some(RequestedWork { spec: export.to_spec(), target, secret }))
}

/// The same checks as `AlloyDB`'s export, in our own words: characters are written as themselves.
fn postgres_export(
    request: PostgresExportRequest,
    checks: Checks<'_>,
    violations: &mut Violations,
) -> Result<Option<(PostgresExport, Option<Secret>)>, ApiError> {
    let Checks { catalog, project, .. } = checks;
    let (cluster_field, server_field) = (request.at("cluster"), request.at("server"));
    if let Some(bucket) = &request.bucket {
        export::check_bucket(bucket, &request.at("bucket"), catalog, project, violations);
    }
    if let Some(object) = &request.object {
        export::check_object(object, &request.at("object"), violations);
    }
    let database = export::check_database(request.database, "spec.database", violations);
    let formats = request.format.into_iter().flatten();
    let format = only(formats.map(|format| Some(export_format(format, violations))));
    let (bucket, object) = (request.bucket.unwrap_or_default(), request.object.unwrap_or_default());
    match (request.cluster, request.server) {
        (Some(cluster), None) => {
            check_cluster(&cluster, cluster_field, checks, violations)?;
            Ok(format.map(|format| (PostgresExport { cluster, server: None, database, bucket, object, format }, None)))
        }
        (None, Some(server)) => {
            let server = server_of(server, checks, violations);
            Ok(format.zip(server).map(|(format, (server, password))| {
                let cluster = String::new();
                (PostgresExport { cluster, server: Some(server), database, bucket, object, format }, Some(password))
            }))
        }
        (None, None) => {
            violations.add(cluster_field, "is required, or spec.server in its place");
            Ok(None)
        }
        (Some(_), Some(server)) => {
            let _ = server_of(server, checks, violations);
            violations.add(server_field, "stands in the place of spec.cluster: one of them must go");
            Ok(None)
        }
    }
}

/// `NOT_FOUND` where the cluster is all that is wrong. Another project's is told apart from none nowhere.
fn check_cluster(
    cluster: &str,
    field: String,
    checks: Checks<'_>,
    violations: &mut Violations,
) -> Result<(), ApiError> {
    let Checks { catalog, project, .. } = checks;
    let known = ClusterName::parse(cluster)
        .filter(|name| name.project == *project)
        .is_some_and(|name| catalog.cluster(project, &name.location, &name.cluster).is_some());
    if known {
        return Ok(());
    }
    if violations.is_empty() {
        return Err(ApiError::not_found("CLUSTER_NOT_FOUND", "alloydb.googleapis.com/Cluster", cluster));
    }
    violations.add(field, "names no cluster that is configured for this project");
    Ok(())
}

/// A server that the caller names, with the role's password; nothing where something is wrong with it.
fn server_of(
    server: PostgresServerRequest,
    checks: Checks<'_>,
    violations: &mut Violations,
) -> Option<(PostgresServer, Secret)> {
    let (host_field, user_field) = (server.at("host"), server.at("user"));
    export::check_role(server.user.as_deref().unwrap_or_default(), &user_field, violations);
    let destination = Destination::new(&server.host?, i64::from(server.port.unwrap_or(POSTGRES_PORT)));
    match destination.and_then(|to| checks.destinations.check(checks.project, &to).map(|()| to)) {
        Ok(to) => {
            let (host, port) = (to.host().to_string(), to.port().get());
            Some((PostgresServer { host, port, user: server.user? }, server.password?))
        }
        Err(error) => {
            violations.add(host_field, export::not_reached(&error));
            None
        }
    }
}

fn export_format(format: FormatRequest, violations: &mut Violations) -> ExportFormat {
    match format {
        FormatRequest::Csv(csv) => {
            let fields = CsvFields {
                select_query: csv.at("selectQuery"),
                delimiter: csv.at("delimiter"),
                quote: csv.at("quote"),
                escape: csv.at("escape"),
            };
            let characters = CsvCharacters { delimiter: csv.delimiter, quote: csv.quote, escape: csv.escape };
            ExportFormat::Csv(export::csv(csv.select_query.as_deref(), characters, &fields, violations))
        }
        FormatRequest::Sql(sql) => {
            let (tables, if_exist) = (sql.at("tables"), sql.at("ifExistTargetObjects"));
            let dump = SqlDump {
                tables: sql.tables,
                schema_only: sql.schema_only,
                clean_target_objects: sql.clean_target_objects,
                if_exist_target_objects: sql.if_exist_target_objects,
            };
            export::check_dump(&dump, &tables, &if_exist, violations);
            ExportFormat::Sql(dump)
        }
    }
}
