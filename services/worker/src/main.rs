//! The worker's process.

use anyhow::Context;
use clap::Parser;
use runtime::config::Config;
use runtime::{lifecycle, telemetry};
use std::time::Duration;
use worker::{Settings, Worker};

/// How long the rest of the shutdown gets after the drain.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let _telemetry = telemetry::init("safepoint-worker", &settings.log)?;
    let config = Config::load(&settings.config, |name| std::env::var(name).ok())
        .context("the worker needs its configuration (--config or SAFEPOINT_CONFIG)")?;
    let shutdown = lifecycle::shutdown_signal(Duration::from_secs(config.worker.drain_seconds) + ENDS_WITHIN)?;
    let worker = Worker::start(&settings, config, shutdown).await?;
    tracing::info!("the worker runs");
    worker.run().await;
    tracing::info!("the worker has ended");
    Ok(())
}
