//! Counts, and operations that expire while they are asked for.

use crate::fixture::{Fixture, NATIVE, THEIRS, answer};
use futures_util::future::join_all;
use operation::Progress;
use runtime::clock;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use store::{Dropping, Ending, Partition};
use testkit::eventually;

async fn create(fixture: &Fixture) -> String {
    let created = fixture.post(NATIVE, &json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 1}})).await;
    created.body["id"].as_str().expect("an id").to_owned()
}

async fn counts(fixture: &Fixture) -> Value {
    let got = fixture.get(&format!("{NATIVE}:counts")).await;
    assert_eq!(got.status, 200, "{got:?}");
    got.body["counts"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_tell_what_a_list_shows_and_what_was_hidden_until_it_ends() {
    let fixture = Fixture::new().await;
    assert_eq!(counts(&fixture).await, json!([]));
    fixture.export().await;
    let count = |kind: &str, state: &str, count: &str| json!({"kind": kind, "state": state, "count": count});
    let (first, second) = (create(&fixture).await, create(&fixture).await);
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    assert_eq!(
        counts(&fixture).await,
        json!([
            count("demo.steps", "PENDING", "1"),
            count("demo.steps", "RUNNING", "1"),
            count("postgres.export", "PENDING", "1"),
        ])
    );
    fixture.post(&format!("{NATIVE}/{second}:cancel"), &json!({})).await;
    fixture.store.compact_counts(3).await.expect("folded");
    fixture.hide(&claimed).await;
    assert_eq!(fixture.get(&format!("{NATIVE}/{first}")).await.status, 404);
    let (cancelled, pending) = (count("demo.steps", "CANCELLED", "1"), count("postgres.export", "PENDING", "1"));
    assert_eq!(counts(&fixture).await, json!([&cancelled, count("demo.steps", "RUNNING", "1"), &pending]));
    fixture.finish(&claimed, Ending::Succeeded(json!({})), Progress::default()).await;
    assert_eq!(counts(&fixture).await, json!([cancelled, pending]));

    let theirs = answer(fixture.bare("GET", "/api/v1/projects/theirs/operations:counts").bearer_auth(THEIRS)).await;
    assert_eq!(theirs.body, json!({"counts": []}));
    let refused = fixture.get(&format!("{NATIVE}:counts?filter=x")).await;
    assert_eq!(refused.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));
    assert_eq!(fixture.post(&format!("{NATIVE}:counts"), &json!({})).await.status, 405);
}

/// INV-26: there, or not found, and never an error of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_expires_is_there_or_not_found() {
    let fixture = Fixture::new().await;
    let (old, partition) = old_operations(&fixture).await;
    let (asked, gone) = (AtomicUsize::new(0), AtomicBool::new(false));
    let ask = async |n: usize| {
        while !gone.load(Ordering::Relaxed) {
            let path = format!("{NATIVE}/{}", old[n]);
            let get = fixture.get(&path).await;
            let cancel = fixture.post(&format!("{path}:cancel"), &json!({})).await;
            let list = fixture.get(NATIVE).await;
            for answer in [&get, &cancel] {
                assert!(matches!(answer.status, 200 | 404), "{answer:?}");
            }
            assert_eq!(list.status, 200, "{list:?}");
            create(&fixture).await;
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    // Each goes while they ask.
    let they_ask = async |times: usize| {
        eventually("they ask", Duration::from_mins(1), async || (asked.load(Ordering::Relaxed) >= times).then_some(()))
            .await;
    };
    let expire = async {
        let kept = Duration::from_hours(24);
        they_ask(3).await;
        assert_eq!(fixture.store.expire(&partition, &kinds::demo_steps::KIND, kept, 1).await.expect("expired"), 1);
        while fixture.store.drop_partition(&partition, kept).await.expect("asked") != Dropping::Dropped {}
        they_ask(6).await;
        gone.store(true, Ordering::Relaxed);
    };
    tokio::join!(expire, join_all((0..old.len()).map(ask)));
    for id in &old {
        let got = fixture.get(&format!("{NATIVE}/{id}")).await;
        assert_eq!(got.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"));
    }
}

/// Operations that were created and cancelled 60 days ago, and their partition.
async fn old_operations(fixture: &Fixture) -> (Vec<String>, Partition) {
    let at = clock::now() - Duration::from_hours(60 * 24);
    fixture.store.ensure_partitions(at, 0).await.expect("a partition");
    let mut ids = Vec::new();
    for _ in 0..3 {
        let fresh = create(fixture).await;
        fixture.post(&format!("{NATIVE}/{fresh}:cancel"), &json!({})).await;
        let millis = format!("{:012x}", at.unix_timestamp() * 1000);
        ids.push(format!("{}-{}{}", &millis[..8], &millis[8..], &fresh[13..]));
        let client = fixture.database.as_ref().expect("a database").client().await;
        let age = "UPDATE operations SET id = $1::text::uuid, finish_time = finish_time - interval '60 days'
                   WHERE id = $2::text::uuid";
        assert_eq!(client.execute(age, &[&ids[ids.len() - 1], &fresh]).await.expect("aged"), 1);
    }
    let got = fixture.get(&format!("{NATIVE}/{}", ids[0])).await;
    assert_eq!(got.status, 200, "{got:?}");
    let partitions = fixture.store.partitions().await.expect("the partitions");
    let old = |partition: &Partition| partition.ended_seconds_ago.is_some_and(|ago| ago > 50.0 * 24.0 * 3600.0);
    (ids, partitions.into_iter().find(old).expect("the old one"))
}
