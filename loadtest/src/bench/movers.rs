//! Exports and the programs that come with Postgres: the same rows, into the same file system.

use super::report::{Figure, Judged, Target};
use super::stats::Spread;
use super::table::{self, Table};
use super::{Bench, say};
use crate::client::{Client, Export};
use crate::text::{seconds, thousands};
use crate::{files, postgres};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Command;

const LOOK_EVERY: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_mins(10);

/// CSV export ÷ `psql \copy`.
pub async fn csv(bench: &mut Bench) -> Result<()> {
    race(bench, Format::Csv).await
}

/// SQL export ÷ `pg_dump`.
pub async fn sql(bench: &mut Bench) -> Result<()> {
    race(bench, Format::Sql).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Sql,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Sql => "sql",
        }
    }

    fn peer(self) -> &'static str {
        match self {
            Self::Csv => "psql \\copy",
            Self::Sql => "pg_dump",
        }
    }

    /// What ours does more than its peer.
    fn note(self) -> &'static str {
        match self {
            Self::Csv => "ours is on the disk before it is shown, the peer's file perhaps in memory only",
            Self::Sql => {
                "ours is on the disk before it is shown, the peer's file perhaps in memory only; pg_dump writes into a \
                 pipe, 4 KiB at a time, and the worker counts the rows and copies them into the file: a copy and many \
                 wake-ups more than a pg_dump that writes the file itself"
            }
        }
    }

    fn export(self, table: &Table) -> Export {
        match self {
            Self::Csv => Export::Csv(table.query()),
            Self::Sql => Export::Sql(vec![table.name.to_owned()]),
        }
    }

    async fn rows(self, file: &Path) -> Result<u64> {
        match self {
            Self::Csv => files::csv_rows(file).await,
            Self::Sql => files::dump_rows(file).await,
        }
    }
}

/// How long one export took.
#[derive(Debug, Clone, Copy)]
pub struct Exported {
    /// By the server's startTime and finishTime.
    pub server: Duration,
    /// From the create call to the poll that shows it done.
    pub client: Duration,
    /// The file's size.
    pub bytes: u64,
}

/// How long the peer took.
#[derive(Debug, Clone, Copy)]
struct Peer {
    /// Until it ended, its file perhaps in memory only.
    ended: Duration,
    /// Until its file was on the disk, where ours is before it is shown.
    durable: Duration,
}

async fn race(bench: &mut Bench, format: Format) -> Result<()> {
    let table = table::ensure(bench).await?;
    let mut rounds = Vec::new();
    // The first round warms the caches and is not counted.
    for round in 0..=bench.rounds {
        let (ours, peer) = if round % 2 == 0 {
            let ours = our_turn(bench, format, &table).await?;
            (ours, peer_turn(bench, format, &table).await?)
        } else {
            let peer = peer_turn(bench, format, &table).await?;
            (our_turn(bench, format, &table).await?, peer)
        };
        let counted = if round == 0 { "warming up" } else { "counted" };
        say(&format!(
            "{} {round}/{} ({counted}): ours {} ({} at the client), {} {}, {} with fsync",
            format.name(),
            bench.rounds,
            seconds(ours.server),
            seconds(ours.client),
            format.peer(),
            seconds(peer.ended),
            seconds(peer.durable),
        ));
        if round > 0 {
            rounds.push((ours, peer));
        }
    }
    figures(bench, format, &table, &rounds);
    Ok(())
}

async fn our_turn(bench: &Bench, format: Format, table: &Table) -> Result<Exported> {
    let object = format!("bench/ours.{}", format.name());
    let file = bench.settings.file_of(&object);
    remove(&file)?;
    settle_disk().await?;
    let exported = export(&bench.client, &object, &format.export(table), &file).await?;
    check_rows(format, &file, table).await?;
    remove(&file)?;
    Ok(exported)
}

/// Runs one export to its end.
pub async fn export(client: &Client, object: &str, export: &Export, file: &Path) -> Result<Exported> {
    let begun = Instant::now();
    let started = client.export(object, export).await?;
    let id = started.id().with_context(|| format!("the operation's name has no id: {}", started.name))?;
    let operation = loop {
        let operation = client.operation(id).await?;
        if operation.done {
            break operation;
        }
        ensure!(begun.elapsed() < PATIENCE, "the export {id} is still {}", operation.state);
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let client = begun.elapsed();
    ensure!(operation.state == "SUCCEEDED", "the export did not succeed: {}", operation.ending());
    let server = operation.run_time().context("a done operation has no startTime or no finishTime")?;
    let bytes = std::fs::metadata(file).with_context(|| format!("{} is not there", file.display()))?.len();
    ensure!(bytes == operation.progress.bytes_done, "the file has {bytes} bytes: {operation:?}");
    Ok(Exported { server, client, bytes })
}

async fn peer_turn(bench: &Bench, format: Format, table: &Table) -> Result<Peer> {
    let file = bench.settings.file_of(&format!("bench/peer.{}", format.name()));
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    remove(&file)?;
    settle_disk().await?;
    let command = peer_command(bench, format, table, &file)?;
    let begun = Instant::now();
    postgres::run(command).await?;
    let ended = begun.elapsed();
    let written = tokio::fs::File::open(&file).await.with_context(|| format!("{} is not there", file.display()))?;
    written.sync_all().await.context("the peer's file cannot be synced")?;
    let durable = begun.elapsed();
    check_rows(format, &file, table).await?;
    remove(&file)?;
    Ok(Peer { ended, durable })
}

fn peer_command(bench: &Bench, format: Format, table: &Table, file: &Path) -> Result<Command> {
    let path = file.to_str().context("the bucket's folder has a name that is not UTF-8")?;
    Ok(match format {
        Format::Csv => {
            let mut psql = postgres::program("psql", &bench.source);
            let copy = format!("\\copy {} TO '{}' (FORMAT csv)", table.name, path.replace('\'', "''"));
            psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", &copy]);
            psql
        }
        Format::Sql => {
            let mut dump = postgres::program("pg_dump", &bench.source);
            dump.args(["-t", table.name, "-f", path]);
            dump
        }
    })
}

async fn check_rows(format: Format, file: &Path, table: &Table) -> Result<()> {
    let rows = format.rows(file).await?;
    ensure!(rows == table.rows, "{} has {} rows, not {}", file.display(), thousands(rows), thousands(table.rows));
    Ok(())
}

/// Nobody's turn pays for the pages that the one before left unwritten.
async fn settle_disk() -> Result<()> {
    let status = Command::new("sync").status().await.context("sync does not start")?;
    ensure!(status.success(), "sync failed");
    Ok(())
}

fn remove(file: &PathBuf) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", file.display()))
        }
        _ => Ok(()),
    }
}

fn figures(bench: &mut Bench, format: Format, table: &Table, rounds: &[(Exported, Peer)]) {
    let (title, peer) = (format.name().to_uppercase(), format.peer());
    let durable = format!("{peer} + fsync");
    let rows = thousands(table.rows);
    let views: [(String, &str, Times); 3] = [
        (format!("{title} export of {rows} rows, startTime → finishTime"), peer, |(o, p)| (o.server, p.ended)),
        (format!("{title} export of {rows} rows, create → done"), peer, |(o, p)| (o.client, p.ended)),
        (format!("{title} export of {rows} rows, create → done"), &durable, |(o, p)| (o.client, p.durable)),
    ];
    for (name, reference, times) in views {
        let times: Vec<_> = rounds.iter().map(times).collect();
        let bytes = rounds.first().map_or(0, |(ours, _)| ours.bytes);
        let Some(ratio) = Spread::of(times.iter().map(|(ours, peer)| peer.as_secs_f64() / ours.as_secs_f64())) else {
            continue;
        };
        bench.report.add(Figure {
            name,
            ours: rate(bytes, times.iter().map(|(ours, _)| *ours)),
            reference: format!("{reference}: {}", rate(bytes, times.iter().map(|(_, peer)| *peer))),
            judged: Judged::Ratio(ratio),
            target: Target::AtLeast(0.95),
            note: if reference == peer { format.note().to_owned() } else { String::new() },
            rounds: times
                .iter()
                .map(|(o, p)| json!({"oursSeconds": o.as_secs_f64(), "referenceSeconds": p.as_secs_f64()}))
                .collect(),
        });
    }
}

type Times = fn(&(Exported, Peer)) -> (Duration, Duration);

/// `4.71 s, 278 MB/s`, the median.
fn rate(bytes: u64, times: impl Iterator<Item = Duration>) -> String {
    let median = Spread::of(times.map(|time| time.as_secs_f64())).map_or(f64::NAN, |spread| spread.median);
    format!("{median:.2} s, {:.0} MB/s", bytes as f64 / 1e6 / median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_median() {
        let times = [2, 9, 1].map(Duration::from_secs);
        assert_eq!(rate(1_000_000_000, times.into_iter()), "2.00 s, 500 MB/s");
    }
}
