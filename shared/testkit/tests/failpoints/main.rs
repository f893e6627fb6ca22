//! At every point between two effects: the process dies before it or after it, the effect fails, its answer is lost, it
//! comes late, or twice. Then the process is started again, and what was promised holds.
//!
//! `FAILPOINT_ONLY='worker.finish lost'` runs some.

mod cases;
mod checks;
mod jobs;
mod lane;
mod old;
mod stories;

use anyhow::{Context, Result};
use cases::{Case, Role};
use lane::Lane;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;
use stories::Stories;

/// Systems side by side: a case mostly waits for leases and backoffs.
const LANES: usize = 6;

const RUNNING: &str = "SELECT count(*) > 0 FROM operations WHERE project_id = 'p' AND state = 'RUNNING'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fires_where_the_promises_hold() {
    let cases = Case::all();
    assert!(!cases.is_empty(), "FAILPOINT_ONLY names no case");
    let (count, begun) = (cases.len(), Instant::now());
    let queue = Mutex::new(cases.into_iter().enumerate().collect::<VecDeque<_>>());
    let broken = Mutex::new(Vec::new());
    // Kept to the end: to drop a database, all sessions of the server must answer, also one that this thread has begun to open
    // for another lane. It would wait for itself.
    let used = futures_util::future::join_all((0..LANES.min(count)).map(|_| run_all(&queue, &broken))).await;
    println!("{count} cases in {:?}", begun.elapsed());
    drop(used);
    let broken = broken.into_inner().expect("the failures");
    assert!(broken.is_empty(), "{} of {count} cases broke a promise:\n{}", broken.len(), broken.join("\n"));
}

/// Returns the systems that it has used.
async fn run_all(queue: &Mutex<VecDeque<(usize, Case)>>, broken: &Mutex<Vec<String>>) -> Vec<Lane> {
    let mut used = Vec::new();
    let next = || queue.lock().expect("the queue").pop_front();
    let mut lane = None;
    while let Some((number, case)) = next() {
        let system = match lane.take() {
            Some(lane) => lane,
            None => Lane::start().await,
        };
        let begun = Instant::now();
        let name = format!("{number}-{}-{}", case.point, case.action);
        let result = Box::pin(run(&system, &case, &name)).await;
        let took = begun.elapsed().as_secs_f64();
        println!("{took:6.1} s  {name} {:?}{}", case.role, if case.drained { " drained" } else { "" });
        match result {
            Ok(()) => lane = Some(system),
            // What it left would break the next one.
            Err(error) => {
                println!("{name}: {error:#}");
                broken.lock().expect("the failures").push(format!("{name}: {error:#}"));
                // Its connections are others'.
                for role in [Role::Api, Role::Keeper, Role::Worker] {
                    system.kill(role);
                }
                used.push(system);
            }
        }
    }
    used.extend(lane);
    used
}

async fn run(lane: &Lane, case: &Case, name: &str) -> Result<()> {
    let logged = lane.logged(case.role)?;
    lane.stop(case.role);
    if case.keeps_house() {
        // A keeper that had found a partition busy would look again, and do what the case is to see done.
        old::plant(lane).await?;
        jobs::plant(lane, name).await?;
    }
    if case.role == Role::Api {
        lane.arm(case.role, Some(case.failpoints()))?;
    }
    let stories = Stories { lane, case: name.to_owned() };
    let ((told, export), ()) = tokio::try_join!(stories.all(), drive(lane, case))?;
    let fired = lane.until("the point fires", async || Ok(lane.fired(case, logged)?.then_some(())));
    fired.await.context("trivial: nothing was tried")?;
    checks::check(lane, case, name, &told).await?;
    checks::exports(lane, case, name, &export)?;
    if case.keeps_house() {
        old::check(lane).await?;
        jobs::check(lane, name).await?;
    }
    Ok(())
}

/// Starts the process under test when its point will matter.
async fn drive(lane: &Lane, case: &Case) -> Result<()> {
    if case.role == Role::Api {
        return Ok(());
    }
    if case.point == "keeper.sweep" {
        lose_a_worker(lane).await?;
    }
    lane.until_row(case.armed_when()).await?;
    lane.arm(case.role, Some(case.failpoints()))?;
    if case.point == "keeper.sweep" {
        lane.arm(Role::Worker, None)?;
    }
    if case.drained {
        lane.until_row(RUNNING).await?;
        lane.ask_to_end(case.role);
    }
    Ok(())
}

/// Kills the worker while it runs something long. That may have been cancelled by the time of the kill: then again.
async fn lose_a_worker(lane: &Lane) -> Result<()> {
    let long = format!("{RUNNING} AND spec->>'steps' = '{}'", stories::LONG);
    loop {
        lane.until_row(&long).await?;
        lane.kill(Role::Worker);
        if lane.client.query_one(&long, &[]).await?.get(0) {
            return Ok(());
        }
        lane.arm(Role::Worker, None)?;
    }
}
