//! What is old goes: partitions with all that is in them, or row by row; and nobody stumbles over it.

use crate::counts;
use crate::fixture::{Fixture, actor, at, finished, new_operation, project, requester, succeeded};
use futures_util::future::join_all;
use operation::{OperationId, State};
use runtime::clock;
use safepoint_store::{Dropping, ListFilter, NewOperation, Order, Partition, STATEMENTS};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use testkit::eventually;
use uuid::{NoContext, Timestamp, Uuid};

const DAY: Duration = Duration::from_hours(24);
const KEPT: Duration = Duration::from_hours(30 * 24);

/// An operation created so many days ago, in the partition of that week.
async fn created(fixture: &Fixture, days_ago: u32) -> OperationId {
    let at = clock::now() - DAY * days_ago;
    fixture.store.ensure_partitions(at, 0).await.expect("a partition");
    let seconds = u64::try_from(at.unix_timestamp()).expect("after 1970");
    let id = OperationId::from_uuid(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0)));
    let labels = [("made".to_owned(), "long ago".to_owned())].into();
    fixture.store.create(&NewOperation { labels, ..new_operation(id, "p") }).await.expect("created");
    id
}

/// Labels go with their operations, and with no other's.
async fn labels_fit(fixture: &Fixture) {
    while fixture.store.forget_labels(1).await.expect("forgotten") > 0 {}
    let statement = "SELECT (SELECT count(*) FROM operation_labels), count(l.operation_id), count(*) FILTER (WHERE o.labels <> '{}')
                     FROM operations o LEFT JOIN operation_labels l ON l.operation_id = o.id";
    let row = fixture.client.query_one(statement, &[]).await.expect("one row");
    let counted: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    assert!(
        counted.iter().all(|count| *count == counted[0]),
        "labels, of operations, operations with labels: {counted:?}"
    );
}

/// The same, ended so many days ago.
async fn ended(fixture: &Fixture, created_days_ago: u32, ended_days_ago: u32) -> OperationId {
    let id = created(fixture, created_days_ago).await;
    let fence = fixture.claim_one(fixture.worker().await).await;
    assert_eq!(fence.id, id, "the only one that waits");
    fixture.store.finish(&[finished(fence, succeeded())]).await.expect("written");
    ended_long_ago(fixture, id, ended_days_ago).await;
    id
}

async fn ended_long_ago(fixture: &Fixture, id: OperationId, days: u32) {
    let statement = "UPDATE operations SET finish_time = now() - make_interval(days => $1) WHERE id = $2::text::uuid";
    let days = i32::try_from(days).expect("some days");
    assert_eq!(fixture.client.execute(statement, &[&days, &id.to_string()]).await.expect("aged"), 1);
}

/// The partition that an operation lies in.
async fn partition_of(fixture: &Fixture, id: OperationId) -> Partition {
    let statement = "SELECT tableoid::regclass::text FROM operations WHERE id = $1::text::uuid";
    let row = fixture.client.query_one(statement, &[&id.to_string()]).await.expect("one row");
    let name: String = row.get(0);
    let partitions = fixture.store.partitions().await.expect("the partitions");
    partitions.into_iter().find(|partition| partition.name == name).expect("listed")
}

async fn is_there(fixture: &Fixture, id: OperationId) -> bool {
    fixture.store.get(&at(id)).await.expect("read").is_some()
}

#[tokio::test]
async fn an_old_partition_goes_with_its_operations_and_their_counts() {
    let fixture = Fixture::new().await;
    let (old, young) = (ended(&fixture, 60, 59).await, ended(&fixture, 0, 0).await);
    // Some of the counts are folded, some are not.
    fixture.store.compact_counts(3).await.expect("folded");
    fixture.store.delete(&at(ended(&fixture, 60, 59).await), &actor()).await.expect("deleted");
    let partition = partition_of(&fixture, old).await;
    let age = partition.ended_seconds_ago.expect("of a week") / DAY.as_secs_f64();
    assert!((52.9..=60.0).contains(&age), "its week ended {age} days ago");
    assert_eq!(fixture.store.drop_partition(&partition, DAY * 60).await.expect("asked"), Dropping::Kept, "too young");
    assert!(is_there(&fixture, old).await);
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Dropped);
    assert!(!is_there(&fixture, old).await && is_there(&fixture, young).await);
    assert!(fixture.store.cancel(&at(old), &requester()).await.expect("answered").is_none(), "NOT_FOUND");
    counts::are_exact(&fixture.client).await;
    while fixture.store.compact_counts(100).await.expect("folded") > 0 {}
    counts::are_exact(&fixture.client).await;
    // Another keeper, which found the partition before.
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Dropped);
    assert_eq!(fixture.store.expire(&partition, &kinds::demo_steps::KIND, KEPT, 10).await.expect("asked"), 0);
    labels_fit(&fixture).await;
}

#[tokio::test]
async fn what_has_not_ended_keeps_its_partition_and_nothing_else() {
    let fixture = Fixture::new().await;
    let (old, running) = (ended(&fixture, 60, 59).await, created(&fixture, 60).await);
    let fence = fixture.claim_one(fixture.worker().await).await;
    let partition = partition_of(&fixture, running).await;
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Kept);
    assert_eq!(
        fixture.store.expire(&partition, &kinds::postgres_export::KIND, KEPT, 10).await.expect("asked"),
        0,
        "another kind"
    );
    assert_eq!(fixture.store.expire(&partition, &kinds::demo_steps::KIND, KEPT, 10).await.expect("asked"), 1);
    assert!(!is_there(&fixture, old).await);
    counts::are_exact(&fixture.client).await;
    assert_eq!(fixture.get(running).await.state, State::Running);
    // Kept from its end on, not from its beginning.
    fixture.store.finish(&[finished(fence, succeeded())]).await.expect("written");
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Kept);
    assert_eq!(fixture.store.expire(&partition, &kinds::demo_steps::KIND, KEPT, 10).await.expect("asked"), 0);
    ended_long_ago(&fixture, running, 31).await;
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Dropped);
    counts::are_exact(&fixture.client).await;
}

#[tokio::test]
async fn rows_expire_oldest_first_and_a_few_at_a_time() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    for days in [4, 2, 3, 1] {
        ids.push(ended(&fixture, 0, days).await);
    }
    let partition = partition_of(&fixture, ids[0]).await;
    let left = async || {
        let page = fixture
            .store
            .list(&project("p"), &ListFilter::default(), Order::NewestFirst, None, 10)
            .await
            .expect("listed");
        page.operations.len()
    };
    assert_eq!(fixture.store.expire(&partition, &kinds::demo_steps::KIND, DAY * 2, 1).await.expect("expired"), 1);
    assert!(!is_there(&fixture, ids[0]).await, "it ended first");
    assert_eq!(left().await, 3);
    assert_eq!(fixture.store.expire(&partition, &kinds::demo_steps::KIND, DAY * 2, 10).await.expect("expired"), 2);
    assert!(is_there(&fixture, ids[3]).await);
    assert_eq!(left().await, 1);
    counts::are_exact(&fixture.client).await;
    labels_fit(&fixture).await;
}

/// An id of a clock far off lies in the default partition, which always stays.
#[tokio::test]
async fn the_default_partition_stays_and_its_rows_expire() {
    let fixture = Fixture::new().await;
    let id = OperationId::from_uuid(Uuid::new_v7(Timestamp::from_unix(NoContext, 1_000_000_000, 0)));
    fixture.store.create(&new_operation(id, "p")).await.expect("created");
    fixture.store.cancel(&at(id), &requester()).await.expect("answered");
    ended_long_ago(&fixture, id, 31).await;
    let partition = partition_of(&fixture, id).await;
    assert_eq!((partition.name.as_str(), partition.ended_seconds_ago), ("operations_default", None));
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Kept);
    assert_eq!(fixture.store.expire(&partition, &kinds::demo_steps::KIND, KEPT, 10).await.expect("expired"), 1);
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Kept);
    created(&fixture, 0).await;
    counts::are_exact(&fixture.client).await;
}

/// A statement that takes long keeps the partition, and those behind it wait for the drop a moment only.
#[tokio::test]
async fn writers_come_before_a_drop() {
    let fixture = Fixture::new().await;
    let partition = partition_of(&fixture, ended(&fixture, 60, 59).await).await;
    let reader = fixture.database.client().await;
    reader.batch_execute("BEGIN; SELECT FROM operations LIMIT 1").await.expect("begun");
    let (dropping, new) = tokio::join!(fixture.store.drop_partition(&partition, KEPT), created(&fixture, 0));
    assert_eq!(dropping.expect("asked"), Dropping::Busy);
    assert!(is_there(&fixture, new).await);
    reader.batch_execute("COMMIT").await.expect("ended");
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Dropped);
    counts::are_exact(&fixture.client).await;
}

/// A compaction that is under way would add to the counts of a partition that is gone.
#[tokio::test]
async fn a_drop_waits_for_a_compaction() {
    let fixture = Fixture::new().await;
    let partition = partition_of(&fixture, ended(&fixture, 60, 59).await).await;
    let keeper = fixture.database.client().await;
    let (_, compact) = STATEMENTS.iter().find(|(name, _)| *name == "compact").expect("the statement");
    keeper.batch_execute("BEGIN").await.expect("begun");
    assert!(keeper.query_one(*compact, &[&1000_i64]).await.expect("folded").get::<_, i64>(0) > 0);
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Busy);
    assert_eq!(fixture.store.compact_counts(10).await.expect("asked"), 0, "one at a time");
    keeper.batch_execute("COMMIT").await.expect("ended");
    assert_eq!(fixture.store.drop_partition(&partition, KEPT).await.expect("asked"), Dropping::Dropped);
    counts::are_exact(&fixture.client).await;
}

/// INV-26: whatever is asked of an operation while it expires, the answer is the operation or that there is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_stumbles_over_what_expires() {
    let fixture = Fixture::new().await;
    let (mut ids, mut partitions) = (Vec::new(), Vec::new());
    for days in [100, 90, 80, 70, 60] {
        for _ in 0..5 {
            ids.push(ended(&fixture, days, 45).await);
        }
        partitions.push(partition_of(&fixture, ids[ids.len() - 1]).await);
    }
    let (asked, gone) = (AtomicUsize::new(0), AtomicBool::new(false));
    let keep = async {
        for (n, partition) in partitions.iter().enumerate() {
            // Each goes while they ask.
            eventually("they ask", Duration::from_mins(1), async || {
                (asked.load(Ordering::Relaxed) >= n * 8).then_some(())
            })
            .await;
            fixture.store.expire(partition, &kinds::demo_steps::KIND, KEPT, 2).await.expect("expired");
            while fixture.store.drop_partition(partition, KEPT).await.expect("asked") != Dropping::Dropped {}
            fixture.store.compact_counts(10).await.expect("folded");
        }
        gone.store(true, Ordering::Relaxed);
    };
    tokio::join!(keep, join_all((0..4).map(|_| ask(&fixture, &ids, &asked, &gone))));
    for id in ids {
        assert!(!is_there(&fixture, id).await, "{id}");
    }
    counts::are_exact(&fixture.client).await;
}

async fn ask(fixture: &Fixture, ids: &[OperationId], asked: &AtomicUsize, gone: &AtomicBool) {
    let store = &fixture.store;
    while !gone.load(Ordering::Relaxed) {
        let n = asked.fetch_add(1, Ordering::Relaxed);
        let address = at(ids[n % ids.len()]);
        store.get(&address).await.expect("read");
        store.cancel(&address, &requester()).await.expect("answered");
        store.list(&project("p"), &ListFilter::default(), Order::NewestFirst, None, 10).await.expect("listed");
        store.counts(&project("p")).await.expect("counted");
        if n.is_multiple_of(5) {
            store.delete(&address, &actor()).await.expect("answered");
            fixture.create().await;
        }
    }
}
