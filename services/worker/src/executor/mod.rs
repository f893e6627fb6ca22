//! The executors: one folder a kind, and the match that finds it.

pub mod cancel_operations;
pub mod demo_steps;
mod guarded;
pub mod postgres_export;
pub mod sink;
pub mod storage_transfer;

use crate::safepoint::{Ended, Safepoint};
use cancel_operations::Desk;
use operation::{Kind, ProjectId, Spec};
use postgres_export::server::Finder;
use runtime::config::Config;
use runtime::sealing::KeyRing;
use serde_json::Value;
use sink::gone;
use std::time::Duration;

/// What executors work on: the configured clusters and buckets, and our own operations.
#[derive(Debug)]
pub struct Executors {
    config: Config,
    secret_keys: KeyRing,
    desk: Desk,
}

impl Executors {
    /// Executors on what is configured, with the keys of secrets that come with operations, and on our own operations.
    pub const fn new(config: Config, secret_keys: KeyRing, desk: Desk) -> Self {
        Self { config, secret_keys, desk }
    }

    fn finder(&self) -> Finder<'_> {
        Finder {
            allowed: &self.config.destinations,
            authorities: self.config.destinations_ca_file.as_deref(),
            secret_keys: &self.secret_keys,
            store: &self.desk.store,
        }
    }
}

/// Runs a spec to its end or to a safe point.
///
/// # Errors
/// [`Ended`]: a stop or a failure.
pub async fn run(
    executors: &Executors,
    project: &ProjectId,
    spec: &Spec,
    safepoint: &Safepoint,
) -> Result<Value, Ended> {
    match spec {
        Spec::PostgresExport(spec) => {
            // Looked up at each attempt: what was taken out of the configuration since is not touched any more.
            let config = &executors.config;
            let bucket = config.bucket(project, &spec.bucket).ok_or_else(|| gone("bucket", &spec.bucket))?;
            if let Some(server) = &spec.server {
                let cluster = executors.finder().find(server, project, safepoint).await?;
                return postgres_export::run(spec, &cluster, bucket, safepoint).await;
            }
            let cluster = config.cluster(&spec.cluster).ok_or_else(|| gone("cluster", &spec.cluster))?;
            postgres_export::run(spec, cluster, bucket, safepoint).await
        }
        Spec::StorageTransfer(spec) => {
            storage_transfer::run(spec, project, &executors.config, &executors.desk.store, safepoint).await
        }
        Spec::DemoSteps(spec) => {
            let named = spec.bucket.as_ref();
            let bucket = named.map(|name| executors.config.bucket(project, name).ok_or_else(|| gone("bucket", name)));
            demo_steps::run(spec, bucket.transpose()?, safepoint).await
        }
        Spec::CancelOperations(spec) => cancel_operations::run(spec, project, &executors.desk, safepoint).await,
    }
}

/// How long a kind's executor may take to stop, from the moment at which its attempt hears of it until it has undone what
/// it must. Then it is aborted (`escalation.rs`). Far above what it needs, also on a busy machine.
pub const fn stop_bound(kind: Kind) -> Duration {
    match kind {
        Kind::PostgresExport => postgres_export::STOP_BOUND,
        Kind::StorageTransfer => storage_transfer::STOP_BOUND,
        Kind::DemoSteps => demo_steps::STOP_BOUND,
        Kind::CancelOperations => cancel_operations::STOP_BOUND,
    }
}

/// The longest that a kind's executor promises to go without a safe point. A watchdog reports what exceeds it.
pub const fn safe_point_bound(kind: Kind) -> Duration {
    match kind {
        Kind::PostgresExport => postgres_export::SAFE_POINT_BOUND,
        Kind::StorageTransfer => storage_transfer::SAFE_POINT_BOUND,
        Kind::DemoSteps => demo_steps::SAFE_POINT_BOUND,
        Kind::CancelOperations => cancel_operations::SAFE_POINT_BOUND,
    }
}
