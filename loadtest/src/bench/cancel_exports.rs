//! How long running exports take to hear of their cancel: 200 on both workers, cancelled one after another, some at a
//! time, and all at once.

use super::report::{Figure, Judged, Target};
use super::stats::Latencies;
use super::system::{Look, System, looks, start_running, stop_all, wait_for};
use super::{Bench, say};
use crate::client::{Client, Export};
use crate::postgres;
use crate::text::{between, millis, now};
use crate::wire::Receipt;
use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio_postgres::Config;
use uuid::Uuid;

const RUNNING: usize = 200;
/// Rows without end, slowly: what runs is what a cancel has to stop, not what the machine can bear.
const TRICKLE: &str = "SELECT g, repeat('x', 1000), pg_sleep(0.1) FROM generate_series(1, 1000000) g";
const COMMIT_EVERY: Duration = Duration::from_millis(10);
const QUIET: Duration = Duration::from_secs(2);
const METHOD: &str = "200 CSV exports of a query that trickles run on both workers; :cancel calls, so many at a time. \
    From the client's receiving of the answer, which comes after the commit, to the worker's hearing of it (by its receipt; \
    one machine, one clock); 0 where the worker heard it first. Since the request was made, before its commit, the disk has \
    its part, which the bare commit beside it shows";

/// Exports by the `AlloyDB` dialect.
struct Exports {
    client: Client,
    number: AtomicU64,
}

impl System for Exports {
    fn name(&self) -> &'static str {
        "exports"
    }

    async fn start(&self) -> Result<Uuid> {
        let object = format!("bench/trickle-{}.csv", self.number.fetch_add(1, Ordering::Relaxed));
        let export = self.client.export(&object, &Export::Csv(TRICKLE.to_owned())).await?;
        export.id().with_context(|| format!("{} holds no id", export.name))
    }

    async fn cancel(&self, id: Uuid) -> Result<()> {
        self.client.cancel(id).await?;
        Ok(())
    }

    async fn look(&self, id: Uuid) -> Result<Look> {
        let operation = self.client.operation(id).await?;
        ensure!(
            !operation.done || operation.state == "CANCELLED",
            "{id} ended otherwise than cancelled: {}",
            operation.ending()
        );
        // Its query runs: the first row has come.
        let running = operation.state == "RUNNING" && operation.progress.items_done > 0;
        Ok(Look { running, done: operation.done, receipt: operation.cancel })
    }
}

/// Latencies of one way to cancel, over all rounds.
struct Way {
    at_a_time: usize,
    heard: Latencies,
    delivered: Latencies,
    commits: Latencies,
    stopped: Latencies,
    roads: BTreeMap<String, usize>,
    rounds: Vec<Value>,
}

/// Running exports, cancelled one after another, 8 at a time, 32 at a time, and all at once.
pub async fn measure(bench: &mut Bench) -> Result<()> {
    let exports = Exports { client: bench.client.clone(), number: AtomicU64::new(0) };
    let mut ways = [1, 8, 32, RUNNING].map(|at_a_time| Way {
        at_a_time,
        heard: Latencies::new(),
        delivered: Latencies::new(),
        commits: Latencies::new(),
        stopped: Latencies::new(),
        roads: BTreeMap::new(),
        rounds: Vec::new(),
    });
    for round in 0..=bench.rounds {
        for way in &mut ways {
            let cancelled = cancel_all(&exports, &bench.source, way.at_a_time).await?;
            // The first round warms up.
            way.count(&cancelled, round > 0);
        }
    }
    for way in ways {
        report(bench, way);
    }
    Ok(())
}

/// One cancelled export: when the client had its answer, and the server's story.
struct Cancelled {
    answered_at: OffsetDateTime,
    receipt: Receipt,
}

/// What one turn has shown.
struct Turn {
    cancelled: Vec<Cancelled>,
    /// Bare commits, by the side of the cancels.
    commits: Latencies,
}

async fn cancel_all(exports: &Exports, source: &Config, at_a_time: usize) -> Result<Turn> {
    let ids = start_running(exports, RUNNING).await?;
    let measured = cancel_some_at_a_time(exports, source, &ids, at_a_time).await;
    if measured.is_err() {
        stop_all(exports, &ids).await;
    }
    measured
}

async fn cancel_some_at_a_time(exports: &Exports, source: &Config, ids: &[Uuid], at_a_time: usize) -> Result<Turn> {
    let floor = CommitFloor::start(source).await?;
    let answers: HashMap<Uuid, OffsetDateTime> = stream::iter(ids.iter().copied())
        .map(|id| async move {
            exports.cancel(id).await?;
            Ok::<_, anyhow::Error>((id, now()))
        })
        .buffer_unordered(at_a_time)
        .try_collect()
        .await?;
    let commits = floor.stop().await?;
    // Nobody looks while the cancels are under way: the looks would compete with what they measure.
    tokio::time::sleep(QUIET).await;
    wait_for(exports, ids, |look| look.done).await?;
    let mut cancelled = Vec::new();
    for (id, look) in looks(exports, ids).await? {
        let receipt = look.receipt.with_context(|| format!("{id} was cancelled and has no receipt"))?;
        cancelled.push(Cancelled { answered_at: answers[&id], receipt });
    }
    Ok(Turn { cancelled, commits })
}

impl Way {
    fn count(&mut self, turn: &Turn, counted: bool) {
        let (mut heard, mut delivered, mut stopped) = (Latencies::new(), Latencies::new(), Latencies::new());
        for Cancelled { answered_at, receipt } in &turn.cancelled {
            if let Some(at) = receipt.delivered_at {
                heard.record(between(*answered_at, at));
            }
            let [delivery, _, end] = receipt.stages();
            for (stage, latencies) in [(delivery, &mut delivered), (end, &mut stopped)] {
                if let Some(stage) = stage {
                    latencies.record(stage);
                }
            }
        }
        say(&format!(
            "{RUNNING} exports, {} at a time ({}), p50 / p99: answered → delivered {}, requested → delivered {} (bare \
             commit {}), → stopped {}",
            self.at_a_time,
            if counted { "counted" } else { "warming up" },
            told(&heard),
            told(&delivered),
            told(&turn.commits),
            told(&stopped)
        ));
        if !counted {
            return;
        }
        for Cancelled { receipt, .. } in &turn.cancelled {
            *self.roads.entry(receipt.delivered_by.clone().unwrap_or_else(|| "nobody".to_owned())).or_default() += 1;
        }
        let figure = |latencies: &Latencies, percent| latencies.percentile(percent).as_secs_f64() * 1e3;
        self.rounds.push(json!({
            "answeredToDeliveredP99Millis": figure(&heard, 99.0),
            "requestedToDeliveredP50Millis": figure(&delivered, 50.0),
            "requestedToDeliveredP99Millis": figure(&delivered, 99.0),
            "bareCommitP99Millis": figure(&turn.commits, 99.0),
            "stoppedP50Millis": figure(&stopped, 50.0), "stoppedP99Millis": figure(&stopped, 99.0),
        }));
        self.heard.add(&heard);
        self.delivered.add(&delivered);
        self.commits.add(&turn.commits);
        self.stopped.add(&stopped);
    }
}

/// p50 / p99.
fn told(latencies: &Latencies) -> String {
    format!("{} / {}", millis(latencies.percentile(50.0)), millis(latencies.percentile(99.0)))
}

fn report(bench: &mut Bench, way: Way) {
    let roads: Vec<String> = way.roads.iter().map(|(road, count)| format!("{count} by {road}")).collect();
    let how = match way.at_a_time {
        1 => "one after another".to_owned(),
        RUNNING => "all at once".to_owned(),
        some => format!("{some} at a time"),
    };
    bench.report.add(Figure {
        name: format!("{RUNNING} running exports cancelled {how}: answered → delivered, p99"),
        ours: millis(way.heard.percentile(99.0)),
        reference: format!("bare commit: {}", millis(way.commits.percentile(99.0))),
        judged: Judged::Quantity(way.heard.percentile(99.0).as_secs_f64() * 1e3, "ms"),
        target: Target::AtMost(50.0),
        note: format!(
            "{}p50 / p99: requested → delivered {}, requested → stopped {}; {}",
            if way.at_a_time == 1 { format!("{METHOD}. ") } else { String::new() },
            told(&way.delivered),
            told(&way.stopped),
            roads.join(", ")
        ),
        rounds: way.rounds.into(),
    });
}

/// Bare commits, one after another, while the cancels are under way: what the disk makes of any commit.
struct CommitFloor {
    stop: Arc<AtomicBool>,
    commits: JoinHandle<Result<Latencies>>,
}

impl CommitFloor {
    async fn start(source: &Config) -> Result<Self> {
        let client = postgres::connect(source).await?;
        client.batch_execute("CREATE TABLE IF NOT EXISTS bench_commit_floor (n bigint)").await?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let commits = tokio::spawn(async move {
            let mut latencies = Latencies::new();
            while !stopped.load(Ordering::Relaxed) || latencies.len() == 0 {
                let begun = Instant::now();
                client.execute("INSERT INTO bench_commit_floor VALUES (1)", &[]).await?;
                latencies.record(begun.elapsed());
                tokio::time::sleep(COMMIT_EVERY).await;
            }
            client.batch_execute("DROP TABLE bench_commit_floor").await?;
            Ok(latencies)
        });
        Ok(Self { stop, commits })
    }

    async fn stop(self) -> Result<Latencies> {
        self.stop.store(true, Ordering::Relaxed);
        self.commits.await.context("the bare commits broke off")?
    }
}
