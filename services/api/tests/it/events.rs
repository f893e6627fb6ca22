//! The stream of an operation's events.

use crate::event_stream::EventStream;
use crate::fixture::{Fixture, NATIVE, THEIRS, answer};
use operation::Progress;
use runtime::broker::BrokerSettings;
use runtime::config::Secret;
use safepoint_api::operations::watch::Terms;
use serde_json::json;
use std::time::Duration;
use store::Ending;
use testkit::{Proxy, broker_settings, eventually};

const HALF: Progress = Progress { items_done: 1, items_total: Some(2), bytes_done: 10 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_add_up_to_the_operation() {
    let fixture = Fixture::new().await;
    let path = fixture.steps().await;
    let mut stream = EventStream::open(&fixture, &path, None).await;
    let snapshot = stream.next().await.expect("an event");
    assert_eq!((snapshot.name.as_str(), snapshot.id), ("snapshot", Some(1)));
    let mut document = snapshot.data;
    assert_eq!(document, fixture.get(&path).await.body);
    // Each change is waited for, lest two become one.
    let (mut last, mut names) = (1, Vec::new());
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    for step in 0..4 {
        match step {
            0 => {}
            1 => fixture.progress(&claimed, HALF).await,
            2 => assert_eq!(fixture.post(&format!("{path}:cancel"), &json!({"reason": "enough"})).await.status, 200),
            _ => fixture.finish(&claimed, Ending::Cancelled, HALF).await,
        }
        let delta = stream.next().await.expect("an event");
        assert_eq!(delta.name, "delta");
        assert!(delta.id > Some(last), "{last} {delta:?}");
        assert!(delta.data.get("spec").is_none(), "what did not change is not said: {delta:?}");
        last = delta.id.expect("a revision");
        json_patch::merge(&mut document, &delta.data);
        names.push(document["state"].as_str().expect("a state").to_owned());
    }
    assert_eq!(names, ["RUNNING", "RUNNING", "RUNNING", "CANCELLED"]);
    assert_eq!(stream.next().await.map(|event| event.name), Some("end".to_owned()));
    assert_eq!(stream.next().await, None);
    let got = fixture.get(&path).await.body;
    assert_eq!(document, got);
    assert_eq!(got["revision"], last.to_string());
    fixture.watchers(0).await;
}

/// A client that broke off goes on at any replica: nothing is repeated, nothing is missed, nothing goes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_at_another_replica() {
    let fixture = Fixture::new().await;
    let other = fixture.replica(None);
    let path = fixture.steps().await;
    let mut stream = EventStream::open(&fixture, &path, None).await;
    let mut document = stream.next().await.expect("an event").data;
    drop(stream);
    fixture.watchers(0).await;

    // Nothing has changed: nothing is repeated.
    let mut stream = EventStream::open(&other, &path, Some(1)).await;
    fixture.watchers(1).await;
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    let delta = stream.next().await.expect("an event");
    assert_eq!((delta.name.as_str(), delta.id), ("delta", Some(2)));
    json_patch::merge(&mut document, &delta.data);
    assert_eq!(document, fixture.get(&path).await.body);
    drop(stream);

    // It has changed meanwhile: the whole is sent.
    fixture.progress(&claimed, HALF).await;
    let mut stream = EventStream::open(&fixture, &path, Some(2)).await;
    let snapshot = stream.next().await.expect("an event");
    assert_eq!((snapshot.name.as_str(), snapshot.id), ("snapshot", Some(3)));
    assert_eq!(snapshot.data, fixture.get(&path).await.body);

    // The end was seen before the stream broke off: the client is told that there is no more.
    fixture.finish(&claimed, Ending::Succeeded(json!({})), HALF).await;
    for name in ["delta", "end"] {
        assert_eq!(stream.next().await.map(|event| event.name).as_deref(), Some(name));
    }
    let mut stream = EventStream::open(&other, &path, Some(4)).await;
    assert_eq!(stream.next().await.map(|event| event.name).as_deref(), Some("end"));
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_operation_ends_its_stream() {
    let fixture = Fixture::new().await;
    let path = fixture.steps().await;
    let mut stream = EventStream::open(&fixture, &path, None).await;
    assert_eq!(stream.next().await.map(|event| event.name).as_deref(), Some("snapshot"));
    assert_eq!(fixture.delete(&format!("{path}?cancel=true")).await.status, 200);
    assert_eq!(stream.next().await.map(|event| event.name).as_deref(), Some("deleted"));
    assert_eq!(stream.next().await, None);
    let gone = fixture.get(&format!("{path}/events")).await;
    assert_eq!(gone.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"));
    let path = fixture.steps().await.replace("/mine/", "/theirs/");
    let theirs = answer(fixture.bare("GET", &format!("{path}/events")).bearer_auth(THEIRS)).await;
    assert_eq!(theirs.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"));
    assert_eq!(fixture.get(&format!("{NATIVE}/none/events")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_stream_shows_that_it_lives() {
    let terms = Terms { heartbeat: Duration::from_millis(50), ..Terms::new(100) };
    let fixture = Fixture::with_terms(terms, None).await;
    let path = fixture.steps().await;
    let mut stream = EventStream::open(&fixture, &path, None).await;
    assert_eq!(stream.next().await.map(|event| event.name).as_deref(), Some("snapshot"));
    stream.comment().await;
    stream.comment().await;
}

/// Rule 0: with the broker gone the events still come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_without_the_broker() {
    let settings = broker_settings();
    let mut url: reqwest::Url = settings.url.expose().parse().expect("a URL");
    let link = Proxy::to(format!("127.0.0.1:{}", url.port().expect("a port"))).await;
    url.set_port(Some(link.address().port())).expect("a port");
    // Without the ticks that come while hints do: what comes in spite of the cut comes by the others.
    let terms = Terms { tick: Duration::from_hours(1), ..Terms::new(100) };
    let fixture = Fixture::with_terms(terms, Some(BrokerSettings { url: Secret::new(url), ..settings })).await;
    fixture.hears_changes(true).await;
    let path = fixture.steps().await;
    let mut stream = EventStream::open(&fixture, &path, None).await;
    assert_eq!(stream.next().await.map(|event| event.name).as_deref(), Some("snapshot"));
    link.cut();
    fixture.hears_changes(false).await;
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    assert_eq!(stream.next().await.map(|event| event.id), Some(Some(2)));
    link.mend();
    fixture.hears_changes(true).await;
    eventually("the publisher", Duration::from_secs(30), async || {
        (fixture.get("/readyz").await.body["status"] == "ready").then_some(())
    })
    .await;
    // By a hint again.
    fixture.post(&format!("{path}:cancel"), &json!({})).await;
    let event = stream.next().await.expect("an event");
    assert_eq!(event.id, Some(3));
    assert!(event.data["cancel"]["requestedAt"].is_string(), "{event:?}");
    fixture.finish(&claimed, Ending::Cancelled, HALF).await;
}
