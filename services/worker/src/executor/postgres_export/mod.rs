//! `postgres.export`: rows or a dump of one database into one object.
//!
//! The source ([`csv`] or [`dump`]) fills the blocks of an [`Output`]; the output writes parts behind it. A stop is
//! seen while waiting for rows, at each part, and while a part or the disk is waited for. Then the source is ended
//! first (the query is seen gone, the child is reaped), and the output after it.

mod copy_out;
mod csv;
mod dump;
mod dump_rows;
mod failure;
mod pg_dump;
mod query;
pub mod server;
mod session;
mod source;
mod tables;
mod wire;

use super::sink::{Output, PULSE};
use crate::safepoint::{Ended, Safepoint};
use operation::{ExportFormat, PostgresExport};
use runtime::config::{Bucket, Cluster};
use serde_json::{Value, json};
use std::time::Duration;
use tls::TrustError;

/// The longest this executor goes from one safe point to the next: the pulse of its waits, and as much again for what
/// it does between two waits (a block is filled in some 30 ms).
///
/// A stop does not wait for it, since every wait ends with the stop. Only the opening of a local file is not raced.
pub const SAFE_POINT_BOUND: Duration = PULSE.saturating_mul(2);

/// A cancelled query is waited for, or `pg_dump` (`session.rs` and `dump.rs`: 10 s and 5 s), then an upload is aborted
/// (`sink/cloud.rs`: 10 s).
pub const STOP_BOUND: Duration = Duration::from_secs(30);

/// Whether the cluster's file of authorities, if it has one, can be used: a mistake shows at the start.
///
/// # Errors
/// [`TrustError`].
pub fn check(cluster: &Cluster) -> Result<(), TrustError> {
    session::link(cluster).map(drop)
}

/// Exports.
///
/// # Errors
/// [`Ended`]: no object, and no part of one, was left behind, or the receipt names it.
pub async fn run(spec: &PostgresExport, cluster: &Cluster, bucket: &Bucket, cx: &Safepoint) -> Result<Value, Ended> {
    let mut output = Output::open(bucket, &spec.object, cx).await?;
    match export(spec, cluster, &mut output).await {
        Ok(bytes) => Ok(json!({
            "uri": format!("gs://{}/{}", spec.bucket, spec.object),
            "rows": output.progress.items_done.to_string(),
            "bytes": bytes.to_string(),
        })),
        Err(ended) => {
            output.abort().await;
            Err(ended)
        }
    }
}

async fn export(spec: &PostgresExport, cluster: &Cluster, output: &mut Output<'_>) -> Result<u64, Ended> {
    match &spec.format {
        ExportFormat::Csv(format) => csv::export(format, cluster, &spec.database, output).await?,
        ExportFormat::Sql(dump) => dump::export(dump, cluster, &spec.database, output).await?,
    }
    output.finish().await?;
    output.publish().await
}
