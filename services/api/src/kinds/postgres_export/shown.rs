//! The spec of `postgres.export` as answers show it.
#![expect(dead_code, reason = "it tells what the types of `kinds` are written as")]

use utoipa::ToSchema;

/// Rows or a dump of one database into one object of a bucket.
#[derive(ToSchema)]
pub struct ShownPostgresExport {
    /// This or `server`.
    #[schema(nullable = false)]
    cluster: Option<String>,
    #[schema(nullable = false)]
    server: Option<ShownPostgresServer>,
    database: String,
    bucket: String,
    object: String,
    format: ShownFormat,
}

/// A server that the caller named. Its password is not shown.
#[derive(ToSchema)]
pub struct ShownPostgresServer {
    host: String,
    port: u16,
    user: String,
}

/// What an export writes.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ShownFormat {
    #[schema(rename = "csv")]
    Csv(ShownCsv),
    #[schema(rename = "sql")]
    Sql(ShownSql),
}

/// The rows of one query.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownCsv {
    select_query: String,
    delimiter: String,
    quote: String,
    escape: String,
}

/// A plain dump.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownSql {
    tables: Vec<String>,
    schema_only: bool,
    clean_target_objects: bool,
    if_exist_target_objects: bool,
}
