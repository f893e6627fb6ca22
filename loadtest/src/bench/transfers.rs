//! A transfer between two folders in memory, beside `rsync -a` and `rclone copy` of the same files.

use super::report::{Figure, Judged, Target};
use super::stats::Spread;
use super::{Bench, say};
use crate::files;
use crate::text::{seconds, thousands};
use crate::transfers::{Place, Transfers};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Command;

const MEGABYTE: u64 = 1_000_000;

/// Many small files, and few large ones.
pub async fn measure(bench: &mut Bench) -> Result<()> {
    let (small, large) = if bench.quick { (2_000, 2) } else { (10_000, 5) };
    // 1 to 16 KiB, in no order.
    let sizes = (0..small).map(|number| 1024 + number * 7_919 % (15 * 1024 + 1)).collect();
    race(bench, &Files { name: "small", title: format!("{} files of 1–16 KiB", thousands(small)), sizes, target: 1.2 })
        .await?;
    let (title, sizes) = (format!("{large} files of 400 MB"), vec![400 * MEGABYTE; usize::try_from(large)?]);
    race(bench, &Files { name: "large", title, sizes, target: 2.0 }).await
}

/// What is transferred.
struct Files {
    name: &'static str,
    title: String,
    /// In bytes, one each.
    sizes: Vec<u64>,
    /// What ours should reach beside rsync.
    target: f64,
}

impl Files {
    fn bytes(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// `43,000 files/s`, or `1,200 MB/s`, at the median of these times.
    fn rate(&self, times: impl Iterator<Item = Duration>) -> String {
        let median = Spread::of(times.map(|time| time.as_secs_f64())).map_or(f64::NAN, |spread| spread.median);
        if self.name == "small" {
            format!("{:.0} files/s", self.sizes.len() as f64 / median)
        } else {
            format!("{:.0} MB/s", self.bytes() as f64 / 1e6 / median)
        }
    }

    fn write(&self, folder: &Path) -> Result<()> {
        let block: Vec<u8> = (0..1u64 << 20).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
        for (number, size) in self.sizes.iter().enumerate() {
            let parent = folder.join(format!("{:03}", number / 100));
            if number % 100 == 0 {
                fs::create_dir_all(&parent)?;
            }
            let mut file = File::create(parent.join(format!("{number:06}.bin")))?;
            let mut left = usize::try_from(*size)?;
            while left > 0 {
                let length = left.min(block.len());
                file.write_all(&block[..length])?;
                left -= length;
            }
        }
        Ok(())
    }

    fn check(&self, folder: &Path) -> Result<()> {
        let (mut count, mut bytes) = (0, 0);
        for file in files::below(folder)? {
            count += 1;
            bytes += fs::metadata(&file)?.len();
        }
        ensure!(
            count == self.sizes.len() && bytes == self.bytes(),
            "{} holds {count} files of {bytes} bytes in all",
            folder.display()
        );
        Ok(())
    }
}

/// How long each took.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// By the server's startTime and finishTime.
    server: Duration,
    /// From the run call to the answer that shows it done.
    client: Duration,
    rsync: Duration,
    rclone: Duration,
}

async fn race(bench: &mut Bench, files: &Files) -> Result<()> {
    let (bucket, memory) = bench.settings.memory()?;
    let folder = memory.join("bench").join(files.name);
    files::remove_folder(&folder)?;
    files.write(&folder.join("source")).with_context(|| format!("{} cannot be filled", folder.display()))?;
    let rounds = rounds(bench, files, &bucket, &folder).await;
    files::remove_folder(&folder)?;
    figures(bench, files, &rounds?);
    Ok(())
}

async fn rounds(bench: &Bench, files: &Files, bucket: &str, folder: &Path) -> Result<Vec<Round>> {
    let transfers = Transfers::new(bench.client.clone(), &bench.settings.project);
    let path = |name: &str| format!("bench/{}/{name}/", files.name);
    let (source, sink) = (path("source"), path("sink"));
    let (source, sink) = (Place { bucket, path: &source }, Place { bucket, path: &sink });
    let job = transfers.create_job(&transfers.job_body(source, sink, &[])).await?;
    let mut rounds = Vec::new();
    // The first round warms up and is not counted.
    for round in 0..=bench.rounds {
        let rsync = |folder: &Path| peer("rsync", &["-a"], folder);
        let rclone = |folder: &Path| peer("rclone", &["copy", "--config", "/dev/null"], folder);
        let (ours, rsync, rclone) = if round % 2 == 0 {
            let ours = ours(bench, &transfers, &job, files, folder).await?;
            (ours, turn(files, folder, rsync(folder)).await?, turn(files, folder, rclone(folder)).await?)
        } else {
            let rclone = turn(files, folder, rclone(folder)).await?;
            let rsync = turn(files, folder, rsync(folder)).await?;
            (ours(bench, &transfers, &job, files, folder).await?, rsync, rclone)
        };
        let (server, client) = ours;
        say(&format!(
            "transfer, {} {round}/{}{}: ours {} ({} at the client), rsync {}, rclone {}",
            files.name,
            bench.rounds,
            if round == 0 { " (warming up)" } else { "" },
            seconds(server),
            seconds(client),
            seconds(rsync),
            seconds(rclone),
        ));
        if round > 0 {
            rounds.push(Round { server, client, rsync, rclone });
        }
    }
    transfers.delete_job(&job).await?;
    Ok(rounds)
}

async fn ours(
    bench: &Bench,
    transfers: &Transfers,
    job: &str,
    files: &Files,
    folder: &Path,
) -> Result<(Duration, Duration)> {
    files::remove_folder(&folder.join("sink"))?;
    let begun = Instant::now();
    let id = transfers.run(job).await?.id()?;
    let operation = bench.client.wait(id).await?;
    let client = begun.elapsed();
    ensure!(operation.state == "SUCCEEDED", "the transfer did not succeed: {}", operation.ending());
    files.check(&folder.join("sink"))?;
    Ok((operation.run_time().context("a done operation has no startTime or no finishTime")?, client))
}

fn peer(program: &str, arguments: &[&str], folder: &Path) -> Command {
    // With a slash at its end the folder's content is meant, by rsync; rclone means that anyway.
    let of = |name: &str| -> PathBuf { folder.join(name).join("") };
    let mut command = Command::new(program);
    command.args(arguments).arg(of("source")).arg(of("sink"));
    command
}

async fn turn(files: &Files, folder: &Path, mut command: Command) -> Result<Duration> {
    let sink = folder.join("sink");
    files::remove_folder(&sink)?;
    let begun = Instant::now();
    let output = command.output().await.context("rsync or rclone does not start: make bench installs them")?;
    let took = begun.elapsed();
    ensure!(output.status.success(), "the peer failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    files.check(&sink)?;
    Ok(took)
}

fn figures(bench: &mut Bench, files: &Files, rounds: &[Round]) {
    let note = "on tmpfs, where no disk decides. Ours compares both sides first as they do, bounds what it holds in memory, \
                looks at a flag between any two files, stores its counters once a second, and renames each file into place";
    let views: [(&str, &str, Target, Times); 4] = [
        ("startTime → finishTime", "rsync -a", Target::AtLeast(files.target), |r| (r.server, r.rsync)),
        ("run → done", "rsync -a", Target::AtLeast(files.target), |r| (r.client, r.rsync)),
        ("startTime → finishTime", "rclone copy", Target::None, |r| (r.server, r.rclone)),
        ("run → done", "rclone copy", Target::None, |r| (r.client, r.rclone)),
    ];
    for (place, (view, reference, target, times)) in views.into_iter().enumerate() {
        let times: Vec<_> = rounds.iter().map(times).collect();
        let ratios = times.iter().map(|(ours, peer)| peer.as_secs_f64() / ours.as_secs_f64());
        let Some(ratio) = Spread::of(ratios) else { continue };
        bench.report.add(Figure {
            name: format!("transfer of {}, {view}", files.title),
            ours: files.rate(times.iter().map(|(ours, _)| *ours)),
            reference: format!("{reference}: {}", files.rate(times.iter().map(|(_, peer)| *peer))),
            judged: Judged::Ratio(ratio),
            target,
            note: if place == 0 { note.to_owned() } else { String::new() },
            rounds: times
                .iter()
                .map(|(o, p)| json!({"oursSeconds": o.as_secs_f64(), "referenceSeconds": p.as_secs_f64()}))
                .collect(),
        });
    }
}

type Times = fn(&Round) -> (Duration, Duration);
