//! Chaos: the product as real processes under load, while processes are killed and frozen, links break, and Postgres and
//! RabbitMQ crash. Clients record what they ask and are told; a checker looks whether all promises were kept.
//!
//! `make chaos` shows it. `CHAOS_SECONDS`, `CHAOS_SEED` and `CHAOS_BROKER=off` set its terms.

mod checker;
mod client;
mod clients;
mod dice;
mod evidence;
mod faults;
mod history;
mod inject;
mod plans;
mod report;
mod world;

use anyhow::{Context, Result, ensure};
use client::Client;
use clients::Session;
use evidence::Evidence;
use faults::Schedule;
use history::History;
use inject::{Injected, Injector};
use report::Terms;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use world::World;

const SESSIONS: u64 = 24;
const SECONDS: u64 = 180;
/// After all is healed everything ends within this: retries of failed attempts wait up to 16 s.
const ENDS_WITHIN: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_run() {
    let terms = terms();
    println!("chaos: CHAOS_SEED={} CHAOS_SECONDS={}", terms.seed, terms.seconds);
    let mut world = World::start(terms.broker).await.expect("a world: run the tests by `make test`");
    let outcome = run(&mut world, terms).await;
    let kept = world.folder.display().to_string();
    let failed = !outcome.as_ref().is_ok_and(Vec::is_empty);
    let ended = world.end(failed).await;
    match outcome {
        Ok(wrong) => assert!(wrong.is_empty(), "seed {}: {wrong:#?}\nall is kept in {kept}", terms.seed),
        Err(error) => panic!("seed {}: {error:?}\nall is kept in {kept}", terms.seed),
    }
    ended.expect("the world ends");
}

fn terms() -> Terms {
    let set = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let number = |name: &str| set(name).map(|text| text.parse().expect("a whole number"));
    Terms {
        seed: number("CHAOS_SEED").unwrap_or_else(|| (runtime::clock::jitter() * 1e9) as u64),
        seconds: number("CHAOS_SECONDS").unwrap_or(SECONDS),
        broker: set("CHAOS_BROKER").is_none_or(|broker| broker != "off"),
    }
}

/// Runs, checks and tells; what was wrong.
async fn run(world: &mut World, terms: Terms) -> Result<Vec<String>> {
    let history = Arc::new(History::default());
    let client = Client::new(world.urls.clone(), history.clone());
    let stop = CancellationToken::new();
    let mut sessions = JoinSet::new();
    for number in 1..=SESSIONS {
        sessions.spawn(Session::new(&client, terms.seed, number, stop.clone()).run());
    }
    sessions.spawn(clients::walk_lists(client.clone(), terms.seed, stop.clone()));
    let end = stop.clone();
    let time = tokio::spawn(async move {
        clients::rest(terms.seconds * 1_000).await;
        end.cancel();
    });
    let injector = Injector::new(world, &client);
    let injected = injector.run(Schedule::new(terms.seed, terms.broker), &stop).await;
    // Also where a fault could not be made or healed: then there is nothing more to wait for.
    stop.cancel();
    time.abort();
    while let Some(session) = sessions.join_next().await {
        session.context("a session")?;
    }
    let Injected { windows, misbehaviour } = injected?;
    world.heal(terms.broker).await?;
    all_end(world, &client).await?;
    let stuck = sessions_in_transactions(world).await?;
    let evidence = Evidence::gather(world, history.take(), windows).await?;
    let violations = checker::check(&evidence);
    println!("{}", report::tell(&evidence, &violations, terms));
    let mut wrong: Vec<String> = misbehaviour;
    wrong.extend(violations.iter().map(|v| format!("{} {}: {}", v.invariant, v.about, v.what)));
    wrong.extend(report::trivial(&evidence, terms).iter().map(|what| format!("the run is trivial (INV-31): {what}")));
    wrong.extend((stuck > 0).then(|| format!("INV-29: {stuck} sessions are idle in a transaction")));
    if !wrong.is_empty() {
        evidence.keep(&world.folder)?;
    }
    Ok(wrong)
}

/// Lets what is paused go on, and waits until nothing is left to do.
async fn all_end(world: &World, client: &Client) -> Result<()> {
    let database = world.database().await?;
    let paused = "SELECT id::text FROM operations WHERE state = 'PAUSED'";
    for row in database.query(paused, &[]).await? {
        let id: String = row.get(0);
        ensure!(client.resume(0, &id).await.is_done(), "{id} cannot be resumed");
    }
    // Those whose session had no time left to cancel them.
    let hung = "SELECT id::text FROM operations WHERE NOT done AND spec ? 'hangAt' AND cancel_requested_at IS NULL";
    for row in database.query(hung, &[]).await? {
        let id: String = row.get(0);
        ensure!(client.cancel(0, &id).await.is_done(), "{id} cannot be cancelled");
    }
    let open = "SELECT count(*) FROM operations WHERE NOT done";
    let begun = std::time::Instant::now();
    while begun.elapsed() < ENDS_WITHIN && database.query_one(open, &[]).await?.get::<_, i64>(0) > 0 {
        clients::rest(200).await;
    }
    // What has not ended by now is found by the checker.
    Ok(())
}

async fn sessions_in_transactions(world: &World) -> Result<i64> {
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
        AND state_change < clock_timestamp() - interval '5 s'";
    Ok(world.database().await?.query_one(idle, &[]).await?.get(0))
}
