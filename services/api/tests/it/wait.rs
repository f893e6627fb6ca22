//! The long poll.

use crate::event_stream::EventStream;
use crate::fixture::{Answer, Fixture, NATIVE, THEIRS, answer};
use operation::Progress;
use runtime::broker::{Hint, Publisher};
use safepoint_api::operations::watch::Terms;
use serde_json::json;
use std::time::Duration;
use store::Ending;
use testkit::broker_settings;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// No test waits for it.
const NEVER: Duration = Duration::from_hours(1);

/// Begins to wait, for longer than any test lasts.
fn wait(fixture: &Fixture, path: &str) -> JoinHandle<Answer> {
    let request = fixture.request("POST", &format!("{path}:wait")).json(&json!({"timeout": "300s"}));
    // What is not answered by then never is.
    tokio::spawn(async {
        tokio::time::timeout(Duration::from_secs(30), answer(request)).await.expect("an answer in time")
    })
}

/// Nobody tells: the tick finds what a worker has written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_is_answered_when_the_operation_has_ended() {
    let fixture = Fixture::new().await;
    let path = fixture.steps().await;
    let waiting = wait(&fixture, &path);
    fixture.watchers(1).await;
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    fixture.finish(&claimed, Ending::Succeeded(json!({})), Progress::default()).await;
    let got = waiting.await.expect("an answer");
    assert_eq!((got.status, &got.body["done"], &got.body["state"]), (200, &json!(true), &json!("SUCCEEDED")));
    assert_eq!(got.body, fixture.get(&path).await.body);
    fixture.watchers(0).await;
    // It has ended: no wait at all, and no body is a wait too.
    let again = answer(fixture.request("POST", &format!("{path}:wait"))).await;
    assert_eq!((again.status, again.body), (200, got.body));
}

/// With a tick that never comes, what is told by another replica and by a worker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_makes_the_look_come_at_once() {
    let broker = broker_settings();
    let terms = Terms { tick: NEVER, tick_without_broker: NEVER, ..Terms::new(100) };
    let fixture = Fixture::with_terms(terms, Some(broker.clone())).await;
    fixture.hears_changes(true).await;
    let mut publisher = Publisher::start(broker.clone(), CancellationToken::new()).expect("a publisher");
    publisher.wait_up().await;

    let path = fixture.steps().await;
    let waiting = wait(&fixture, &path);
    fixture.watchers(1).await;
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    fixture.finish(&claimed, Ending::Succeeded(json!({})), Progress::default()).await;
    publisher.send(Hint::Changed { operations: vec![runtime::clock::new_operation_id(), claimed.fence.id] });
    assert_eq!(waiting.await.expect("an answer").body["state"], "SUCCEEDED");

    let other = fixture.replica(Some(broker));
    testkit::eventually("the replica's connection", Duration::from_secs(30), async || {
        (other.get("/readyz").await.body["status"] == "ready").then_some(())
    })
    .await;
    for (verb, end) in [("cancel", 200), ("delete", 404)] {
        let path = fixture.steps().await;
        let waiting = wait(&fixture, &path);
        fixture.watchers(1).await;
        let answered = if verb == "delete" {
            other.delete(&format!("{path}?cancel=true")).await
        } else {
            other.post(&format!("{path}:cancel"), &json!({})).await
        };
        assert_eq!(answered.status, 200, "{verb}");
        assert_eq!(waiting.await.expect("an answer").status, end, "{verb}");
        fixture.watchers(0).await;
    }
}

/// INV-30: at its timeout a wait says how it is, done or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_ends_at_its_timeout() {
    let fixture = Fixture::new().await;
    let path = fixture.steps().await;
    for timeout in ["0s", "0.000s", "0.2s", "1s"] {
        let got = fixture.post(&format!("{path}:wait"), &json!({"timeout": timeout})).await;
        assert_eq!((got.status, &got.body["done"]), (200, &json!(false)), "{timeout}");
        assert_eq!(got.body, fixture.get(&path).await.body);
    }
    for (timeout, complaint) in [
        (json!("301s"), "timeout: must be seconds from 0 to 300"),
        (json!("-1s"), "timeout: must be seconds from 0 to 300"),
        (json!("30"), "timeout: must be seconds from 0 to 300"),
        (json!("1m"), "timeout: must be seconds from 0 to 300"),
        (json!(30), "timeout: must be a string, not a number"),
    ] {
        let got = fixture.post(&format!("{path}:wait"), &json!({"timeout": timeout})).await;
        assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{timeout}");
        assert!(got.message().starts_with(complaint), "{}", got.message());
        assert_eq!(got.body["error"]["details"][1]["fieldViolations"][0]["field"], "timeout");
    }
    let got = fixture.post(&format!("{path}:wait"), &json!({"timeOut": "1s"})).await;
    assert_eq!(got.message(), "timeOut: is not a field of this message");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_what_is_not_there_or_not_theirs() {
    let fixture = Fixture::new().await;
    let not_found = (404, "NOT_FOUND", "OPERATION_NOT_FOUND");
    for path in [format!("{NATIVE}/none"), format!("{NATIVE}/{}", runtime::clock::new_operation_id())] {
        assert_eq!(fixture.post(&format!("{path}:wait"), &json!({})).await.error(), not_found, "{path}");
    }
    let path = fixture.steps().await;
    let theirs = fixture.bare("POST", &format!("{}:wait", path.replace("/mine/", "/theirs/"))).bearer_auth(THEIRS);
    assert_eq!(answer(theirs).await.error(), not_found);
    let waiting = wait(&fixture, &path);
    fixture.watchers(1).await;
    assert_eq!(fixture.delete(&format!("{path}?cancel=true")).await.status, 200);
    assert_eq!(waiting.await.expect("an answer").error(), not_found);
    assert_eq!(fixture.post(&format!("{path}:wait"), &json!({})).await.error(), not_found);
    fixture.watchers(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_its_place() {
    let terms = Terms { most: 2, ..Terms::new(100) };
    let fixture = Fixture::with_terms(terms, None).await;
    let path = fixture.steps().await;
    let mut streams = Vec::new();
    for request in [format!("POST {path}:wait"), format!("GET {path}/events")] {
        let mut stream = TcpStream::connect(fixture.url.trim_start_matches("http://")).await.expect("a connection");
        let head = format!("{request} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer mine-token\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("sent");
        streams.push(stream);
    }
    fixture.watchers(2).await;
    // As many wait as may; a look is no wait.
    let full = (429, "RESOURCE_EXHAUSTED", "TOO_MANY_WATCHERS");
    let got = fixture.post(&format!("{path}:wait"), &json!({})).await;
    assert_eq!(got.error(), full);
    assert_eq!(
        (got.headers["retry-after"].as_bytes(), &got.body["error"]["details"][1]["retryDelay"]),
        (&b"1"[..], &json!("1s"))
    );
    assert_eq!(fixture.get(&format!("{path}/events")).await.error(), full);
    assert_eq!(fixture.post(&format!("{path}:wait"), &json!({"timeout": "0s"})).await.status, 200);
    drop(streams);
    fixture.watchers(0).await;
}

/// SIGTERM: who waits is told what is known, streams end, and the process need not wait for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_ends_lets_go_of_those_who_wait() {
    let fixture = Fixture::new().await;
    let path = fixture.steps().await;
    let waiting = wait(&fixture, &path);
    let mut stream = EventStream::open(&fixture, &path, None).await;
    assert_eq!(stream.next().await.map(|event| event.name).as_deref(), Some("snapshot"));
    fixture.watchers(2).await;
    fixture.end();
    let got = waiting.await.expect("an answer");
    assert_eq!((got.status, &got.body["done"]), (200, &json!(false)));
    assert_eq!(stream.next().await, None);
}
