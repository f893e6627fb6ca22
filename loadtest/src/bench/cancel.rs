//! How long a cancel takes until a client sees it done, and how much of that the components cost by themselves.

use super::floor::{Process, SafePoint};
use super::report::{Figure, Judged, Target};
use super::stats::{Latencies, Spread, ratio};
use super::system::{AT_A_TIME, Product, System, looks, start_running, stop_all, wait_for};
use super::{Bench, say};
use crate::text::{between, millis, thousands};
use crate::wire::Receipt;
use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use uuid::Uuid;

const RUNNING: usize = 100;
const MANY: usize = 1_000;
const STEP_MILLIS: u32 = 1;
/// Between the start of what replaces a cancelled operation and the next cancel: what a start leaves to be done (the looks of
/// the other worker, the hints of changes) is no part of a cancel.
const SETTLE: Duration = Duration::from_millis(50);

const METHOD: &str = "the client sends :cancel, then polls the operation back to back on one kept connection until it \
    is done; each cancelled operation is replaced, so that 100 run at every cancel, which comes 50 ms after. The floor \
    (a process of its own; HTTP call → UPDATE → AMQP hop → safe point each ms → UPDATE → visible) is polled likewise, among 100 of its own. In the woken floor \
    the flag ends the sleep, as a cancel ends the product's waits: nothing can be quicker";
const METHOD_MANY: &str = "1,000 :cancel calls, 32 at a time, then polls of each operation, 32 at a time, until the last \
    is seen done; the floor likewise, among 1,000 of its own. What ours does more, on cores that are all busy: a token, a \
    fence, a receipt, and an end that writes the indexes of lists and claims, where the floor's table has one index";

/// One cancel at a time, among 100 running operations.
pub async fn one_among_many(bench: &mut Bench) -> Result<()> {
    let samples = if bench.quick { 30 } else { 100 };
    let product = Product::new(bench.client.clone(), STEP_MILLIS);
    let process = Process::start(&bench.settings).await?;
    let (floor, woken) = (process.with(SafePoint::EachMillisecond), process.with(SafePoint::Woken));
    let mut rounds: Vec<[Round; 3]> = Vec::new();
    for number in 0..=bench.rounds {
        // By turns, so that none always comes first.
        let round = if number % 2 == 0 {
            let ours = cancel_some(&product, samples).await?;
            [ours, cancel_some(&floor, samples).await?, cancel_some(&woken, samples).await?]
        } else {
            let (woken, floor) = (cancel_some(&woken, samples).await?, cancel_some(&floor, samples).await?);
            [cancel_some(&product, samples).await?, floor, woken]
        };
        let text = round.each_ref().map(|r| format!("{} / {}", millis(r.at(50.0)), millis(r.at(99.0))));
        let counted = if number == 0 { "warming up" } else { "counted" };
        say(&format!(
            "cancel {number}/{} ({counted}), p50 / p99: ours {}, floor {}, woken floor {}",
            bench.rounds, text[0], text[1], text[2]
        ));
        if number > 0 {
            rounds.push(round);
        }
    }
    process.stop().await?;
    report_one(bench, &rounds);
    Ok(())
}

/// Some cancels of one system.
struct Round {
    seen: Latencies,
    receipts: Vec<Receipt>,
}

impl Round {
    fn at(&self, percent: f64) -> Duration {
        self.seen.percentile(percent)
    }
}

async fn cancel_some<S: System>(system: &S, samples: usize) -> Result<Round> {
    let mut running = VecDeque::from(start_running(system, RUNNING).await?);
    let measured = cancel_each(system, &mut running, samples).await;
    stop_all(system, running.make_contiguous()).await;
    measured
}

async fn cancel_each<S: System>(system: &S, running: &mut VecDeque<Uuid>, samples: usize) -> Result<Round> {
    let mut round = Round { seen: Latencies::new(), receipts: Vec::new() };
    for _ in 0..samples {
        let id = *running.front().context("nothing runs")?;
        let asked = Instant::now();
        system.cancel(id).await?;
        let look = loop {
            let look = system.look(id).await?;
            if look.done {
                break look;
            }
            ensure!(asked.elapsed() < Duration::from_secs(30), "{id} is not cancelled after 30 s");
        };
        round.seen.record(asked.elapsed());
        round.receipts.extend(look.receipt);
        running.pop_front();
        let next = system.start().await?;
        running.push_back(next);
        wait_for(system, &[next], |look| look.running).await?;
        tokio::time::sleep(SETTLE).await;
    }
    Ok(round)
}

fn report_one(bench: &mut Bench, rounds: &[[Round; 3]]) {
    let pooled = [0, 1, 2].map(|who| {
        let mut pool = Latencies::new();
        for round in rounds {
            pool.add(&round[who].seen);
        }
        pool
    });
    let receipts: Vec<&Receipt> = rounds.iter().flat_map(|round| &round[0].receipts).collect();
    for (percent, note) in [(50.0, format!("{METHOD}. {}", stages(&receipts))), (99.0, String::new())] {
        for (who, name, target) in [(1, "floor", Target::AtMost(2.0)), (2, "woken floor", Target::None)] {
            let Some(judged) =
                Spread::of(rounds.iter().map(|round| ratio(round[0].at(percent), round[who].at(percent))))
            else {
                continue;
            };
            bench.report.add(Figure {
                name: format!("cancel → CANCELLED visible, 100 running, p{percent}"),
                ours: millis(pooled[0].percentile(percent)),
                reference: format!("{name}: {}", millis(pooled[who].percentile(percent))),
                judged: Judged::Ratio(judged),
                target,
                note: if who == 1 { note.clone() } else { String::new() },
                rounds: rounds.iter().map(|round| pair(round[0].at(percent), round[who].at(percent))).collect(),
            });
        }
    }
}

/// What the server's receipts tell: each stage since the request, and the roads.
fn stages(receipts: &[&Receipt]) -> String {
    let mut stages = [Latencies::new(), Latencies::new(), Latencies::new()];
    let mut roads: BTreeMap<&str, usize> = BTreeMap::new();
    for receipt in receipts {
        for (stage, latencies) in receipt.stages().into_iter().zip(&mut stages) {
            if let Some(stage) = stage {
                latencies.record(stage);
            }
        }
        *roads.entry(receipt.delivered_by.as_deref().unwrap_or("unknown")).or_default() += 1;
    }
    let stage = |name, latencies: &Latencies| {
        format!("{name} {} / {}", millis(latencies.percentile(50.0)), millis(latencies.percentile(99.0)))
    };
    let roads: Vec<String> = roads.iter().map(|(road, count)| format!("{count} by {road}")).collect();
    format!(
        "By the server's receipts, p50 / p99 since the request: {}, {}, {}; delivered {}",
        stage("delivered", &stages[0]),
        stage("observed", &stages[1]),
        stage("stopped", &stages[2]),
        roads.join(", ")
    )
}

/// 1,000 running operations, cancelled at once.
pub async fn many_at_once(bench: &mut Bench) -> Result<()> {
    let product = Product::new(bench.client.clone(), STEP_MILLIS);
    let process = Process::start(&bench.settings).await?;
    let floor = process.with(SafePoint::EachMillisecond);
    let mut rounds = Vec::new();
    for number in 0..=bench.rounds {
        let (ours, bare) = if number % 2 == 0 {
            let ours = cancel_all(&product).await?;
            (ours, cancel_all(&floor).await?)
        } else {
            let bare = cancel_all(&floor).await?;
            (cancel_all(&product).await?, bare)
        };
        let counted = if number == 0 { "warming up" } else { "counted" };
        say(&format!(
            "cancel-many {number}/{} ({counted}): ours {} (by its receipts {}), floor {}",
            bench.rounds,
            millis(ours.seen),
            ours.server.map_or_else(|| "?".to_owned(), millis),
            millis(bare.seen)
        ));
        if number > 0 {
            rounds.push((ours, bare));
        }
    }
    process.stop().await?;
    report_many(bench, &rounds);
    Ok(())
}

/// How long it took to cancel them all.
struct All {
    /// From the first call to the look that saw the last one done.
    seen: Duration,
    /// From the first request stored to the last end stored.
    server: Option<Duration>,
}

async fn cancel_all<S: System>(system: &S) -> Result<All> {
    let ids = start_running(system, MANY).await?;
    let measured = cancel_at_once(system, &ids).await;
    if measured.is_err() {
        stop_all(system, &ids).await;
    }
    measured
}

async fn cancel_at_once<S: System>(system: &S, ids: &[Uuid]) -> Result<All> {
    let begun = Instant::now();
    let _: Vec<()> =
        stream::iter(ids.iter().copied()).map(|id| system.cancel(id)).buffer_unordered(AT_A_TIME).try_collect().await?;
    wait_for(system, ids, |look| look.done).await?;
    let seen = begun.elapsed();
    let receipts: Vec<Receipt> = looks(system, ids).await?.into_iter().filter_map(|(_, look)| look.receipt).collect();
    let first = receipts.iter().map(|receipt| receipt.requested_at).min();
    let last = receipts.iter().filter_map(|receipt| receipt.stopped_at).max();
    Ok(All { seen, server: first.zip(last).map(|(first, last)| between(first, last)) })
}

fn report_many(bench: &mut Bench, rounds: &[(All, All)]) {
    let median = |times: Vec<Duration>| {
        let seconds = Spread::of(times.iter().map(Duration::as_secs_f64)).map_or(0.0, |spread| spread.median);
        millis(Duration::from_secs_f64(seconds))
    };
    let Some(judged) = Spread::of(rounds.iter().map(|(ours, bare)| ratio(ours.seen, bare.seen))) else { return };
    let server = median(rounds.iter().filter_map(|(ours, _)| ours.server).collect());
    bench.report.add(Figure {
        name: format!("{} running, cancelled at once → the last one visible", thousands(MANY as u64)),
        ours: median(rounds.iter().map(|(ours, _)| ours.seen).collect()),
        reference: format!("floor: {}", median(rounds.iter().map(|(_, bare)| bare.seen).collect())),
        judged: Judged::Ratio(judged),
        target: Target::AtMost(3.0),
        note: format!("{METHOD_MANY}. By the server's receipts, first request to last end: {server}"),
        rounds: rounds.iter().map(|(ours, bare)| pair(ours.seen, bare.seen)).collect(),
    });
}

fn pair(ours: Duration, reference: Duration) -> Value {
    json!({"oursMillis": ours.as_secs_f64() * 1e3, "referenceMillis": reference.as_secs_f64() * 1e3})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_are_told_with_their_roads() {
        let receipt = |road: &str| -> Receipt {
            let json = json!({"requestedAt": "2026-11-23T07:00:00Z", "deliveredAt": "2026-11-23T07:00:00.002Z",
                "deliveredBy": road, "observedAt": "2026-11-23T07:00:00.003Z", "stoppedAt": "2026-11-23T07:00:00.005Z"});
            serde_json::from_value(json).unwrap()
        };
        let (push, renewal) = (receipt("push"), receipt("renewal"));
        let text = stages(&[&push, &push, &renewal]);
        assert!(
            text.contains("delivered 2.0 ms / 2.0 ms, observed 3.0 ms / 3.0 ms, stopped 5.0 ms / 5.0 ms"),
            "{text}"
        );
        assert!(text.ends_with("delivered 2 by push, 1 by renewal"), "{text}");
    }
}
