//! The roads of a cancel, each alone.

use crate::fixture::{Fixture, LIMIT, at, endless, steps};
use operation::{CancelMode, LeaseTerms, Nonce, State};
use std::time::Duration;
use store::Requester;
use uuid::Uuid;

/// None comes in between: it would deliver as well.
fn rare_renewals() -> LeaseTerms {
    LeaseTerms::new(Duration::from_mins(1), Duration::from_mins(5)).expect("terms")
}

#[tokio::test]
async fn a_cancel_is_pushed_to_the_owner() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker_with(rare_renewals()).await;
    // Finished work shows that the worker listens: from here on a push can't be missed.
    let first = fixture.create(steps(1, 0)).await;
    fixture.until_state(first, State::Succeeded).await;
    let id = fixture.create(endless()).await;
    fixture.until_state(id, State::Running).await;
    fixture.cancel(id).await;
    let operation = fixture.until_state(id, State::Cancelled).await;
    let receipt = operation.cancel.expect("a receipt");
    assert_eq!(operation.error_code, Some(1));
    assert_eq!(receipt.delivered_by.as_deref(), Some("push"));
    assert_eq!(receipt.safe_point.as_deref(), Some("within a step"));
    worker.end().await;
}

/// INV-20: with the broker gone the renewal delivers.
#[tokio::test]
async fn without_the_broker_the_renewal_delivers() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(endless()).await;
    fixture.until_state(id, State::Running).await;
    fixture.broker_link.cut();
    fixture.cancel(id).await;
    let operation = fixture.until_state(id, State::Cancelled).await;
    assert_eq!(operation.cancel.and_then(|receipt| receipt.delivered_by).as_deref(), Some("renewal"));
    worker.end().await;
}

/// A worker that starts without a broker works, and hears pushes once the broker is back.
#[tokio::test]
async fn a_broker_that_comes_back_is_used_again() {
    let fixture = Fixture::new().await;
    fixture.broker_link.cut();
    let worker = fixture.worker().await;
    let first = fixture.create(steps(3, 1)).await;
    fixture.until_state(first, State::Succeeded).await;
    fixture.broker_link.mend();
    // Each cancel takes some road; a push is seen once both sides have come back.
    testkit::eventually("a pushed cancel", LIMIT, async || {
        let id = fixture.create(endless()).await;
        fixture.until_state(id, State::Running).await;
        fixture.cancel(id).await;
        let receipt = fixture.until_state(id, State::Cancelled).await.cancel;
        receipt.and_then(|receipt| receipt.delivered_by).filter(|road| road == "push")
    })
    .await;
    worker.end().await;
}

fn another_nonce() -> Nonce {
    Nonce::from_uuid(Uuid::from_u128(1))
}

/// Rule 0: a message that does not know the attempt says "look", and the row decides. INV-14.
#[tokio::test]
async fn a_hint_without_a_request_stops_nothing() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let first = fixture.create(steps(100_000, 1)).await;
    let second = fixture.create(endless()).await;
    let running = fixture.until_state(first, State::Running).await;
    fixture.until_state(second, State::Running).await;
    fixture.hint(&running, another_nonce());
    // The second's hint travels behind the first's: when it has worked, the first has come as well.
    fixture.cancel(second).await;
    fixture.until_state(second, State::Cancelled).await;
    // Twice: the first progress seen may have been under way to the database when the hint came.
    let mut untouched = fixture.get(first).await;
    for _ in 0..2 {
        let before = untouched.items_done;
        untouched = fixture.until(first, "work that goes on", |now| now.items_done > before).await;
    }
    assert_eq!((untouched.state, untouched.attempt.0, untouched.cancel), (State::Running, 1, None));
    worker.end().await;
}

/// Or another one: its row is looked at.
#[tokio::test]
async fn a_hint_that_names_no_attempt_makes_the_worker_look() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker_with(rare_renewals()).await;
    let id = fixture.create(endless()).await;
    let running = fixture.until_state(id, State::Running).await;
    let requester = Requester { by: testkit::actor("tester"), reason: None, mode: CancelMode::Now };
    fixture.store.cancel(&at(id), &requester).await.expect("answered");
    // One that came before the worker listened is lost.
    let receipt = testkit::eventually("a cancelled one", LIMIT, async || {
        fixture.hint(&running, another_nonce());
        fixture.get(id).await.cancel.filter(|receipt| receipt.stopped_at.is_some())
    })
    .await;
    assert_eq!(receipt.delivered_by.as_deref(), Some("push"));
    worker.end().await;
}

/// A failover may undo a commit whose hint is out. Then the attempt has stopped, and the row knows of no cancel: it is
/// taken up again. INV-14, 18.
#[tokio::test]
async fn a_cancel_that_the_database_forgot_is_an_interruption() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(endless()).await;
    let running = fixture.until_state(id, State::Running).await;
    let again = testkit::eventually("another attempt", LIMIT, async || {
        fixture.hint(&running, Nonce::from_uuid(running.nonce.expect("it runs")));
        Some(fixture.get(id).await).filter(|now| now.attempt.0 == 2 && now.state == State::Running)
    })
    .await;
    assert_eq!((again.cancel, again.failures), (None, 0));
    fixture.cancel(id).await;
    fixture.until_state(id, State::Cancelled).await;
    worker.end().await;
}

#[tokio::test]
async fn many_cancels_at_once_are_all_honoured() {
    let fixture = Fixture::new().await;
    let workers = [fixture.worker().await, fixture.worker().await];
    let mut ids = Vec::new();
    for _ in 0..32 {
        ids.push(fixture.create(steps(100_000, 1)).await);
    }
    for id in &ids {
        fixture.until_state(*id, State::Running).await;
    }
    let cancels = ids.iter().map(|id| fixture.cancel(*id));
    futures_util::future::join_all(cancels).await;
    for id in ids {
        let operation = fixture.until_state(id, State::Cancelled).await;
        let receipt = operation.cancel.expect("a receipt");
        assert!(receipt.delivered_at.is_some() && receipt.observed_at.is_some(), "{receipt:?}");
    }
    for worker in workers {
        worker.end().await;
    }
}
