//! Many who wait hold next to nothing.

use crate::event_stream::EventStream;
use crate::fixture::{Fixture, answer};
use futures_util::future::join_all;
use operation::{LeaseTerms, Progress};
use runtime::{clock, lifecycle};
use safepoint_api::operations::watch::Terms;
use serde_json::json;
use store::{Ending, Finished};

const OPERATIONS: usize = 50;
const EACH: usize = 10;

/// 1,000 clients, half long polls and half streams.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_wait_without_connections_to_the_database() {
    lifecycle::raise_file_limit();
    let fixture = Fixture::with_terms(Terms::new(10_000), None).await;
    let mut paths = Vec::new();
    for _ in 0..OPERATIONS {
        paths.push(fixture.steps().await);
    }
    let each = || paths.iter().flat_map(|path| std::iter::repeat_n(path, EACH));
    let waits = each().map(|path| {
        let request = fixture.request("POST", &format!("{path}:wait")).json(&json!({"timeout": "300s"}));
        tokio::spawn(answer(request))
    });
    let waits: Vec<_> = waits.collect();
    let mut streams = join_all(each().map(|path| EventStream::open(&fixture, path, None))).await;
    fixture.watchers(2 * OPERATIONS * EACH).await;

    // The api's pool (8), the two lanes that look, and this test's own.
    let client = fixture.database.as_ref().expect("a database").client().await;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
    let connections: i64 = client.query_one(count, &[]).await.expect("a count").get(0);
    assert!(connections <= 11, "{connections} connections");
    for path in &paths {
        assert_eq!(fixture.get(path).await.status, 200);
    }

    let worker = clock::new_worker_id();
    fixture.store.register_worker(worker, "test", LeaseTerms::default()).await.expect("registered");
    let claimed =
        fixture.store.claim(worker, &kinds::demo_steps::KIND, OPERATIONS as u32, "").await.expect("claimed").operations;
    let ends: Vec<Finished> = claimed
        .iter()
        .map(|claimed| Finished {
            fence: claimed.fence,
            ending: Ending::Succeeded(json!({})),
            progress: Progress::default(),
            checkpoint: None,
            delivered: None,
            observed: None,
            cleanup: None,
            ended_by: None,
        })
        .collect();
    assert_eq!(fixture.store.finish(&ends).await.expect("written").len(), OPERATIONS);
    for got in join_all(waits).await {
        let got = got.expect("an answer");
        assert_eq!((got.status, &got.body["state"]), (200, &json!("SUCCEEDED")));
    }
    for stream in &mut streams {
        let mut last = None;
        while let Some(event) = stream.next().await {
            last = Some(event.name);
        }
        assert_eq!(last.as_deref(), Some("end"));
    }
    fixture.watchers(0).await;
}
