//! Deadlines, cancels that let the current item come to its end, and cancels of many.

use crate::fixture::{Fixture, LIMIT, at, endless, steps};
use kinds::Parameters;
use kinds::operations_cancel::CancelOperations;
use operation::{CancelMode, ListFilter, State};
use runtime::clock;
use std::time::Duration;
use testkit::eventually;

/// Its worker's own clock ends it, at a safe point, and it is no failure to be tried again.
#[tokio::test]
async fn a_deadline_ends_what_runs() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let deadline = clock::now() + Duration::from_secs(1);
    let id = fixture.create_as(endless().to_spec(), Some(deadline)).await;
    let operation = fixture.until_state(id, State::Failed).await;
    assert_eq!((operation.error_code, operation.attempt.0, operation.failures), (Some(4), 1, 0));
    assert!(operation.finish_time.is_some_and(|time| time >= deadline));
    worker.end().await;
}

/// The step that was begun comes to its end; only then it is CANCELLED. Asked again for now, it ends within a step.
#[tokio::test]
async fn a_cancel_after_the_current_item_waits_for_it() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let (patient, urgent) = (fixture.create(steps(1_000, 300)).await, fixture.create(endless()).await);
    for id in [patient, urgent] {
        fixture.until_state(id, State::Running).await;
        fixture.cancel_in(id, CancelMode::AfterCurrentItem).await;
    }
    let operation = fixture.until_state(patient, State::Cancelled).await;
    let receipt = operation.cancel.expect("a receipt");
    assert_eq!((receipt.safe_point.as_deref(), receipt.mode), (Some("step done"), Some(CancelMode::AfterCurrentItem)));
    assert!(operation.items_done > 0);
    assert_eq!(fixture.get(urgent).await.state, State::Running);
    fixture.cancel(urgent).await;
    let receipt = fixture.until_state(urgent, State::Cancelled).await.cancel.expect("a receipt");
    assert_eq!((receipt.safe_point.as_deref(), receipt.mode), (Some("within a step"), Some(CancelMode::Now)));
    worker.end().await;
}

/// What waits, what runs, and nothing else; itself it succeeds.
#[tokio::test]
async fn many_are_cancelled_by_an_operation() {
    let fixture = Fixture::new().await;
    let done = fixture.create(steps(1, 0)).await;
    let worker = fixture.worker().await;
    fixture.until_state(done, State::Succeeded).await;
    let mut open = Vec::new();
    for _ in 0..130 {
        open.push(fixture.create(endless()).await);
    }
    let spec = CancelOperations {
        filter: ListFilter { kinds: vec![kinds::demo_steps::KIND], ..ListFilter::default() },
        requested_by: "somebody".to_owned(),
        reason: Some("a wrong table".to_owned()),
        mode: CancelMode::Now,
    };
    // Deleted by its user, and not ended: it is meant too.
    let hidden = open.pop().expect("one of them");
    assert!(fixture.store.delete(&at(hidden), &testkit::actor("tester")).await.expect("deleted"));
    let bulk = fixture.create_as(spec.to_spec(), None).await;
    let later = fixture.create(endless()).await;
    let operation = fixture.until_state(bulk, State::Succeeded).await;
    assert_eq!(
        operation.response,
        Some(serde_json::json!({"requested": "130", "alreadyRequested": "0", "alreadyDone": "0"}))
    );
    assert_eq!((operation.items_done, operation.items_total), (130, Some(130)));
    for id in open {
        let receipt = fixture.until_state(id, State::Cancelled).await.cancel.expect("a receipt");
        assert_eq!((receipt.requested_by.as_str(), receipt.reason.as_deref()), ("somebody", Some("a wrong table")));
    }
    eventually("the hidden one has ended", LIMIT, async || {
        fixture.store.get_to_cancel(&at(hidden)).await.expect("read").is_none().then_some(())
    })
    .await;
    assert!(!fixture.get(later).await.state.is_done(), "what came after it is not meant");
    fixture.cancel(later).await;
    fixture.until_state(later, State::Cancelled).await;
    worker.end().await;
}
