//! The typed parameters of each kind of operation, as they are stored.
//!
//! Adding a kind: one variant here, one in [`Kind`], a dialect folder in `api`, an executor folder in `worker`.

use crate::transfer::StorageTransfer;
use crate::{CancelMode, Kind, ListFilter};
use serde::{Deserialize, Serialize};

/// What an operation is to do. Stored as JSON: fields are added with a default, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Spec {
    /// See [`PostgresExport`].
    #[serde(rename = "postgres.export")]
    PostgresExport(PostgresExport),
    /// See [`StorageTransfer`].
    #[serde(rename = "storage.transfer")]
    StorageTransfer(StorageTransfer),
    /// See [`DemoSteps`].
    #[serde(rename = "demo.steps")]
    DemoSteps(DemoSteps),
    /// See [`CancelOperations`].
    #[serde(rename = "operations.cancel")]
    CancelOperations(CancelOperations),
}

impl Spec {
    /// The kind this spec belongs to.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::PostgresExport(_) => Kind::PostgresExport,
            Self::StorageTransfer(_) => Kind::StorageTransfer,
            Self::DemoSteps(_) => Kind::DemoSteps,
            Self::CancelOperations(_) => Kind::CancelOperations,
        }
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

/// N steps of M milliseconds, which leave a small object each where a bucket is named: for tests, benchmarks and authors
/// of executors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DemoSteps {
    /// How many steps.
    pub steps: u32,
    /// How long each takes, in milliseconds.
    pub step_millis: u32,
    /// The configured bucket that each step writes an object to; given together with `object`, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// What stands before the names of the steps' objects: `<object>/step-000001` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Fail at this step (1-based), on each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_at: Option<u32>,
    /// Whether that failure asks for another attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_retryable: bool,
    /// Panic at this step (1-based), on each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panic_at: Option<u32>,
    /// Wait for ever at this step (1-based), without a safe point: what no executor should do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hang_at: Option<u32>,
    /// Keep a processor busy at this step (1-based), without a safe point and without yielding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spin_at: Option<u32>,
    /// For how many milliseconds; 5,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spin_millis: Option<u32>,
    /// Block a thread apart from the executor at this step (1-based): no abort of the executor ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_at: Option<u32>,
    /// For how many milliseconds; 5,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_millis: Option<u32>,
}

impl DemoSteps {
    /// Steps that leave nothing and go well.
    pub const fn new(steps: u32, step_millis: u32) -> Self {
        Self {
            steps,
            step_millis,
            bucket: None,
            object: None,
            fail_at: None,
            fail_retryable: false,
            panic_at: None,
            hang_at: None,
            spin_at: None,
            spin_millis: None,
            block_at: None,
            block_millis: None,
        }
    }
}

/// A cancel of many operations of a project: an operation itself, with progress, that can be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelOperations {
    /// Which operations. What was created after this operation is never meant.
    pub filter: ListFilter,
    /// Who asks, for the receipts.
    pub requested_by: String,
    /// Why, in the requester's words, for the receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which safe points they stop at.
    #[serde(default)]
    pub mode: CancelMode,
}
