//! Whether a project with a long queue holds others up: how soon the operations of a small project start while another
//! one keeps all workers busy, with a short queue and with a long one.

use super::report::{Figure, Judged, Target};
use super::stats::{Latencies, Spread, ratio};
use super::system::AT_A_TIME;
use super::waiters::both;
use super::{Bench, say};
use crate::client::Client;
use crate::settings::Settings;
use crate::text::{millis, thousands};
use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const KIND: &str = "demo.steps";
const SHORT_QUEUE: usize = 300;
/// So many of the neighbour's operations end each second, whatever slots there are; and so many are created.
const ENDS_PER_SECOND: usize = 100;
const STEP_MILLIS: u32 = 20;
const PATIENCE: Duration = Duration::from_mins(3);
/// A cancel of 100,000 takes some minutes.
const LONG_PATIENCE: Duration = Duration::from_mins(20);
/// What many creates or cancels leave to the database is done by then, for the most part.
const SETTLE: Duration = Duration::from_secs(10);
const METHOD: &str = "createTime → startTime of demo.steps, two at a time, of a project that has no others; meanwhile another \
    project keeps every slot of both workers busy with operations of which 100 end, and 100 are created, each second. Half of \
    the rounds with the short queue stand before those with the long one, half after its cancel";

/// Rounds with a short queue, then with a long one, then with a short one again.
pub async fn measure(bench: &mut Bench) -> Result<()> {
    let alone = round(bench, None).await?;
    let neighbour = Neighbour::settle(&bench.settings.neighbour()?).await?;
    let measured = short_long_short(bench, &neighbour).await;
    neighbour.leave().await?;
    let (short, long) = measured?;
    report(bench, &alone, &short, &long);
    Ok(())
}

/// The rounds with a short queue, and as many with a long one.
async fn short_long_short(bench: &Bench, neighbour: &Neighbour) -> Result<(Vec<Latencies>, Vec<Latencies>)> {
    let queued = queued(bench);
    let feeding = neighbour.feed();
    neighbour.create(neighbour.slots + SHORT_QUEUE).await?;
    let mut short = rounds(bench, neighbour, "short", bench.rounds - bench.rounds / 2).await?;
    let begun = Instant::now();
    neighbour.create(queued).await?;
    say(&format!("fair: {} created in {} s", thousands(queued as u64), begun.elapsed().as_secs()));
    let long = rounds(bench, neighbour, "long", bench.rounds).await?;
    let (waiting, _) = neighbour.counts().await?;
    ensure!(waiting >= queued as u64 * 9 / 10, "only {waiting} operations of the neighbour wait at the end");
    // What is created during the cancel is not meant by it, and would be no short queue.
    feeding.end().await?;
    if bench.rounds > 1 {
        let begun = Instant::now();
        neighbour.leave().await?;
        say(&format!("fair: cancelled in {} s", begun.elapsed().as_secs()));
        let feeding = neighbour.feed();
        neighbour.create(neighbour.slots + SHORT_QUEUE).await?;
        short.extend(rounds(bench, neighbour, "short", bench.rounds / 2).await?);
        feeding.end().await?;
    }
    Ok((short, long))
}

fn queued(bench: &Bench) -> usize {
    if bench.quick { 10_000 } else { 100_000 }
}

/// One round to warm up, and then those that count.
async fn rounds(bench: &Bench, neighbour: &Neighbour, queue: &str, rounds: u32) -> Result<Vec<Latencies>> {
    tokio::time::sleep(SETTLE).await;
    let mut counted = Vec::new();
    for number in 0..=rounds {
        let latencies = round(bench, Some(neighbour)).await?;
        let (waiting, running) = neighbour.counts().await?;
        let how = if number == 0 { "warming up" } else { "counted" };
        say(&format!(
            "fair, {queue} queue {number}/{rounds} ({how}): start p50 / p99 {}; {waiting} wait, {running} run",
            both(&latencies)
        ));
        if number > 0 {
            counted.push(latencies);
        }
    }
    Ok(counted)
}

/// Two at a time, the next two when both have ended.
async fn round(bench: &Bench, neighbour: Option<&Neighbour>) -> Result<Latencies> {
    let pairs = if bench.quick { 100 } else { 250 };
    let mut latencies = Latencies::new();
    for _ in 0..pairs {
        let (one, other) = tokio::try_join!(start_latency(&bench.client), start_latency(&bench.client))?;
        latencies.record(one);
        latencies.record(other);
    }
    if let Some(neighbour) = neighbour {
        neighbour.ensure_busy().await?;
    }
    Ok(latencies)
}

async fn start_latency(client: &Client) -> Result<Duration> {
    let id = client.create_steps(1, 0).await?.id;
    let operation = client.wait(id).await?;
    ensure!(operation.state == "SUCCEEDED", "{id} did not succeed: {}", operation.ending());
    operation.start_latency().with_context(|| format!("{id} succeeded and never started"))
}

/// The project that keeps all slots busy.
struct Neighbour {
    client: Client,
    slots: usize,
    created: Arc<AtomicUsize>,
}

/// Creates for as long as it is held.
struct Feeding(JoinSet<Result<()>>);

impl Neighbour {
    /// Learns how many slots there are: so many run while others wait.
    async fn settle(settings: &Settings) -> Result<Self> {
        let mut neighbour = Self { client: Client::new(settings)?, slots: 0, created: Arc::new(AtomicUsize::new(0)) };
        ensure!(neighbour.counts().await? == (0, 0), "{} has operations already", settings.project);
        let found = neighbour.find_slots().await;
        neighbour.leave().await?;
        neighbour.slots = found?;
        say(&format!("fair: the workers have {} slots", neighbour.slots));
        Ok(neighbour)
    }

    async fn find_slots(&self) -> Result<usize> {
        let begun = Instant::now();
        let mut last = 0;
        loop {
            let (waiting, running) = self.counts().await?;
            if waiting == 0 {
                self.create_steps(100, 300_000).await?;
            } else if running > 0 && running == last {
                return Ok(running as usize);
            }
            last = running;
            ensure!(begun.elapsed() < PATIENCE, "more and more run: {running}");
            // Longer than a worker takes to look for work.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    /// Creates so many, of lengths that differ, so that their ends are spread.
    async fn create(&self, count: usize) -> Result<()> {
        let number = self.created.fetch_add(count, Ordering::Relaxed);
        stream::iter(number..number + count)
            .map(|number| self.client.create_steps(length(number, self.slots) / STEP_MILLIS, STEP_MILLIS))
            .buffer_unordered(AT_A_TIME)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    async fn create_steps(&self, count: usize, length: u32) -> Result<()> {
        let creates = stream::iter(0..count).map(|_| self.client.create_steps(length / STEP_MILLIS, STEP_MILLIS));
        creates.buffer_unordered(AT_A_TIME).try_for_each(|_| async { Ok(()) }).await
    }

    /// Creates as many as end, in rounds with either queue.
    fn feed(&self) -> Feeding {
        let (client, slots, created) = (self.client.clone(), self.slots, self.created.clone());
        let mut feeding = JoinSet::new();
        feeding.spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_secs(1) / ENDS_PER_SECOND as u32);
            loop {
                tick.tick().await;
                let length = length(created.fetch_add(1, Ordering::Relaxed), slots);
                client.create_steps(length / STEP_MILLIS, STEP_MILLIS).await?;
            }
        });
        Feeding(feeding)
    }

    /// How many wait, and how many run.
    async fn counts(&self) -> Result<(u64, u64)> {
        let counts = self.client.counts().await?;
        Ok((counts.of(KIND, "PENDING"), counts.of(KIND, "RUNNING")))
    }

    async fn ensure_busy(&self) -> Result<()> {
        let (waiting, running) = self.counts().await?;
        // Each is empty for a moment after an end.
        let least = self.slots as u64 / 2;
        ensure!(
            waiting > 0 && running >= least,
            "the slots were not kept busy: {running} of {} run, {waiting} wait",
            self.slots
        );
        Ok(())
    }

    /// Asks those that a filter selects to stop; returns when all have been asked.
    async fn cancel(&self, filter: &str) -> Result<()> {
        let Some(mut cancel) = self.client.cancel_many(filter).await?.operation else { return Ok(()) };
        let begun = Instant::now();
        while !cancel.done {
            ensure!(begun.elapsed() < LONG_PATIENCE, "{} of them have been cancelled", cancel.progress.items_done);
            tokio::time::sleep(Duration::from_millis(500)).await;
            cancel = self.client.operation(cancel.id).await?;
        }
        ensure!(cancel.state == "SUCCEEDED", "the cancel of many did not succeed: {}", cancel.ending());
        Ok(())
    }

    /// Cancels all that has not ended, and waits for it.
    async fn leave(&self) -> Result<()> {
        self.cancel("done = false").await?;
        let begun = Instant::now();
        while self.counts().await? != (0, 0) {
            ensure!(begun.elapsed() < PATIENCE, "the neighbour's operations do not stop");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }
}

impl Feeding {
    /// What went wrong meanwhile, if anything did.
    async fn end(mut self) -> Result<()> {
        if let Some(ended) = self.0.try_join_next() {
            ended.context("the feeder broke off")??;
        }
        self.0.shutdown().await;
        Ok(())
    }
}

/// In milliseconds: half to one and a half of what lets 100 of them end each second.
fn length(number: usize, slots: usize) -> u32 {
    let mean = slots * 1_000 / ENDS_PER_SECOND;
    // 61 has no divisor in common with 100: each hundred has all lengths.
    let percent = 50 + number * 61 % 100;
    (mean * percent / 100).max(STEP_MILLIS as usize) as u32
}

fn report(bench: &mut Bench, alone: &Latencies, short: &[Latencies], long: &[Latencies]) {
    let pool = |rounds: &[Latencies]| {
        let mut pool = Latencies::new();
        for round in rounds {
            pool.add(round);
        }
        pool
    };
    let (short_pool, long_pool) = (pool(short), pool(long));
    let queued = thousands(queued(bench) as u64);
    for (percent, target) in [(50.0, Target::None), (99.0, Target::AtMost(2.0))] {
        let at = |latencies: &Latencies| latencies.percentile(percent);
        let pairs = || short.iter().map(at).zip(long.iter().map(at));
        let Some(judged) = Spread::of(pairs().map(|(short, long)| ratio(long, short))) else { continue };
        bench.report.add(Figure {
            name: format!("start latency of a small project beside one with {queued} queued, p{percent}"),
            ours: millis(at(&long_pool)),
            reference: format!("beside one with some hundreds: {}", millis(at(&short_pool))),
            judged: Judged::Ratio(judged),
            target,
            note: if percent < 99.0 {
                format!("{METHOD}. With both workers idle: p50 / p99 {}", both(alone))
            } else {
                format!("{} and {} operations, the longest {} and {}", long_pool.len(), short_pool.len(),
                    millis(long_pool.max()), millis(short_pool.max()))
            },
            rounds: pairs()
                .map(|(short, long)| json!({"oursMillis": long.as_secs_f64() * 1e3, "referenceMillis": short.as_secs_f64() * 1e3}))
                .collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_spread_around_what_keeps_the_pace() {
        for slots in [32, 1_200] {
            let lengths: Vec<u32> = (0..100).map(|number| length(number, slots)).collect();
            let mean = lengths.iter().sum::<u32>() / 100;
            let wanted = slots as u32 * 10;
            assert!(mean.abs_diff(wanted) <= wanted / 50, "{mean} for {slots}");
            assert_eq!(lengths.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
        }
    }
}
