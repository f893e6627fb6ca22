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

use super::services::Services;
use super::sink::Output;
use super::sink::gone;
use crate::executors::Executor;
use crate::safepoint::{Ended, Safepoint};
use kinds::postgres_export::{ExportFormat, INFO, PostgresExport, PostgresExportResponse};
use operation::KindInfo;
use runtime::config::{Bucket, Cluster};
use server::Finder;
use std::sync::Arc;
use tls::TrustError;

/// Runs the operations of `postgres.export`.
#[derive(Debug)]
pub struct PostgresExporter(Arc<Services>);

impl PostgresExporter {
    /// An executor on what is configured.
    pub const fn new(services: Arc<Services>) -> Self {
        Self(services)
    }

    fn finder(&self) -> Finder<'_> {
        let Services { config, secret_keys, store, .. } = &*self.0;
        Finder {
            allowed: &config.destinations,
            authorities: config.destinations_ca_file.as_deref(),
            secret_keys,
            store,
        }
    }
}

impl Executor for PostgresExporter {
    type Spec = PostgresExport;
    type Response = PostgresExportResponse;

    fn info(&self) -> KindInfo {
        INFO.clone()
    }

    async fn run(&self, spec: &PostgresExport, cx: &Safepoint) -> Result<PostgresExportResponse, Ended> {
        // Looked up at each attempt: what was taken out of the configuration since is not touched any more.
        let config = &self.0.config;
        let bucket = config.bucket(cx.project(), &spec.bucket).ok_or_else(|| gone("bucket", &spec.bucket))?;
        if let Some(server) = &spec.server {
            let cluster = self.finder().find(server, cx.project(), cx).await?;
            return run(spec, &cluster, bucket, cx).await;
        }
        let cluster = config.cluster(&spec.cluster).ok_or_else(|| gone("cluster", &spec.cluster))?;
        run(spec, cluster, bucket, cx).await
    }
}

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
pub async fn run(
    spec: &PostgresExport,
    cluster: &Cluster,
    bucket: &Bucket,
    cx: &Safepoint,
) -> Result<PostgresExportResponse, Ended> {
    let mut output = Output::open(bucket, &spec.object, cx).await?;
    match export(spec, cluster, &mut output).await {
        Ok(bytes) => Ok(PostgresExportResponse {
            uri: format!("gs://{}/{}", spec.bucket, spec.object),
            rows: output.progress.items_done.to_string(),
            bytes: bytes.to_string(),
        }),
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
