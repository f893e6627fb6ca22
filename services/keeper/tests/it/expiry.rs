//! What a round of the keeper takes away, and what it leaves.

use operation::{Kind, LeaseTerms, OperationId, Progress, Spec};
use runtime::clock;
use runtime::retention::Retention;
use safepoint_keeper::expiry::{Round, expire, round};
use serde_json::Map;
use std::num::NonZeroU32;
use std::time::Duration;
use store::{Address, Claimed, Ending, Finished, Store};
use testkit::{TestDatabase, eventually};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

/// The keeper tries again within 15 s.
const LIMIT: Duration = Duration::from_mins(1);

struct Fixture {
    database: TestDatabase,
    store: Store,
    client: Client,
}

impl Fixture {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        Self { store: database.store(), client: database.client().await, database }
    }

    /// Created so many days ago, and run by a worker since.
    async fn running(&self, kind: Kind, days_ago: u32) -> Claimed {
        let at = clock::now() - Duration::from_hours(24) * days_ago;
        self.store.ensure_partitions(at, 0).await.expect("a partition");
        let new = testkit::new_operation(id_at(at.unix_timestamp()), "p", Spec::new(kind.clone(), Map::new()));
        self.store.create(&new).await.expect("created");
        let worker = clock::new_worker_id();
        self.store.register_worker(worker, "test", LeaseTerms::default()).await.expect("registered");
        self.store.claim(worker, &kind, 1, "").await.expect("claimed").operations.pop().expect("one that waits")
    }

    /// Created and ended so many days ago.
    async fn ended(&self, kind: Kind, created_days_ago: u32, ended_days_ago: u32) -> OperationId {
        let claimed = self.running(kind, created_days_ago).await;
        let finished = Finished {
            fence: claimed.fence,
            ending: Ending::Succeeded(serde_json::json!({})),
            progress: Progress::default(),
            checkpoint: None,
            delivered: None,
            observed: None,
            cleanup: None,
            ended_by: None,
        };
        assert_eq!(self.store.finish(&[finished]).await.expect("written").len(), 1);
        let statement = "UPDATE operations SET finish_time = now() - make_interval(days => $1)
                         WHERE id = $2::text::uuid";
        let days = i32::try_from(ended_days_ago).expect("some days");
        let id = claimed.fence.id;
        assert_eq!(self.client.execute(statement, &[&days, &id.to_string()]).await.expect("aged"), 1);
        id
    }

    async fn is_there(&self, id: OperationId) -> bool {
        let address = Address { project: "p".parse().expect("a project"), collection: None, id };
        self.store.get(&address).await.expect("read").is_some()
    }
}

fn id_at(unix_seconds: i64) -> OperationId {
    // The time of one, the random rest of another.
    let millis = format!("{:012x}", unix_seconds * 1000);
    let fresh = clock::new_operation_id().to_string();
    format!("{}-{}{}", &millis[..8], &millis[8..], &fresh[13..]).parse().expect("a UUID")
}

/// Steps are kept for a day, exports for 30: two keepers at the same time take away what is older, partitions as a whole
/// where they can.
#[tokio::test]
async fn what_is_older_than_its_kind_is_kept_goes() {
    let fixture = Fixture::new().await;
    let young = fixture.ended(kinds::demo_steps::KIND, 3, 0).await;
    let steps = fixture.ended(kinds::demo_steps::KIND, 3, 2).await;
    let export = fixture.ended(kinds::postgres_export::KIND, 20, 20).await;
    let old = fixture.ended(kinds::postgres_export::KIND, 50, 50).await;
    // Created in the same week as one that runs since: that one stays, and its partition.
    let beside = fixture.ended(kinds::postgres_export::KIND, 70, 70).await;
    let running = fixture.running(kinds::postgres_export::KIND, 70).await.fence.id;
    let unasked = fixture.running(kinds::demo_steps::KIND, 3).await.fence.id;
    let before = partitions(&fixture).await;

    let retention = Retention { kinds: [(kinds::demo_steps::KIND, NonZeroU32::MIN)].into(), ..Retention::default() };
    let (other, shutdown) = (fixture.database.store(), CancellationToken::new());
    let (first, second) =
        tokio::join!(round(&fixture.store, &retention, &shutdown), round(&other, &retention, &shutdown));
    first.expect("a round");
    second.expect("a round");

    for (what, id, stays) in [
        ("steps that ended just now", young, true),
        ("steps that ended two days ago", steps, false),
        ("an export that ended 20 days ago", export, true),
        ("an export that ended 50 days ago", old, false),
        ("an old export beside one that runs", beside, false),
        ("an export that runs for 70 days", running, true),
        ("steps that run", unasked, true),
    ] {
        assert_eq!(fixture.is_there(id).await, stays, "{what}");
    }
    assert_eq!(partitions(&fixture).await, before - 1, "one partition is dropped");
    let counts = fixture.store.counts(&"p".parse().expect("a project")).await.expect("counted");
    let counts: Vec<_> = counts.iter().map(|c| (c.kind.as_str(), c.state.as_str(), c.count)).collect();
    assert_eq!(
        counts,
        [
            ("demo.steps", "RUNNING", 1),
            ("demo.steps", "SUCCEEDED", 1),
            ("postgres.export", "RUNNING", 1),
            ("postgres.export", "SUCCEEDED", 1),
        ]
    );
}

/// A partition that is in use when it is to be dropped is not left for the next round, ten minutes later.
#[tokio::test]
async fn what_was_busy_is_dropped_soon_after() {
    let fixture = Fixture::new().await;
    fixture.ended(kinds::demo_steps::KIND, 50, 50).await;
    let before = partitions(&fixture).await;
    let reader = fixture.database.client().await;
    reader.batch_execute("BEGIN; SELECT FROM operations LIMIT 1").await.expect("begun");
    let shutdown = CancellationToken::new();
    let busy = round(&fixture.store, &Retention::default(), &shutdown).await.expect("a round");
    assert_eq!((busy, partitions(&fixture).await), (Round::Busy, before));

    let keeper = tokio::spawn(expire(fixture.database.store(), Retention::default(), shutdown.clone()));
    let watcher = fixture.database.client().await;
    let waits = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()
                 AND wait_event_type = 'Lock' AND query LIKE '%drop_operations_partition(%'";
    for (what, wanted) in [("a drop that waits", true), ("a drop that gave up", false)] {
        eventually(what, LIMIT, async || {
            (watcher.query_one(waits, &[]).await.expect("a look").get::<_, bool>(0) == wanted).then_some(())
        })
        .await;
    }
    reader.batch_execute("COMMIT").await.expect("ended");
    eventually("the drop", LIMIT, async || (partitions(&fixture).await < before).then_some(())).await;
    shutdown.cancel();
    keeper.await.expect("the loop ends");
}

async fn partitions(fixture: &Fixture) -> usize {
    fixture.store.partitions().await.expect("the partitions").len()
}
