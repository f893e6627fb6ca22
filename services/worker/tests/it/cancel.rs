//! The roads of a cancel, each alone.

use crate::fixture::{Fixture, endless, steps};
use operation::{LeaseTerms, State};
use std::time::Duration;

#[tokio::test]
async fn a_cancel_is_pushed_to_the_owner() {
    let fixture = Fixture::new().await;
    // No renewal comes in between: it would deliver as well.
    let terms = LeaseTerms::new(Duration::from_mins(1), Duration::from_mins(5)).expect("terms");
    let worker = fixture.worker_with(terms).await;
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
    testkit::eventually("a pushed cancel", crate::fixture::LIMIT, async || {
        let id = fixture.create(endless()).await;
        fixture.until_state(id, State::Running).await;
        fixture.cancel(id).await;
        let receipt = fixture.until_state(id, State::Cancelled).await.cancel;
        receipt.and_then(|receipt| receipt.delivered_by).filter(|road| road == "push")
    })
    .await;
    worker.end().await;
}

/// Rule 0: a message says "look", the row decides. INV-14.
#[tokio::test]
async fn a_hint_without_a_request_stops_nothing() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let first = fixture.create(steps(100_000, 1)).await;
    let second = fixture.create(endless()).await;
    let running = fixture.until_state(first, State::Running).await;
    fixture.until_state(second, State::Running).await;
    fixture.hint(&running);
    // The second's hint travels behind the first's: when it has worked, the first was heard as well.
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
