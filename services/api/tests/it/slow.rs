//! Slow clients: none keeps its place for longer than it may, none holds up others, and nothing comes of what they leave
//! undone.

use crate::fixture::{Fixture, NATIVE};
use crate::slow_socket::Way;
use futures_util::{StreamExt, stream};
use runtime::lifecycle;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

const SOCKETS: usize = 2_000;
/// Far above the longest time that a slow socket may stay: 15 s, of those that are idle between calls.
const LIMIT: Duration = Duration::from_secs(30);

/// Each way to be slow ends by a bound of its own: 5 s for a head, 10 s for a body, 10 s for an answer that nobody reads, 15 s
/// between calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_sockets_are_put_out_and_hold_nobody_up() {
    lifecycle::raise_file_limit();
    let fixture = Fixture::new().await;
    let mut created = 0;
    others_call(&fixture, &mut created).await;
    let files = open_files();

    let (drip, drips) = watch::channel(0);
    let mut slow = JoinSet::new();
    let mut streams = stream::iter((0..SOCKETS).zip(Way::ALL.into_iter().cycle()))
        .map(async |(_, way)| (way, way.begin(&fixture).await))
        .buffer_unordered(100);
    while let Some((way, stream)) = streams.next().await {
        let drips = drips.clone();
        slow.spawn(async move { (way, way.go_on(stream, drips).await) });
    }
    drop(streams);

    let begun = Instant::now();
    let mut ended: BTreeMap<Way, usize> = BTreeMap::new();
    while !slow.is_empty() {
        others_call(&fixture, &mut created).await;
        drip.send_modify(|drip| *drip += 1);
        while let Some(end) = slow.try_join_next() {
            let (way, said) = end.expect("no panic");
            assert!(said.contains(way.farewell()), "{way:?}: {said}");
            *ended.entry(way).or_default() += 1;
        }
        assert!(begun.elapsed() < LIMIT, "{} stay; of {SOCKETS} these were put out: {ended:?}", slow.len());
    }
    // What the slow ones began and did not end is nothing, and what others did is whole.
    assert_eq!(fixture.count().await, created);
    assert!(open_files() <= files + 8, "{} files were open, now {}", files, open_files());
}

/// A create, a look, a cancel: all answered.
async fn others_call(fixture: &Fixture, created: &mut i64) {
    let steps = fixture.post(NATIVE, &json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 0}})).await;
    assert_eq!(steps.status, 200, "{steps:?}");
    *created += 1;
    let path = format!("{NATIVE}/{}", steps.body["id"].as_str().expect("an id"));
    assert_eq!(fixture.get(&path).await.status, 200);
    assert_eq!(fixture.post(&format!("{path}:cancel"), &json!({})).await.status, 200);
}

/// Of this process: the server's ends of all sockets, and the clients'.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("the files of this process").count()
}
