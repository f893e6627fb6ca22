//! How long running exports take to hear of their cancel: 200 on both workers, cancelled one after another, some at a
//! time, and all at once.

use super::report::{Figure, Judged, Target};
use super::stats::Latencies;
use super::system::{Look, System, looks, start_running, stop_all, wait_for};
use super::{Bench, say};
use crate::client::{Client, Export};
use crate::text::millis;
use crate::wire::Receipt;
use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

const RUNNING: usize = 200;
/// Rows without end, slowly: what runs is what a cancel has to stop, not what the machine can bear.
const TRICKLE: &str = "SELECT g, repeat('x', 1000), pg_sleep(0.1) FROM generate_series(1, 1000000) g";
const QUIET: Duration = Duration::from_secs(2);
const METHOD: &str = "200 CSV exports of a query that trickles run on both workers; :cancel calls, so many at a time; \
    the figures are the server's own, from the receipts";

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
    delivered: Latencies,
    stopped: Latencies,
    roads: BTreeMap<String, usize>,
    rounds: Vec<Value>,
}

/// Running exports, cancelled one after another, 8 at a time, 32 at a time, and all at once.
pub async fn measure(bench: &mut Bench) -> Result<()> {
    let exports = Exports { client: bench.client.clone(), number: AtomicU64::new(0) };
    let mut ways = [1, 8, 32, RUNNING].map(|at_a_time| Way {
        at_a_time,
        delivered: Latencies::new(),
        stopped: Latencies::new(),
        roads: BTreeMap::new(),
        rounds: Vec::new(),
    });
    for round in 0..=bench.rounds {
        for way in &mut ways {
            let receipts = cancel_all(&exports, way.at_a_time).await?;
            // The first round warms up.
            way.count(&receipts, round > 0);
        }
    }
    for way in ways {
        report(bench, way);
    }
    Ok(())
}

async fn cancel_all(exports: &Exports, at_a_time: usize) -> Result<Vec<Receipt>> {
    let ids = start_running(exports, RUNNING).await?;
    let measured = cancel_some_at_a_time(exports, &ids, at_a_time).await;
    if measured.is_err() {
        stop_all(exports, &ids).await;
    }
    measured
}

async fn cancel_some_at_a_time(exports: &Exports, ids: &[Uuid], at_a_time: usize) -> Result<Vec<Receipt>> {
    let _: Vec<()> = stream::iter(ids.iter().copied())
        .map(|id| exports.cancel(id))
        .buffer_unordered(at_a_time)
        .try_collect()
        .await?;
    // Nobody looks while the cancels are under way: the looks would compete with what they measure.
    tokio::time::sleep(QUIET).await;
    wait_for(exports, ids, |look| look.done).await?;
    let receipts: Vec<Receipt> = looks(exports, ids).await?.into_iter().filter_map(|(_, look)| look.receipt).collect();
    ensure!(receipts.len() == ids.len(), "{} of {} cancelled exports have no receipt", receipts.len(), ids.len());
    Ok(receipts)
}

impl Way {
    fn count(&mut self, receipts: &[Receipt], counted: bool) {
        let (mut delivered, mut stopped) = (Latencies::new(), Latencies::new());
        for receipt in receipts {
            let [heard, _, ended] = receipt.stages();
            for (stage, latencies) in [(heard, &mut delivered), (ended, &mut stopped)] {
                if let Some(stage) = stage {
                    latencies.record(stage);
                }
            }
        }
        let at = |latencies: &Latencies| {
            format!("{} / {}", millis(latencies.percentile(50.0)), millis(latencies.percentile(99.0)))
        };
        say(&format!(
            "{RUNNING} exports, {} at a time ({}), p50 / p99: delivered {}, stopped {}",
            self.at_a_time,
            if counted { "counted" } else { "warming up" },
            at(&delivered),
            at(&stopped)
        ));
        if !counted {
            return;
        }
        for receipt in receipts {
            *self.roads.entry(receipt.delivered_by.clone().unwrap_or_else(|| "nobody".to_owned())).or_default() += 1;
        }
        let figure = |latencies: &Latencies, percent| latencies.percentile(percent).as_secs_f64() * 1e3;
        self.rounds.push(json!({
            "deliveredP50Millis": figure(&delivered, 50.0), "deliveredP99Millis": figure(&delivered, 99.0),
            "stoppedP50Millis": figure(&stopped, 50.0), "stoppedP99Millis": figure(&stopped, 99.0),
        }));
        self.delivered.add(&delivered);
        self.stopped.add(&stopped);
    }
}

fn report(bench: &mut Bench, way: Way) {
    let at = |latencies: &Latencies, percent| millis(latencies.percentile(percent));
    let roads: Vec<String> = way.roads.iter().map(|(road, count)| format!("{count} by {road}")).collect();
    let how = match way.at_a_time {
        1 => "one after another".to_owned(),
        RUNNING => "all at once".to_owned(),
        some => format!("{some} at a time"),
    };
    bench.report.add(Figure {
        name: format!("{RUNNING} running exports cancelled {how}: requested → delivered, p99"),
        ours: at(&way.delivered, 99.0),
        reference: String::new(),
        judged: Judged::Quantity(way.delivered.percentile(99.0).as_secs_f64() * 1e3, "ms"),
        target: Target::AtMost(50.0),
        note: format!(
            "{}delivered p50 {}, stopped p50 {} and p99 {}; {}",
            if way.at_a_time == 1 { format!("{METHOD}. ") } else { String::new() },
            at(&way.delivered, 50.0),
            at(&way.stopped, 50.0),
            at(&way.stopped, 99.0),
            roads.join(", ")
        ),
        rounds: way.rounds.into(),
    });
}
