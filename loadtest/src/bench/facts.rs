//! The machine and the versions that the figures belong to.

use super::Bench;
use super::proc::kilobytes;
use crate::postgres;
use crate::text;
use anyhow::Result;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

/// What a reader needs to compare these figures with others.
pub async fn gather(bench: &Bench) -> Result<Value> {
    let client = postgres::connect(&bench.source).await?;
    let mut postgres = json!({});
    for setting in ["server_version", "fsync", "synchronous_commit", "shared_buffers"] {
        let row = client.query_one("SELECT current_setting($1)", &[&setting]).await?;
        postgres[setting] = row.get::<_, String>(0).into();
    }
    Ok(json!({
        "date": text::now().format(&Rfc3339)?,
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "cpu": first_line("/proc/cpuinfo", "model name"),
        "memoryBytes": kilobytes(&read("/proc/meminfo"), "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "loadBefore": read("/proc/loadavg").trim(),
        "postgres": postgres,
        "rabbitmq": rabbitmq(),
        "loadtest": env!("CARGO_PKG_VERSION"),
        "optimised": !cfg!(debug_assertions),
        "rounds": bench.rounds,
        "quick": bench.quick,
    }))
}

/// What other programs do to the figures: told where they kept a core busy for the last minute.
pub fn disturbance() -> Option<String> {
    let load: f64 = read("/proc/loadavg").split(' ').next()?.parse().ok()?;
    let cores = std::thread::available_parallelism().ok()?;
    (load >= 1.0).then(|| {
        format!(
            "the machine was busy before this bench began (load {load} on {cores} cores): even ratios suffer from that"
        )
    })
}

/// The version of the package: the folder that its programs lie in has it in its name.
fn rabbitmq() -> Option<String> {
    let entries = std::fs::read_dir("/usr/lib/rabbitmq/lib").ok()?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.into_iter().find_map(|name| name.strip_prefix("rabbitmq_server-").map(str::to_owned))
}

fn first_line(file: &str, key: &str) -> Option<String> {
    let text = read(file);
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}
