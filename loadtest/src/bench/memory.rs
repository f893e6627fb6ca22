//! Resident memory of the product's processes, as the kernel counts it.

use super::movers;
use super::proc::{self, Process};
use super::report::{Figure, Judged, Target};
use super::system::{Product, start_running, stop_all};
use super::{Bench, say, table};
use crate::client::Export;
use crate::text::megabytes;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::Duration;

const MANY: usize = 1_000;
const MEBIBYTE: f64 = 1_048_576.0;
/// Long enough for renewals, progress and buffers of each kind to have been needed.
const SETTLE: Duration = Duration::from_secs(5);

/// Idle, with 1,000 running, and while a large table is exported: in this order, each from the idle figure.
pub async fn measure(bench: &mut Bench) -> Result<()> {
    let table = table::ensure(bench).await?;
    let pid_dir = bench.settings.pid_dir()?;
    let (apis, workers) = (proc::find(&pid_dir, "api-")?, proc::find(&pid_dir, "worker-")?);
    let idle: Vec<(Process, u64)> = resident(&workers)?;
    idle_figure(bench, "api", &resident(&apis)?);
    idle_figure(bench, "worker", &idle);
    // The export comes even if the workers have no slots for 1,000.
    let running = running_figure(bench, &apis, &idle).await;
    export_figure(bench, &table, &idle).await?;
    running
}

fn resident(processes: &[Process]) -> Result<Vec<(Process, u64)>> {
    processes.iter().map(|process| Ok((process.clone(), process.resident()?))).collect()
}

fn idle_figure(bench: &mut Bench, role: &str, idle: &[(Process, u64)]) {
    let largest = idle.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0) as f64 / MEBIBYTE;
    say(&format!("memory: {role} idle {largest:.1} MiB"));
    bench.report.add(Figure {
        name: format!("resident memory, {role} idle"),
        ours: format!("{largest:.1} MiB"),
        reference: String::new(),
        judged: Judged::Quantity(largest, "MiB"),
        target: Target::AtMost(40.0),
        note: "VmRSS of the largest process of its kind, before this bench gave it work; `make bench` starts the \
               processes anew unless they run already"
            .to_owned(),
        rounds: each(idle),
    });
}

async fn running_figure(bench: &mut Bench, apis: &[Process], idle: &[(Process, u64)]) -> Result<()> {
    let product = Product::new(bench.client.clone(), 10);
    let sum = |sizes: &[(Process, u64)]| sizes.iter().map(|(_, bytes)| *bytes as f64).sum::<f64>();
    let apis_before = sum(&resident(apis)?);
    let ids = start_running(&product, MANY).await?;
    tokio::time::sleep(SETTLE).await;
    let workers: Vec<Process> = idle.iter().map(|(process, _)| process.clone()).collect();
    let sizes = resident(&workers).and_then(|workers| Ok((workers, resident(apis)?)));
    stop_all(&product, &ids).await;
    let (workers, apis) = sizes?;
    let each_one = (sum(&workers) - sum(idle)) / MANY as f64 / 1024.0;
    say(&format!("memory: {each_one:.1} KiB per running operation"));
    bench.report.add(Figure {
        name: "resident memory per running operation".to_owned(),
        ours: format!("{each_one:.1} KiB"),
        reference: String::new(),
        judged: Judged::Quantity(each_one, "KiB"),
        target: Target::AtMost(64.0),
        note: format!(
            "growth of all workers from idle with {MANY} demo.steps of 10 ms running, ÷ {MANY}; the apis, which hold \
             nothing of a running operation, grew by {:.1} MiB in all meanwhile",
            (sum(&apis) - apis_before) / MEBIBYTE
        ),
        rounds: each(&workers),
    });
    Ok(())
}

async fn export_figure(bench: &mut Bench, table: &table::Table, idle: &[(Process, u64)]) -> Result<()> {
    for (process, _) in idle {
        process.forget_peak()?;
    }
    let object = "bench/memory.csv";
    let file = bench.settings.file_of(object);
    let exported = movers::export(&bench.client, object, &Export::Csv(table.query()), &file).await?;
    std::fs::remove_file(&file).with_context(|| format!("{} cannot be removed", file.display()))?;
    let mut growth = 0.0_f64;
    let mut peaks = Vec::new();
    for (process, before) in idle {
        let peak = process.peak()?;
        growth = growth.max((peak as f64 - *before as f64) / MEBIBYTE);
        peaks.push((process.clone(), peak));
    }
    let size = megabytes(exported.bytes);
    say(&format!("memory: a worker that exports {size}: {growth:.1} MiB above idle"));
    bench.report.add(Figure {
        name: format!("resident memory, worker that exports {size} of CSV, above idle"),
        ours: format!("{growth:.1} MiB"),
        reference: String::new(),
        judged: Judged::Quantity(growth, "MiB"),
        target: Target::AtMost(64.0),
        note: "VmHWM during the export less VmRSS when idle; what 1,000 operations before it left resident counts too"
            .to_owned(),
        rounds: each(&peaks),
    });
    Ok(())
}

fn each(sizes: &[(Process, u64)]) -> Value {
    sizes.iter().map(|(process, bytes)| json!({"process": process.name, "bytes": bytes})).collect()
}
