//! From create to done, at a rate that does not wait for answers.

use super::report::{Figure, Judged, Target};
use super::stats::{Latencies, Spread};
use super::{Bench, say};
use crate::client::Client;
use crate::text::millis;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const PER_SECOND: u32 = 10;

/// Operations of one step that takes no time, created at 10 a second.
pub async fn measure(bench: &mut Bench) -> Result<()> {
    let each_round = if bench.quick { 50 } else { 100 };
    let mut rounds = Vec::new();
    for round in 0..=bench.rounds {
        let latencies = open_loop(&bench.client, each_round).await?;
        let counted = if round == 0 { "warming up" } else { "counted" };
        let (p50, p99) = (latencies.percentile(50.0), latencies.percentile(99.0));
        say(&format!("create {round}/{} ({counted}), p50 / p99: {} / {}", bench.rounds, millis(p50), millis(p99)));
        if round > 0 {
            rounds.push(latencies);
        }
    }
    let mut pool = Latencies::new();
    for round in &rounds {
        pool.add(round);
    }
    for percent in [50.0, 99.0] {
        let by_round: Vec<f64> = rounds.iter().map(|round| round.percentile(percent).as_secs_f64() * 1e3).collect();
        let Some(spread) = Spread::of(by_round.iter().copied()) else { continue };
        bench.report.add(Figure {
            name: format!("create → done at {PER_SECOND}/s, p{percent}"),
            ours: format!("{} (rounds {:.1}–{:.1})", millis(pool.percentile(percent)), spread.min, spread.max),
            reference: String::new(),
            judged: Judged::Quantity(pool.percentile(percent).as_secs_f64() * 1e3, "ms"),
            target: Target::None,
            note: if percent < 99.0 { note(&pool) } else { String::new() },
            rounds: by_round.into_iter().map(|millis| json!({"millis": millis})).collect::<Value>(),
        });
    }
    Ok(())
}

fn note(pool: &Latencies) -> String {
    format!(
        "open loop: from the moment the create was due, whether or not the ones before had ended, to the poll that \
         shows it done; polled back to back. {} operations, the longest {}",
        pool.len(),
        millis(pool.max())
    )
}

async fn open_loop(client: &Client, count: u32) -> Result<Latencies> {
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for number in 0..count {
        let due = begun + Duration::from_secs(1) * number / PER_SECOND;
        tokio::time::sleep_until(due.into()).await;
        running.spawn(create_to_done(client.clone(), due));
    }
    let mut latencies = Latencies::new();
    while let Some(latency) = running.join_next().await {
        latencies.record(latency.context("a call broke off")??);
    }
    Ok(latencies)
}

async fn create_to_done(client: Client, due: Instant) -> Result<Duration> {
    let mut operation = client.create_steps(1, 0).await?;
    while !operation.done {
        ensure!(due.elapsed() < Duration::from_secs(30), "{} is {} after 30 s", operation.id, operation.state);
        operation = client.operation(operation.id).await?;
    }
    ensure!(operation.state == "SUCCEEDED", "{} did not succeed: {}", operation.id, operation.ending());
    Ok(due.elapsed())
}
