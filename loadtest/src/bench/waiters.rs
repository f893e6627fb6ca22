//! What thousands of clients that wait cost the others: half of them by long polls, half by streams of events, on one
//! replica.

use super::report::{Figure, Judged, Target};
use super::stats::{Latencies, Spread, ratio};
use super::system::{AT_A_TIME, Product, System, stop_all};
use super::{Bench, say};
use crate::client::Client;
use crate::postgres;
use crate::text::{millis, thousands};
use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use uuid::Uuid;

const OPERATIONS: usize = 250;
/// So many begin to wait at a time: a queue of connections that nobody has accepted yet is short.
const BEGIN: usize = 250;
const PATIENCE: Duration = Duration::from_mins(2);
const METHOD: &str = "250 demo.steps, of which as many run as the workers have slots for; the clients are spread over them, \
    one connection each. Meanwhile another client gets operations back to back on one kept connection, as it did before \
    anybody waited. At the end all operations are cancelled, 32 calls at a time";

/// When a client was told that its operation has ended.
type Told = (Uuid, Instant);

/// Gets before and while they wait, the connections of the api, and how soon they hear of the end.
pub async fn measure(bench: &mut Bench) -> Result<()> {
    raise_file_limit()?;
    let clients = if bench.quick { 1_000 } else { 5_000 };
    let product = Product::new(bench.client.clone(), 100);
    let ids: Vec<Uuid> =
        stream::iter(0..OPERATIONS).map(|_| product.start()).buffer_unordered(AT_A_TIME).try_collect().await?;
    let measured = wait_and_tell(bench, &ids, clients).await;
    if measured.is_err() {
        stop_all(&product, &ids).await;
    }
    measured
}

async fn wait_and_tell(bench: &mut Bench, ids: &[Uuid], clients: usize) -> Result<()> {
    let samples = if bench.quick { 500 } else { 2_000 };
    // The first ones warm up.
    gets(&bench.client, ids, samples / 4).await?;
    let before = gets(&bench.client, ids, samples).await?;
    let mut waiting = begin(&bench.client, ids, clients).await?;
    let (during, connections) = tokio::try_join!(gets(&bench.client, ids, samples), connections(bench))?;
    say(&format!("waiters: {clients} wait; get p50 / p99 before {}, now {}", both(&before), both(&during)));
    say(&format!("waiters: {connections} connections of the apis to the database"));
    ensure!(bench.client.watchers().await? == clients, "some do not wait any more");
    let client = &bench.client;
    let cancelled: HashMap<Uuid, Instant> = stream::iter(ids.iter().copied())
        .map(|id| async move { client.cancel(id).await.map(|_| (id, Instant::now())) })
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await?;
    let mut told = Latencies::new();
    while let Some(client) = tokio::time::timeout(PATIENCE, waiting.join_next()).await.context("some are not told")? {
        let (id, at) = client.context("a client broke off")??;
        told.record(at.saturating_duration_since(cancelled[&id]));
    }
    say(&format!("waiters: cancelled → told p50 / p99 {}", both(&told)));
    report(bench, clients, &before, &during, connections, &told);
    Ok(())
}

/// Looks at one operation after another.
pub async fn gets(client: &Client, ids: &[Uuid], samples: usize) -> Result<Latencies> {
    let mut latencies = Latencies::new();
    for id in ids.iter().cycle().take(samples) {
        let begun = Instant::now();
        client.operation(*id).await?;
        latencies.record(begun.elapsed());
    }
    Ok(latencies)
}

/// Returns when all wait.
async fn begin(client: &Client, ids: &[Uuid], clients: usize) -> Result<JoinSet<Result<Told>>> {
    let mut waiting = JoinSet::new();
    let numbers: Vec<usize> = (0..clients).collect();
    for some in numbers.chunks(BEGIN) {
        for number in some {
            let (client, id) = (client.clone(), ids[number % ids.len()]);
            // Each operation has clients of both sorts.
            let polls = (number / ids.len()).is_multiple_of(2);
            waiting.spawn(async move {
                if polls {
                    client.wait(id).await?;
                } else {
                    client.follow(id).await?;
                }
                Ok((id, Instant::now()))
            });
        }
        let begun = Instant::now();
        while client.watchers().await? != waiting.len() {
            if let Some(ended) = waiting.try_join_next() {
                let (id, _) = ended.context("a client broke off")??;
                anyhow::bail!("{id} ended by itself");
            }
            ensure!(begun.elapsed() < PATIENCE, "not all begin to wait");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(waiting)
}

/// The most connections that all apis together hold to the product's database, over some looks.
async fn connections(bench: &Bench) -> Result<i64> {
    let config = postgres::config(&bench.settings.database_url()?)?;
    let client = postgres::connect(&config).await?;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('safepoint-api', 'safepoint watch')";
    let mut most = 0;
    for _ in 0..10 {
        most = most.max(client.query_one(count, &[]).await?.get(0));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(most)
}

fn report(
    bench: &mut Bench,
    clients: usize,
    before: &Latencies,
    during: &Latencies,
    connections: i64,
    told: &Latencies,
) {
    let clients = thousands(clients as u64);
    for percent in [50.0, 99.0] {
        let (alone, among) = (before.percentile(percent), during.percentile(percent));
        let Some(spread) = Spread::of([ratio(among, alone)]) else { continue };
        bench.report.add(Figure {
            name: format!("get, while {clients} clients wait on the same replica, p{percent}"),
            ours: millis(among),
            reference: format!("nobody waits: {}", millis(alone)),
            judged: Judged::Ratio(spread),
            target: Target::None,
            note: if percent < 99.0 { METHOD.to_owned() } else { String::new() },
            rounds: json!([]),
        });
    }
    bench.report.add(Figure {
        name: format!("connections of both apis to the database, while {clients} clients wait"),
        ours: connections.to_string(),
        reference: String::new(),
        judged: Judged::Quantity(connections as f64, ""),
        // Two replicas, each with a pool of 8 for calls and 2 connections that look at what is watched.
        target: Target::AtMost(20.0),
        note: String::new(),
        rounds: json!([]),
    });
    bench.report.add(Figure {
        name: format!("{OPERATIONS} cancels, with {clients} clients waiting: answered → told, p99"),
        ours: millis(told.percentile(99.0)),
        reference: String::new(),
        judged: Judged::Quantity(told.percentile(99.0).as_secs_f64() * 1e3, "ms"),
        target: Target::None,
        note: format!("p50 {}, the longest {}", millis(told.percentile(50.0)), millis(told.max())),
        rounds: json!([]),
    });
}

/// Both percentiles, for those who wait.
pub fn both(latencies: &Latencies) -> String {
    format!("{} / {}", millis(latencies.percentile(50.0)), millis(latencies.percentile(99.0)))
}

/// A connection is a file, and many systems grant 1,024 unless asked.
pub fn raise_file_limit() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).context("the limit of open files stands")
}
