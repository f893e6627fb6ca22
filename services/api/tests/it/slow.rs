//! Slow clients: none keeps its place for longer than it may, none holds up others, and nothing comes of what they leave
//! undone.

use crate::event_stream::EventStream;
use crate::fixture::{Fixture, NATIVE, answer};
use crate::slow_socket::{Way, document};
use futures_util::{StreamExt, stream};
use runtime::lifecycle;
use runtime::limits::{Limits, Rate};
use serde_json::json;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

const SOCKETS: usize = 2_000;
const MEBIBYTE: u64 = 1024 * 1024;
/// Far above the longest time that a slow socket may stay: 20 s, with half a head after a call.
const LIMIT: Duration = Duration::from_secs(30);

/// Each way to be slow ends by a bound of its own: 5 s for a first head, 10 s for a body, 10 s for an answer that nobody takes, 15 s
/// of nothing between calls, 20 s of anything between them that is no whole head.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_sockets_are_put_out_and_hold_nobody_up() {
    lifecycle::raise_file_limit();
    let fixture = unlimited().await;
    let mut created = 0;
    others_call(&fixture, &mut created).await;
    let waited_for = fixture.steps().await;
    created += 1;
    let request = fixture.request("POST", &format!("{waited_for}:wait")).json(&json!({"timeout": "300s"}));
    let wait = tokio::spawn(answer(request));
    let mut events = EventStream::open(&fixture, &waited_for, None).await;
    fixture.watchers(2).await;
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
    // Who waits for an answer for as long is not slow.
    assert_eq!(fixture.post(&format!("{waited_for}:cancel"), &json!({})).await.status, 200);
    assert_eq!(wait.await.expect("an answer").status, 200);
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event.name);
    }
    assert_eq!(last.as_deref(), Some("end"));
    // What the slow ones began and did not end is nothing, and what others did is whole.
    assert_eq!(fixture.count().await, created);
    assert!(open_files() <= files + 8, "{} files were open, now {}", files, open_files());
}

/// Twenty clients send thousands of requests each, and take none of the answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_no_answers_is_not_read_on() {
    let fixture = unlimited().await;
    let mut created = 0;
    others_call(&fixture, &mut created).await;
    let before = most_resident();
    let (drip, drips) = watch::channel(0);
    let mut slow = JoinSet::new();
    for _ in 0..20 {
        let mut stream = Way::Answers.begin(&fixture).await;
        let drips = drips.clone();
        slow.spawn(async move {
            // The server may have stopped to read before that is all sent.
            let _ =
                tokio::time::timeout(Duration::from_secs(2), stream.write_all(document().repeat(400).as_bytes())).await;
            Way::Answer.go_on(stream, drips).await
        });
    }
    let begun = Instant::now();
    while !slow.is_empty() {
        others_call(&fixture, &mut created).await;
        drip.send_modify(|drip| *drip += 1);
        while slow.try_join_next().is_some() {}
        assert!(begun.elapsed() < LIMIT, "{} stay", slow.len());
    }
    let grown = most_resident() - before;
    assert!(grown < 64 * MEBIBYTE, "{} MiB for twenty slow clients", grown / MEBIBYTE);
}

/// An api that turns nobody away for calling often: those who are not slow call all the time, and a quick machine lets them call
/// more often than the limits that operators start with.
async fn unlimited() -> Fixture {
    let most = NonZeroU32::new(1_000_000).expect("not nothing");
    let rate = Rate { calls: most, burst: most };
    Fixture::with_limits(Limits { requests_per_second: rate, creations_per_minute: rate, ..Limits::default() }).await
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

/// The most that this process ever had in memory, in bytes.
fn most_resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}
