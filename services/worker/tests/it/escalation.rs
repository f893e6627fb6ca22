//! Executors that do not stop: they are aborted, or their worker is given up. An operation can always be stopped.
//! Whole processes, and threads that spin: testkit's `escalation.rs`.

use crate::fixture::{Fixture, LIMIT, at, endless, no_attempt_runs, steps};
use kinds::Parameters;
use kinds::demo_steps::DemoSteps;
use operation::{CancelMode, CleanupStatus, EndedBy, LeaseTerms, State};
use runtime::clock;
use safepoint_worker::End;
use std::time::Duration;
use store::Operation;
use testkit::eventually;

/// Three steps, of which the second never ends and has no safe point.
fn hanging() -> DemoSteps {
    DemoSteps { hang_at: Some(2), ..steps(3, 0) }
}

/// It blocks a thread at its second step, for far longer than all bounds.
fn blocking() -> DemoSteps {
    DemoSteps { block_at: Some(2), block_millis: Some(20_000), ..steps(3, 0) }
}

/// Waits until an operation is at its second step.
async fn stuck(fixture: &Fixture, spec: DemoSteps) -> Operation {
    let id = fixture.create(spec).await;
    fixture.until(id, "the first step", |operation| operation.items_done == 1).await
}

/// INV-15: the task is aborted, the worker works on, and the receipt tells it.
#[tokio::test]
async fn a_hung_executor_is_aborted_and_its_operation_is_cancelled() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    for mode in [CancelMode::Now, CancelMode::AfterCurrentItem] {
        let id = stuck(&fixture, hanging()).await.id;
        fixture.cancel_in(id, mode).await;
        let operation = fixture.until_state(id, State::Cancelled).await;
        let receipt = operation.cancel.expect("a receipt");
        assert_eq!(receipt.ended_by, Some(EndedBy::TaskAborted), "{mode:?}");
        assert_eq!(receipt.cleanup.expect("told").status, CleanupStatus::Unknown, "nobody saw what is left");
        assert!(receipt.delivered_at.is_some() && receipt.observed_at.is_none(), "no safe point saw it");
        assert_eq!((operation.attempt.0, operation.items_done), (1, 1));
    }
    let next = fixture.create(steps(2, 0)).await;
    fixture.until_state(next, State::Succeeded).await;
    worker.end().await;
}

/// An ordinary cancel is told as such.
#[tokio::test]
async fn a_receipt_tells_of_the_safe_point_that_ended_it() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(endless()).await;
    fixture.until_state(id, State::Running).await;
    fixture.cancel(id).await;
    let receipt = fixture.until_state(id, State::Cancelled).await.cancel.expect("a receipt");
    assert_eq!(receipt.ended_by, Some(EndedBy::SafePoint));
    worker.end().await;
}

#[tokio::test]
async fn a_hung_operation_ends_at_its_deadline() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let deadline = clock::now() + Duration::from_secs(1);
    let id = fixture.create_as(hanging().to_spec(), Some(deadline)).await;
    let operation = fixture.until_state(id, State::Failed).await;
    assert_eq!((operation.error_code, operation.attempt.0, operation.failures), (Some(4), 1, 0));
    assert!(operation.error_message.expect("a message").contains("aborted"));
    worker.end().await;
}

#[tokio::test]
async fn a_hung_operation_can_be_paused() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = stuck(&fixture, hanging()).await.id;
    fixture.store.pause(&at(id), &testkit::actor("tester")).await.expect("answered");
    let paused = fixture.until_state(id, State::Paused).await;
    assert_eq!((paused.attempt.0, paused.failures, paused.items_done), (1, 0, 1));
    assert!(paused.checkpoint.is_some(), "it can go on from its last safe point");
    worker.end().await;
}

/// SIGTERM: it is released like any other, and counts no failure.
#[tokio::test]
async fn a_hung_operation_does_not_hold_up_the_end_of_its_worker() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = stuck(&fixture, hanging()).await.id;
    worker.end().await;
    let released = fixture.get(id).await;
    assert_eq!((released.state, released.failures, released.items_done), (State::Pending, 0, 1));
    let workers = fixture.database.client().await.query("SELECT FROM workers", &[]).await.expect("rows");
    assert!(workers.is_empty(), "it has retired");
}

/// A lost lease: what runs without a right to ends as well.
#[tokio::test]
async fn a_hung_attempt_without_its_lease_ends() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = stuck(&fixture, hanging()).await.id;
    fixture.cancel_in(id, CancelMode::AfterCurrentItem).await;
    let client = fixture.database.client().await;
    client.execute("UPDATE workers SET expires_at = clock_timestamp()", &[]).await.expect("expired");
    fixture.store.sweep(10).await.expect("swept");
    let receipt = fixture.get(id).await.cancel.expect("a receipt");
    assert_eq!(receipt.ended_by, Some(EndedBy::WorkerLost));
    no_attempt_runs().await;
    worker.end().await;
}

/// CANCELLED is said when nothing of it can work any more: a thread goes on after its task is gone.
#[tokio::test]
async fn a_cancel_of_a_blocked_thread_gives_the_worker_up() {
    let fixture = Fixture::new().await;
    let terms = LeaseTerms::new(Duration::from_millis(200), Duration::from_secs(2)).expect("terms");
    let worker = fixture.worker_with(terms).await;
    let (stuck_one, other) = (stuck(&fixture, blocking()).await, fixture.create(endless()).await);
    fixture.until_state(other, State::Running).await;
    fixture.cancel(stuck_one.id).await;
    assert_eq!(worker.ended().await, End::GaveUp);
    let released = fixture.get(other).await;
    assert_eq!((released.state, released.failures), (State::Pending, 0), "the others are handed over in order");
    let waiting = fixture.create(steps(1, 0)).await;
    let still = fixture.get(stuck_one.id).await;
    assert_eq!((still.state, still.worker), (State::Running, stuck_one.worker), "its thread may still do anything");
    // The lease ends by itself: nobody renews it any more, and it was not given back.
    let operation = eventually("a swept operation", LIMIT, async || {
        fixture.store.sweep(10).await.expect("swept");
        Some(fixture.get(stuck_one.id).await).filter(|operation| operation.state.is_done())
    })
    .await;
    let receipt = operation.cancel.expect("a receipt");
    assert_eq!((operation.state, receipt.ended_by), (State::Cancelled, Some(EndedBy::WorkerLost)));
    assert_eq!(receipt.cleanup.expect("told").status, CleanupStatus::Unknown);
    assert_eq!(fixture.get(waiting).await.attempt.0, 0, "it claims no more");
}
