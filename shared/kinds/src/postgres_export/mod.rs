//! `postgres.export`: rows or a dump of a Postgres database into a bucket.

use crate::Parameters;
use operation::{Kind, KindInfo};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// The kind.
pub const KIND: Kind = Kind::from_static("postgres.export");

/// What holds for every operation of this kind.
pub static INFO: KindInfo = KindInfo {
    kind: KIND,
    // Of a dump too: the worker counts its rows as they pass.
    unit: Cow::Borrowed("rows"),
    // The pulse of its waits, and as much again for what it does between two (a block is filled in some 30 ms). A stop does
    // not wait for it, since every wait ends with the stop. Only the opening of a local file is not raced.
    safe_point_bound: Duration::from_secs(1),
    // A cancelled query is waited for, or `pg_dump` (10 s and 5 s), then an upload is aborted (10 s).
    stop_bound: Duration::from_secs(30),
    counts_against_quotas: true,
    opt_in: false,
};

impl Parameters for PostgresExport {
    fn info() -> &'static KindInfo {
        &INFO
    }
}

/// Rows or a dump of one database into one object of a configured bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgresExport {
    /// The configured cluster's resource name: `projects/*/locations/*/clusters/*`. Empty where `server` is given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// A server that the caller names, in the place of a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<PostgresServer>,
    /// The database's name, as `SELECT current_database()` tells it.
    pub database: String,
    /// The bucket's configured name.
    pub bucket: String,
    /// The object's name in the bucket; one that ends in `.gz` is compressed.
    pub object: String,
    /// What to write.
    pub format: ExportFormat,
}

/// A Postgres that the caller names. The role's password came with the request, and is kept apart from this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgresServer {
    /// Its name or address. Whether it may be connected to is decided at each attempt.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The role that the export runs as.
    pub user: String,
}

/// What an export writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExportFormat {
    /// The rows of one query.
    Csv(CsvFormat),
    /// A plain SQL dump that `psql` restores.
    Sql(SqlDump),
}

/// Comma-separated values, as `COPY … (FORMAT csv)` writes them: UTF-8, no header line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CsvFormat {
    /// Exactly one SELECT; run read-only.
    pub select_query: String,
    /// Between two fields: one ASCII character.
    pub delimiter: char,
    /// Around a field that needs it: one ASCII character.
    pub quote: char,
    /// Before a quote inside a quoted field: one ASCII character.
    pub escape: char,
}

/// What `pg_dump` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SqlDump {
    /// Only these tables, by exact name, `table` or `schema.table`; all where empty.
    #[serde(default)]
    pub tables: Vec<String>,
    /// No rows.
    #[serde(default)]
    pub schema_only: bool,
    /// `DROP` before each `CREATE`.
    #[serde(default)]
    pub clean_target_objects: bool,
    /// `DROP … IF EXISTS`; goes with `clean_target_objects` alone.
    #[serde(default)]
    pub if_exist_target_objects: bool,
}

/// What an operation answers. Large numbers are texts in our JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresExportResponse {
    /// The object: `gs://bucket/object`, whatever the bucket's store is.
    pub uri: String,
    /// How many rows are in it.
    pub rows: String,
    /// How large it is.
    pub bytes: String,
}
