//! The worker's process: settings, logs, signals, and the end.

use crate::builder::Builder;
use crate::settings::Settings;
use crate::worker::{End, GAVE_UP};
use anyhow::Context;
use clap::Parser;
use runtime::config::Config;
use runtime::{lifecycle, telemetry};
use std::process::ExitCode;
use std::time::Duration;

/// How long the rest of the shutdown gets after the drain.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// How long the process waits for threads that are still busy.
const THREADS_END_WITHIN: Duration = Duration::from_secs(1);

impl Builder {
    /// Is the worker's whole process: takes its settings from the command line and the environment, and works until SIGTERM
    /// or SIGINT.
    ///
    /// # Errors
    /// It could not start; the text says why.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let settings = Settings::parse();
        let _telemetry = telemetry::init("safepoint-worker", &settings.log)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let end = runtime.block_on(work(self, &settings));
        // A thread that does not return holds up the end of a runtime that is dropped.
        runtime.shutdown_timeout(THREADS_END_WITHIN);
        Ok(match end? {
            End::InOrder => ExitCode::SUCCESS,
            End::GaveUp => ExitCode::from(GAVE_UP),
        })
    }
}

async fn work(builder: Builder, settings: &Settings) -> anyhow::Result<End> {
    let config = Config::load(&settings.config, |name| std::env::var(name).ok())
        .context("the worker needs its configuration (--config or SAFEPOINT_CONFIG)")?;
    let shutdown = lifecycle::shutdown_signal(Duration::from_secs(config.worker.drain_seconds) + ENDS_WITHIN)?;
    let worker = builder.start(settings, config, shutdown).await?;
    tracing::info!("the worker runs");
    let end = worker.run().await;
    tracing::info!(?end, "the worker has ended");
    Ok(end)
}
