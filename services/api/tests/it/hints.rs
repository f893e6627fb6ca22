//! Hints go out after the commit, to those they are for.

use crate::fixture::{Fixture, NATIVE};
use operation::{CancelMode, OperationId, Progress};
use runtime::broker::{Changes, Control, Hint, Listener, Publisher};
use runtime::clock;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use store::Ending;
use testkit::{broker_settings, eventually};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_hears_of_a_cancel_and_a_pause_and_idle_workers_of_work() {
    let settings = broker_settings();
    let fixture = Fixture::with_broker(settings.clone()).await;
    let shutdown = CancellationToken::new();
    let worker = clock::new_worker_id();
    let (_identity, watched) = watch::channel(worker);
    let mut listener =
        Listener::start(settings, watched, vec![kinds::demo_steps::KIND], shutdown.clone()).expect("a listener");
    eventually("the api's connection", LIMIT, async || {
        (fixture.get("/readyz").await.body["status"] == "ready").then_some(())
    })
    .await;
    listener.up.wait_for(|up| *up).await.expect("a connection");
    // The listener rings once by itself when it begins to listen.
    listener.work.heard().await;

    let created = fixture.post(NATIVE, &json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 0}})).await;
    let path = format!("{NATIVE}/{}", created.body["id"].as_str().expect("an id"));
    listener.work.heard().await;

    let claimed = fixture.claim_as(worker, kinds::demo_steps::KIND).await;
    let (id, attempt) = (claimed.fence.id, claimed.fence.attempt);
    fixture.post(&format!("{path}:pause"), &json!({})).await;
    let pause = listener.controls.recv().await.expect("a request");
    assert!(matches!(pause, Control::Pause { operation, attempt: a, .. } if operation == id && a == attempt));

    fixture.post(&format!("{path}:cancel"), &json!({"mode": "after_current_item"})).await;
    let cancel = listener.controls.recv().await.expect("a request");
    let Control::Cancel { operation, attempt: number, nonce, mode, .. } = cancel else { panic!("{cancel:?}") };
    assert_eq!((operation, number, nonce), (id, attempt, Some(claimed.fence.nonce)));
    assert_eq!(mode, Some(CancelMode::AfterCurrentItem));
    // A delete that cancels tells the owner as well.
    assert_eq!(fixture.delete(&format!("{path}?cancel=true")).await.status, 200);
    let cancel = listener.controls.recv().await.expect("a request");
    assert!(matches!(cancel, Control::Cancel { operation, mode: Some(CancelMode::Now), .. } if operation == id));
    fixture.finish(&claimed, Ending::Cancelled, Progress::default()).await;
    shutdown.cancel();
}

/// Every replica hears of every change, in messages of bounded size; that nobody listens is no failure.
#[tokio::test]
async fn changes_reach_every_replica() {
    let settings = broker_settings();
    let shutdown = CancellationToken::new();
    let mut publisher = Publisher::start(settings.clone(), shutdown.clone()).expect("a publisher");
    publisher.wait_up().await;
    publisher.send(Hint::Changed { operations: vec![clock::new_operation_id()] });
    eventually("a hint that nobody hears", LIMIT, async || {
        let metrics = runtime::metrics::render();
        metrics.contains("safepoint_hints_total{hint=\"changed\",result=\"confirmed\"} 1").then_some(())
    })
    .await;
    let mut replicas = Vec::new();
    for _ in 0..2 {
        let mut replica = Changes::start(settings.clone(), shutdown.clone()).expect("a listener");
        replica.up.wait_for(|up| *up).await.expect("a connection");
        replicas.push(replica);
    }
    let operations: BTreeSet<OperationId> = (0..1_000).map(|_| clock::new_operation_id()).collect();
    publisher.send(Hint::Changed { operations: operations.iter().copied().collect() });
    for replica in &mut replicas {
        let mut heard = BTreeSet::new();
        while heard.len() < operations.len() {
            let message = tokio::time::timeout(LIMIT, replica.operations.recv()).await;
            let message = message.expect("a message in time").expect("a message");
            assert!(message.len() <= 256, "{}", message.len());
            heard.extend(message);
        }
        assert_eq!(heard, operations);
    }
    // More messages than the broker sends ahead of an ack.
    for _ in 0..40 {
        let operations = vec![clock::new_operation_id()];
        publisher.send(Hint::Changed { operations: operations.clone() });
        for replica in &mut replicas {
            let message = tokio::time::timeout(LIMIT, replica.operations.recv()).await;
            assert_eq!(message.expect("a message in time"), Some(operations.clone()));
        }
    }
    shutdown.cancel();
}
