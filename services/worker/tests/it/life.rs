//! The life of attempts and of the worker itself.

use crate::fixture::{Fixture, at, endless, steps};
use kinds::demo_steps::DemoSteps;
use operation::{LeaseTerms, State};
use std::time::Duration;
use store::{Asked, ProjectLimits};

#[tokio::test]
async fn work_runs_once_each_over_two_workers() {
    let fixture = Fixture::new().await;
    let workers = [fixture.worker().await, fixture.worker().await];
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(fixture.create(steps(2, 1)).await);
    }
    for id in ids {
        let operation = fixture.until_state(id, State::Succeeded).await;
        assert_eq!((operation.attempt.0, operation.items_done), (1, 2));
        assert_eq!(operation.response, Some(serde_json::json!({ "steps": "2" })));
    }
    for worker in workers {
        worker.end().await;
    }
}

#[tokio::test]
async fn a_failure_says_why() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(DemoSteps { fail_at: Some(2), ..steps(3, 0) }).await;
    let operation = fixture.until_state(id, State::Failed).await;
    assert_eq!(operation.error_code, Some(10));
    assert_eq!(operation.error_message.as_deref(), Some("Failed at step 2, as asked."));
    assert_eq!(operation.items_done, 1);
    worker.end().await;
}

/// A panic ends the attempt, not the worker; at its limit the operation fails.
#[tokio::test]
async fn a_panic_is_an_attempt_that_failed() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(DemoSteps { panic_at: Some(2), ..steps(3, 0) }).await;
    let operation = fixture.until_state(id, State::Failed).await;
    assert_eq!((operation.error_code, operation.attempt.0, operation.failures), (Some(13), 2, 2));
    let message = operation.error_message.expect("told");
    assert!(!message.contains("as asked"), "the panic's text is for the log: {message}");
    let next = fixture.create(steps(1, 0)).await;
    fixture.until_state(next, State::Succeeded).await;
    worker.end().await;
}

#[tokio::test]
async fn a_paused_operation_goes_on_from_its_checkpoint() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(steps(400, 5)).await;
    fixture.until(id, "progress", |operation| operation.items_done > 0).await;
    let answer = fixture.store.pause(&at(id), &testkit::actor("tester")).await.expect("answered");
    assert!(matches!(answer, Some(Asked::Recorded(_))));
    let paused = fixture.until_state(id, State::Paused).await;
    assert!(paused.checkpoint.is_some() && paused.items_done > 0);
    let answer = fixture.store.resume(&at(id), &testkit::actor("tester")).await.expect("answered");
    assert!(matches!(answer, Some(Asked::Recorded(_))));
    let done = fixture.until_state(id, State::Succeeded).await;
    assert_eq!((done.attempt.0, done.failures, done.items_done), (2, 0, 400));
    worker.end().await;
}

/// INV-28: SIGTERM releases: no failure, no lease that must expire, and the next worker goes on from the checkpoint.
#[tokio::test]
async fn a_drained_worker_hands_over() {
    let fixture = Fixture::new().await;
    let first = fixture.worker().await;
    let id = fixture.create(steps(200, 5)).await;
    fixture.until(id, "progress", |operation| operation.items_done > 0).await;
    first.end().await;
    let released = fixture.get(id).await;
    assert_eq!((released.state, released.failures), (State::Pending, 0));
    assert!(released.checkpoint.is_some(), "the position is stored with the release");
    let workers = fixture.database.client().await.query("SELECT FROM workers", &[]).await.expect("rows");
    assert!(workers.is_empty(), "a drained worker leaves no lease behind");
    let second = fixture.worker().await;
    let done = fixture.until_state(id, State::Succeeded).await;
    assert_eq!((done.attempt.0, done.failures), (2, 0));
    second.end().await;
}

/// A worker whose lease was ended by others stops what it runs, writes nothing, and works on under a new identity.
#[tokio::test]
async fn a_lost_lease_stops_the_attempt_and_the_worker_goes_on() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(endless()).await;
    let first = fixture.until_state(id, State::Running).await;
    let client = fixture.database.client().await;
    let expire = "UPDATE workers SET expires_at = clock_timestamp() - interval '1 second'";
    client.execute(expire, &[]).await.expect("expired");
    assert_eq!(fixture.store.sweep(10).await.expect("swept").len(), 1);
    let second = fixture.until(id, "a second attempt", |operation| operation.attempt.0 == 2).await;
    assert_ne!(second.worker, first.worker, "a fresh identity");
    assert_eq!(second.state, State::Running, "the first attempt wrote nothing over the second");
    fixture.cancel(id).await;
    fixture.until_state(id, State::Cancelled).await;
    worker.end().await;
}

/// INV-10: cut off from the database, a worker stops by its own clock; nobody else is needed for that.
#[tokio::test]
async fn a_worker_without_its_database_fences_itself() {
    let fixture = Fixture::new().await;
    let terms = LeaseTerms::new(Duration::from_millis(100), Duration::from_secs(1)).expect("terms");
    let worker = fixture.worker_with(terms).await;
    let id = fixture.create(endless()).await;
    let first = fixture.until_state(id, State::Running).await;
    let client = fixture.database.client().await;
    // Renewals hang on the locked row, as they would on a dead link; the sweeper is not even running.
    client.batch_execute("BEGIN; SELECT FROM workers FOR UPDATE").await.expect("locked");
    let seen = "SELECT FROM pg_stat_activity WHERE application_name = 'safepoint lease' AND wait_event_type = 'Lock'";
    let watch = fixture.database.client().await;
    testkit::eventually("a renewal that hangs", crate::fixture::LIMIT, async || {
        watch.query_opt(seen, &[]).await.ok().flatten()
    })
    .await;
    // A fresh identity registers only after the old one has fenced itself.
    testkit::eventually("a fresh identity", crate::fixture::LIMIT, async || {
        let rows = watch.query("SELECT FROM workers", &[]).await.ok()?;
        (rows.len() == 2).then_some(())
    })
    .await;
    // Its attempt has stopped, and the database did not say so.
    crate::fixture::no_attempt_runs().await;
    client.batch_execute("COMMIT").await.expect("unlocked");
    // The renewal that hung may still have been granted: the sweeper comes again, as keepers do.
    let second = testkit::eventually("a second attempt", crate::fixture::LIMIT, async || {
        fixture.store.sweep(10).await.expect("swept");
        Some(fixture.get(id).await).filter(|operation| operation.attempt.0 == 2 && operation.state == State::Running)
    })
    .await;
    assert_ne!(second.worker, first.worker);
    worker.end().await;
}

/// INV-8: an attempt that somebody else has overtaken hears of it at its next checkpoint, and stops.
#[tokio::test]
async fn a_fenced_checkpoint_stops_the_attempt() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(steps(100_000, 1)).await;
    fixture.until(id, "progress", |operation| operation.items_done > 0).await;
    assert_eq!(crate::fixture::attempts_at_work(), 1);
    let client = fixture.database.client().await;
    let overtake =
        "UPDATE operations SET attempt = attempt + 1, nonce = gen_random_uuid(), worker_id = gen_random_uuid()";
    assert_eq!(client.execute(overtake, &[]).await.expect("overtaken"), 1);
    crate::fixture::no_attempt_runs().await;
    let operation = fixture.get(id).await;
    assert_eq!((operation.state, operation.attempt.0), (State::Running, 2), "nothing was written over it");
    worker.end().await;
}

/// What waits for its project's limit begins as soon as something of it has ended.
#[tokio::test]
async fn a_project_has_no_more_at_work_than_it_may() {
    let fixture = Fixture::new().await;
    let limits = ProjectLimits { queued: None, running: Some(2) };
    fixture.store.set_project(&crate::fixture::project(), limits, "operator:test").await.expect("set");
    let workers = [fixture.worker().await, fixture.worker().await];
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(fixture.create(steps(3, 1)).await);
    }
    let mut spans = Vec::new();
    for id in ids {
        let operation = fixture.until_state(id, State::Succeeded).await;
        spans.push((operation.claim_time.expect("claimed"), operation.finish_time.expect("ended")));
    }
    for (begin, _) in &spans {
        let at_work = spans.iter().filter(|(from, to)| from <= begin && begin < to).count();
        assert!((1..=2).contains(&at_work), "{at_work}");
    }
    for worker in workers {
        worker.end().await;
    }
}
