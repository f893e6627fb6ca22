//! Figures against bare Postgres and `RabbitMQ`: the product and its reference by turns in each round of one run, so
//! that a machine whose disk and clock drift does not decide who wins.

mod abuse;
mod cancel;
mod cancel_exports;
mod create;
mod facts;
mod fair;
mod floor;
/// The bare floor: what a cancel costs at least.
pub mod floor_server;
mod memory;
mod movers;
mod proc;
mod report;
mod slow;
mod slow_socket;
mod stats;
mod system;
mod table;
mod transfers;
mod waiters;

use crate::client::Client;
use crate::postgres;
use crate::settings::Settings;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use report::Report;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tokio_postgres::Config;

/// What to measure, how long, and where to write it.
#[derive(Args)]
pub struct Arguments {
    /// Write the figures to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only these sections.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
    /// Rounds of each comparison.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// A first impression: two rounds, a smaller table, fewer samples.
    #[arg(long)]
    quick: bool,
}

/// A part that can be measured alone.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Resident memory. First, while the processes are as they started.
    Memory,
    /// CSV export and `psql \copy`.
    Csv,
    /// SQL export and `pg_dump`.
    Sql,
    /// One cancel among 100 running operations, and the bare floor.
    Cancel,
    /// 1,000 cancels at once, and the bare floor.
    CancelMany,
    /// 200 running exports, cancelled in several ways.
    CancelExports,
    /// From create to done, at 10 a second.
    Create,
    /// 5,000 clients that wait, and what other calls notice of them.
    Waiters,
    /// 2,000 slow sockets, and what other calls notice of them.
    Slow,
    /// A project that sends requests that are dear to judge, and what the cancels of another notice.
    Abuse,
    /// A project with 100,000 queued operations, and how soon those of another start.
    Fair,
    /// A transfer between two folders in memory, `rsync` and `rclone`.
    Transfer,
}

/// What the sections share.
pub struct Bench {
    settings: Settings,
    client: Client,
    /// The customer's database, where the table is.
    source: Config,
    rounds: u32,
    quick: bool,
    report: Report,
}

/// Measures, prints, writes. Figures that miss their target are no error; wrong results are.
pub async fn run(settings: Settings, arguments: Arguments) -> Result<ExitCode> {
    let mut source = postgres::config(&settings.customer_url)?;
    source.dbname(&settings.database);
    let client = Client::new(&settings)?;
    let rounds = if arguments.quick { 2 } else { arguments.rounds };
    let mut bench = Bench { settings, client, source, rounds, quick: arguments.quick, report: Report::default() };
    let begun = Instant::now();
    let facts = facts::gather(&bench).await?;
    say(&format!("{facts}"));
    if cfg!(debug_assertions) {
        bench.report.remark("this loadtest is a debug build: its figures mean nothing".to_owned());
    }
    if let Some(disturbance) = facts::disturbance() {
        say(&disturbance);
        bench.report.remark(disturbance);
    }
    for section in Section::value_variants() {
        if arguments.only.is_empty() || arguments.only.contains(section) {
            bench.section(*section).await;
        }
    }
    bench.finish(&facts, arguments.json, begun)
}

impl Bench {
    /// A section that fails leaves the others their turn.
    async fn section(&mut self, section: Section) {
        let measured = match section {
            Section::Memory => memory::measure(self).await,
            Section::Csv => movers::csv(self).await,
            Section::Sql => movers::sql(self).await,
            Section::Cancel => cancel::one_among_many(self).await,
            Section::CancelMany => cancel::many_at_once(self).await,
            Section::CancelExports => cancel_exports::measure(self).await,
            Section::Create => create::measure(self).await,
            Section::Waiters => waiters::measure(self).await,
            Section::Slow => slow::measure(self).await,
            Section::Abuse => abuse::measure(self).await,
            Section::Fair => fair::measure(self).await,
            Section::Transfer => transfers::measure(self).await,
        };
        if let Err(error) = measured {
            let name = section.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
            say(&format!("{name} failed: {error:#}"));
            self.report.failed(&name, &error);
        }
    }

    fn finish(&self, facts: &Value, json: Option<PathBuf>, begun: Instant) -> Result<ExitCode> {
        println!("\n{}", self.report.table());
        for remark in self.report.remarks() {
            println!("- {remark}");
        }
        println!("{} s in all", begun.elapsed().as_secs());
        if let Some(file) = json {
            let text = serde_json::to_string_pretty(&self.report.json(facts))?;
            std::fs::write(&file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))?;
            println!("written to {}", file.display());
        }
        Ok(if self.report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A line for those who wait.
fn say(line: &str) {
    println!("bench: {line}");
}
