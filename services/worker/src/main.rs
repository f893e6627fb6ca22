//! The worker's process.

use anyhow::Context;
use clap::Parser;
use runtime::config::Config;
use runtime::{lifecycle, telemetry};
use worker::{Settings, Worker};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let _telemetry = telemetry::init("safepoint-worker", &settings.log)?;
    let config = Config::load(&settings.config, |name| std::env::var(name).ok())
        .context("the worker needs its configuration (--config or SAFEPOINT_CONFIG)")?;
    let shutdown = lifecycle::shutdown_signal()?;
    let worker = Worker::start(&settings, config, shutdown).await?;
    tracing::info!("the worker runs");
    worker.run().await;
    tracing::info!("the worker has ended");
    Ok(())
}
