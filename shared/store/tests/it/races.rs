//! Statements that meet on one row: whoever commits first, the row stays true.

use crate::fixture::{Fixture, at, finished, position, requester, succeeded};
use operation::{CancelMode, Cleanup, CleanupStatus, OperationId, Progress, Road, State};
use safepoint_store::{Asked, Ending, Requester};
use std::collections::BTreeSet;
use std::time::Duration;

const ROUNDS: usize = 100;

/// INV-4, 7, 14: a cancel and an end at the same moment.
#[tokio::test]
async fn cancel_and_finish_at_once() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    for round in 0..ROUNDS {
        let id = fixture.create().await;
        let fence = fixture.claim_one(worker).await;
        let (address, requester, ends) = (at(id), requester(), [finished(fence, succeeded())]);
        let cancel = async {
            if round % 2 == 0 {
                let asked = fixture.store.cancel(&address, &requester).await.expect("answered");
                matches!(asked.expect("found"), Asked::Recorded(_))
            } else {
                let cancels = [(address.clone(), requester.clone())];
                !fixture.store.cancel_together(&cancels).await.expect("answered").is_empty()
            }
        };
        let (recorded, finish) = tokio::join!(cancel, fixture.store.finish(&ends));
        assert_eq!(finish.expect("written").len(), 1, "round {round}: the end was lost");
        let operation = fixture.get(id).await;
        assert_eq!(operation.state, State::Succeeded, "round {round}: the work was done");
        assert_eq!(operation.cancel.is_some(), recorded, "round {round}");
    }
}

/// A release that meets a cancel must not put a cancelled operation back into the queue (the row's own facts decide,
/// also those committed between the statement's look and its lock).
#[tokio::test]
async fn cancel_and_release_at_once() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    for round in 0..ROUNDS {
        let id = fixture.create().await;
        let fence = fixture.claim_one(worker).await;
        let (address, requester, ends) = (at(id), requester(), [finished(fence, Ending::Released)]);
        let (cancel, finish) = tokio::join!(fixture.store.cancel(&address, &requester), fixture.store.finish(&ends));
        assert!(matches!(cancel.expect("answered"), Some(Asked::Recorded(_))), "round {round}");
        assert_eq!(finish.expect("written").len(), 1, "round {round}");
        assert_eq!(fixture.get(id).await.state, State::Cancelled, "round {round}: asked, and not running");
    }
}

/// One statement for many cancels waits for no row: what another statement holds is left out, and the others are recorded
/// with all that one by itself records.
#[tokio::test]
async fn cancels_together_pass_over_a_row_that_is_held() {
    let fixture = Fixture::new().await;
    let (held, first, second) = (fixture.create().await, fixture.create().await, fixture.create().await);
    let alone = fixture.create().await;
    let client = fixture.database.client().await;
    client.batch_execute("BEGIN").await.expect("begun");
    client
        .execute("UPDATE operations SET items_done = 1 WHERE id = $1::text::uuid", &[&held.to_string()])
        .await
        .expect("locked");
    let cancels = [held, first, second].map(|id| (at(id), requester()));
    let recorded = fixture.store.cancel_together(&cancels).await.expect("recorded");
    assert_eq!(recorded.iter().map(|operation| operation.id).collect::<BTreeSet<_>>(), BTreeSet::from([first, second]));
    client.batch_execute("COMMIT").await.expect("committed");
    assert_eq!(fixture.get(held).await.state, State::Pending);
    assert!(matches!(fixture.store.cancel(&at(alone), &requester()).await, Ok(Some(Asked::Recorded(_)))));
    for id in [first, second] {
        assert_eq!(told(&fixture, id).await, told(&fixture, alone).await);
    }
    // The first request stands; who wants it at once changes the mode alone, and who wants less changes nothing.
    let worker = fixture.worker().await;
    let gently = Requester { by: testkit::actor("first"), reason: None, mode: CancelMode::AfterCurrentItem };
    let [one, other] = [fixture.create().await, fixture.create().await];
    assert_eq!(fixture.claim(worker, 3).await.len(), 3, "with the one that was held");
    for (id, requester, changes) in
        [(one, &gently, true), (one, &requester(), true), (one, &gently, false), (other, &requester(), true)]
    {
        let recorded = fixture.store.cancel_together(&[(at(id), requester.clone())]).await.expect("answered");
        assert_eq!(!recorded.is_empty(), changes, "{requester:?}");
    }
    let cancel = fixture.get(one).await.cancel.expect("a receipt");
    assert_eq!((cancel.requested_by.as_str(), cancel.reason, cancel.mode), ("first", None, Some(CancelMode::Now)));
}

/// What a cancel leaves of itself, but for its times.
async fn told(fixture: &Fixture, id: OperationId) -> String {
    let row = "SELECT concat_ws(' ', o.state, o.error_code, o.error_message, o.cancel_requested_by, o.cancel_reason,
             o.cancel_mode, o.cancel_cleanup, o.revision, o.finish_time >= o.cancel_requested_at, a.principal,
             a.source_address, a.request_id, a.verb, a.result, a.project_id)
         FROM operations o JOIN audit_log a ON a.operation_id = o.id WHERE o.id = $1::text::uuid AND a.verb = 'CANCEL'";
    fixture.client.query_one(row, &[&id.to_string()]).await.expect("one entry").get(0)
}

/// The same, forced: the cancel holds the row's lock while the release looks at it.
#[tokio::test]
async fn a_release_that_waited_for_a_cancel_sees_it() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    let fence = fixture.claim_one(worker).await;
    let client = fixture.database.client().await;
    client.batch_execute("BEGIN").await.expect("begun");
    client
        .execute("UPDATE operations SET cancel_requested_at = clock_timestamp(), cancel_requested_by = 'x'", &[])
        .await
        .expect("locked");
    let store = fixture.store.clone();
    let release = tokio::spawn(async move { store.finish(&[finished(fence, Ending::Released)]).await });
    let watch = fixture.database.client().await;
    testkit::eventually("the release waits for the lock", Duration::from_secs(10), async || {
        let waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        watch.query_opt(waiting, &[]).await.ok().flatten().map(|_| ())
    })
    .await;
    client.batch_execute("COMMIT").await.expect("committed");
    assert_eq!(release.await.expect("no panic").expect("written").len(), 1);
    assert_eq!(fixture.get(id).await.state, State::Cancelled);
}

/// INV-8: an attempt that stands no more writes nothing, whatever it writes.
#[tokio::test]
async fn a_stale_attempt_changes_nothing() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    let stale = fixture.claim_one(worker).await;
    fixture.expire(worker).await;
    assert_eq!(fixture.store.sweep(10).await.expect("swept").len(), 1);
    let second = fixture.worker().await;
    let fence = fixture.claim_one(second).await;
    assert_eq!(fence.attempt.0, 2);
    let before = fixture.get(id).await;
    let wrong_nonce = operation::Fence { nonce: stale.nonce, ..fence };
    let wrong_attempt = operation::Fence { attempt: stale.attempt, ..fence };
    for fence in [stale, wrong_nonce, wrong_attempt] {
        let position = position(fence, Progress { items_done: 99, ..Progress::default() });
        assert!(fixture.store.checkpoint(&[position]).await.expect("answered").is_empty());
        assert!(fixture.store.finish(&[finished(fence, succeeded())]).await.expect("answered").is_empty());
        assert_eq!(fixture.store.commit_point(fence).await.expect("answered"), safepoint_store::CommitAnswer::Fenced);
    }
    let after = fixture.get(id).await;
    assert_eq!((after.snapshot(), after.revision), (before.snapshot(), before.revision));
}

#[tokio::test]
async fn the_receipt_tells_the_whole_story_in_order() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    let fence = fixture.claim_one(worker).await;
    fixture.store.cancel(&at(id), &requester()).await.expect("answered");
    assert_eq!(
        fixture.store.commit_point(fence).await.expect("answered"),
        safepoint_store::CommitAnswer::CancelRequested
    );
    let cleanup = Cleanup { status: CleanupStatus::Removed, outputs: vec!["part".to_owned()] };
    let mut ended = finished(fence, Ending::Cancelled);
    ended.delivered = Some((Duration::from_micros(20), Road::Push));
    ended.observed = Some((Duration::from_micros(10), "part uploaded"));
    ended.cleanup = Some(cleanup.clone());
    let settled = fixture.store.finish(&[ended]).await.expect("written");
    assert!(settled[0].cancel_latency.is_some());
    let operation = fixture.get(id).await;
    let receipt = operation.cancel.expect("a receipt");
    assert_eq!((operation.error_code, operation.response), (Some(1), None));
    assert_eq!((receipt.requested_by.as_str(), receipt.reason.as_deref()), ("tester", Some("because")));
    assert_eq!(receipt.delivered_by.as_deref(), Some("push"));
    assert_eq!(receipt.safe_point.as_deref(), Some("part uploaded"));
    assert_eq!(receipt.cleanup, Some(cleanup));
    let times = [Some(receipt.requested_at), receipt.delivered_at, receipt.observed_at, receipt.stopped_at];
    assert!(times.iter().all(Option::is_some) && times.is_sorted(), "{times:?}");
}

/// One end that can't be written must not be confused with a fence, and a batch writes all the others.
#[tokio::test]
async fn a_batch_of_ends_is_written_as_one() {
    let fixture = Fixture::new().await;
    for _ in 0..50 {
        fixture.create().await;
    }
    let worker = fixture.worker().await;
    let claimed = fixture.claim(worker, 50).await;
    let mut ends: Vec<_> = claimed.iter().map(|claimed| finished(claimed.fence, succeeded())).collect();
    ends[7].fence.nonce = operation::Nonce::from_uuid(uuid::Uuid::nil());
    let settled = fixture.store.finish(&ends).await.expect("written");
    assert_eq!(settled.len(), 49, "all but the fenced one");
}
