//! The counts of operations are what `SELECT count(*)` says, at each moment, whatever moves.

use crate::fixture::{Fixture, actor, failed, finished, new_operation, project, requester, succeeded};
use futures_util::future::join_all;
use operation::OperationId;
use runtime::clock;
use safepoint_store::{Address, Ending, PoolSettings, STATEMENTS, Store};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::TestDatabase;
use tokio_postgres::Client;

const PROJECTS: [&str; 3] = ["p", "q", "r"];
const ROUNDS: usize = 40;

type Counts = BTreeMap<(String, String, String), i64>;

/// Compares the counts and the rows in one snapshot.
pub async fn are_exact(client: &Client) {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.expect("begun");
    let (told, stored) = (told(client).await, stored(client).await);
    let (waiting, open) = (queue(client).await, open(client).await);
    client.batch_execute("COMMIT").await.expect("ended");
    assert_eq!(told, stored, "counts on the left, rows on the right");
    assert_eq!(waiting, open, "the queue by its counts on the left, by its rows on the right");
}

fn statement(name: &str) -> &'static str {
    STATEMENTS.iter().find(|(listed, _)| *listed == name).expect("a statement of this name").1
}

async fn told(client: &Client) -> Counts {
    let mut counts = Counts::new();
    for project in PROJECTS {
        for row in client.query(statement("counts"), &[&project]).await.expect("counts") {
            counts.insert((project.to_owned(), row.get(0), row.get(1)), row.get(2));
        }
    }
    counts
}

async fn stored(client: &Client) -> Counts {
    let count = "SELECT project_id, kind, state, count(*) FROM operations WHERE delete_time IS NULL OR NOT done GROUP BY 1, 2, 3";
    let rows = client.query(count, &[]).await.expect("rows");
    rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), row.get(3))).collect()
}

/// Pending, running, cancelling.
async fn queue(client: &Client) -> (i64, i64, i64) {
    let row = client.query_one(statement("queue"), &[&["demo.steps"].as_slice()]).await.expect("the queue");
    (row.get("pending"), row.get("running"), row.get("cancelling"))
}

/// The same by the rows, deleted ones too.
async fn open(client: &Client) -> (i64, i64, i64) {
    let count = "SELECT count(*) FILTER (WHERE state = 'PENDING'), count(*) FILTER (WHERE state = 'RUNNING'),
                        count(*) FILTER (WHERE state = 'RUNNING' AND cancel_requested_at IS NOT NULL) FROM operations";
    let row = client.query_one(count, &[]).await.expect("rows");
    (row.get(0), row.get(1), row.get(2))
}

/// Lives of all sorts in three projects, two keepers that fold, and somebody who compares all the while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_exact_while_all_moves_and_two_keepers_fold() {
    let fixture = Fixture::new().await;
    let ended = AtomicBool::new(false);
    let movers = async {
        join_all((0..4).map(|mover| lives(&fixture, mover))).await;
        ended.store(true, Ordering::Relaxed);
    };
    let compare = async {
        let client = fixture.database.client().await;
        let mut compared = 0;
        while !ended.load(Ordering::Relaxed) {
            are_exact(&client).await;
            compared += 1;
        }
        compared
    };
    let ((), compared, first, second) =
        tokio::join!(movers, compare, fold(&fixture.database, &ended), fold(&fixture.database, &ended));
    assert!(compared > 0 && first + second > 0, "compared {compared} times, folded {first} and {second} moves");
    while fixture.store.compact_counts(100).await.expect("folded") > 0 {}
    let left = fixture.client.query_one("SELECT count(*) FROM operation_moves", &[]).await.expect("a count");
    assert_eq!(left.get::<_, i64>(0), 0, "all is folded");
    are_exact(&fixture.client).await;
    let counts = fixture.store.counts(&project("p")).await.expect("counted");
    let names: Vec<_> = counts.iter().map(|count| (count.kind.as_str(), count.state.as_str())).collect();
    assert!(names.is_sorted() && counts.iter().all(|count| count.count > 0), "{counts:?}");
}

/// A keeper of its own, in small batches, so that they cut through lives.
async fn fold(database: &TestDatabase, ended: &AtomicBool) -> u64 {
    let store = Store::new(&database.url(), PoolSettings::new("keeper").connections(1)).expect("a store");
    let mut folded = 0;
    while !ended.load(Ordering::Relaxed) {
        folded += store.compact_counts(7).await.expect("folded");
        tokio::task::yield_now().await;
    }
    folded
}

/// What may become of an operation, again and again, among others that do the same.
async fn lives(fixture: &Fixture, mover: usize) {
    let store = &fixture.store;
    let mut worker = fixture.worker().await;
    for round in 0..ROUNDS {
        let created: Vec<_> = join_all((0..3).map(|n| create(fixture, PROJECTS[(mover + round + n) % 3]))).await;
        store.cancel(&created[0], &requester()).await.expect("answered");
        store.pause(&created[1], &actor()).await.expect("answered");
        let claimed = fixture.claim(worker, 3).await;
        if round % 10 == 9 {
            fixture.expire(worker).await;
            store.sweep(10).await.expect("swept");
            worker = fixture.worker().await;
        }
        store.resume(&created[1], &actor()).await.expect("answered");
        store.cancel(&created[2], &requester()).await.expect("answered");
        store.delete(&created[round % 3], &actor()).await.expect("answered");
        if round % 3 == 0 {
            store.cancel_and_delete(&created[(round + 2) % 3], &requester()).await.expect("answered");
        }
        for (n, claimed) in claimed.iter().enumerate() {
            let ending = match (round + n) % 5 {
                0 => succeeded(),
                1 => failed(true),
                2 => failed(false),
                3 => Ending::Released,
                _ => Ending::Cancelled,
            };
            store.finish(&[finished(claimed.fence, ending)]).await.expect("written");
        }
        let gone = format!("DELETE FROM operations WHERE id = '{}'", created[(round + 1) % 3].id.as_uuid());
        if round % 4 == 0 {
            fixture.database.client().await.batch_execute(&gone).await.expect("executed");
        }
    }
}

async fn create(fixture: &Fixture, in_project: &str) -> Address {
    let id: OperationId = clock::new_operation_id();
    fixture.store.create(&new_operation(id, in_project)).await.expect("created");
    Address { project: project(in_project), collection: None, id }
}

/// INV-22.
#[tokio::test]
async fn a_project_counts_its_own_alone() {
    let fixture = Fixture::new().await;
    fixture.create_in("p").await;
    fixture.create_in("q").await;
    for _ in 0..2 {
        let counts = fixture.store.counts(&project("p")).await.expect("counted");
        assert_eq!(counts.iter().map(|count| count.count).collect::<Vec<_>>(), [1], "{counts:?}");
        assert_eq!(fixture.store.counts(&project("nobody")).await.expect("counted"), []);
        fixture.store.compact_counts(100).await.expect("folded");
    }
}

/// The age of the oldest that waits, over projects and priorities.
#[tokio::test]
async fn the_queue_tells_the_oldest_that_waits() {
    let fixture = Fixture::new().await;
    let oldest = async || {
        let depths = fixture.store.queue_depths(&[kinds::demo_steps::KIND]).await.expect("the queue");
        let depth = depths.into_iter().find(|depth| depth.kind == kinds::demo_steps::KIND).expect("told");
        depth.oldest_pending_seconds
    };
    assert!(oldest().await.abs() < f64::EPSILON, "nothing waits");
    for (in_project, priority, hours) in [("p", 5, 1), ("p", 0, 3), ("p", -5, 2), ("q", 7, 4), ("r", 0, 1)] {
        let id = clock::new_operation_id();
        let new = safepoint_store::NewOperation { priority, ..new_operation(id, in_project) };
        fixture.store.create(&new).await.expect("created");
        let age = "UPDATE operations SET create_time = clock_timestamp() - make_interval(hours => $1)
                   WHERE id = $2::text::uuid";
        fixture.client.execute(age, &[&hours, &id.to_string()]).await.expect("aged");
    }
    assert!((4.0..4.1).contains(&(oldest().await / 3600.0)), "q has the oldest");
    fixture.sql("UPDATE operations SET state = 'PAUSED' WHERE project_id = 'q'").await;
    assert!((3.0..3.1).contains(&(oldest().await / 3600.0)), "then p, behind one of a higher priority");
}
