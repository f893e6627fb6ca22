//! What becomes of the operations of a lost worker.

use crate::fixture::{Fixture, at, finished, requester};
use futures_util::future::join_all;
use operation::{Cleanup, CleanupStatus, EndedBy, State};
use safepoint_store::{Ending, STATEMENTS};
use std::collections::HashSet;

#[tokio::test]
async fn a_living_worker_is_not_swept() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    fixture.claim_one(worker).await;
    assert!(fixture.store.sweep(10).await.expect("swept").is_empty());
    assert_eq!(fixture.get(id).await.state, State::Running);
}

/// A claim holds its worker's row: the sweeper does not take half of what a worker owns while the other half comes in.
#[tokio::test]
async fn a_worker_whose_claim_is_under_way_is_swept_after_it() {
    let fixture = Fixture::new().await;
    let (owned, worker) = (fixture.create().await, fixture.worker().await);
    fixture.claim_one(worker).await;
    let claimed = fixture.create().await;
    let (_, claim) = STATEMENTS.iter().find(|(name, _)| *name == "claim").expect("the statement");
    let slow = fixture.database.client().await;
    let nonce = runtime::clock::new_operation_id();
    let claim = format!(
        "PREPARE claim AS {claim}; BEGIN; EXECUTE claim ('{worker}', 'demo.steps', 1, ARRAY['{nonce}'::uuid], '')"
    );
    slow.batch_execute(&claim).await.expect("claimed, not committed");
    fixture.expire(worker).await;
    assert!(fixture.store.sweep(10).await.expect("swept").is_empty(), "half of it");
    slow.batch_execute("COMMIT").await.expect("committed");
    let swept: HashSet<_> = fixture.store.sweep(10).await.expect("swept").iter().map(|swept| swept.id).collect();
    assert_eq!(swept, HashSet::from([owned, claimed]));
}

/// An operation that somebody else has locked keeps no other of its worker waiting.
#[tokio::test]
async fn a_sweep_passes_over_what_is_held() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let mut ids = HashSet::new();
    for _ in 0..3 {
        ids.insert(fixture.create().await);
        fixture.claim_one(worker).await;
    }
    let held = *ids.iter().next().expect("one of them");
    let holder = fixture.database.client().await;
    let lock = format!("BEGIN; SELECT FROM operations WHERE id = '{held}' FOR UPDATE");
    holder.batch_execute(&lock).await.expect("locked");
    fixture.expire(worker).await;
    let swept =
        async || fixture.store.sweep(10).await.expect("swept").iter().map(|swept| swept.id).collect::<HashSet<_>>();
    let others: HashSet<_> = ids.iter().copied().filter(|id| *id != held).collect();
    assert_eq!(swept().await, others);
    holder.batch_execute("COMMIT").await.expect("ended");
    assert_eq!(swept().await, HashSet::from([held]));
}

/// INV-15: a cancelled operation ends although its owner is dead, and there is no other worker.
#[tokio::test]
async fn a_cancelled_operation_of_a_lost_worker_is_cancelled() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    fixture.claim_one(worker).await;
    fixture.store.cancel(&at(id), &requester()).await.expect("answered");
    assert_eq!(fixture.get(id).await.state, State::Running, "CANCELLED only once a new fence stands");
    fixture.expire(worker).await;
    fixture.store.sweep(10).await.expect("swept");
    let operation = fixture.get(id).await;
    assert_eq!((operation.state, operation.error_code), (State::Cancelled, Some(1)));
    let receipt = operation.cancel.expect("a receipt");
    assert_eq!(receipt.ended_by, Some(EndedBy::WorkerLost));
    assert_eq!(receipt.cleanup.expect("told").status, CleanupStatus::Unknown, "nobody saw what the lost worker left");
}

/// A lost worker's remains stay unknown, also where the operation is cancelled while it waits for its next attempt; what an
/// attempt told of its own end is kept likewise.
#[tokio::test]
async fn a_cancel_while_it_waits_tells_what_the_last_attempt_left() {
    let fixture = Fixture::new().await;
    let left = async |id| {
        fixture.store.cancel(&at(id), &requester()).await.expect("answered");
        let operation = fixture.get(id).await;
        assert_eq!(operation.state, State::Cancelled);
        operation.cancel.and_then(|receipt| receipt.cleanup).expect("told")
    };
    let id = fixture.create().await;
    assert_eq!(left(id).await.status, CleanupStatus::Removed, "nothing was begun");

    let (id, worker) = (fixture.create().await, fixture.worker().await);
    fixture.claim_one(worker).await;
    fixture.expire(worker).await;
    fixture.store.sweep(10).await.expect("swept");
    assert_eq!(fixture.get(id).await.state, State::Pending);
    assert_eq!(left(id).await.status, CleanupStatus::Unknown, "nobody saw what the lost worker left");

    let (id, worker) = (fixture.create().await, fixture.worker().await);
    let mut released = finished(fixture.claim_one(worker).await, Ending::Released);
    let kept = Cleanup { status: CleanupStatus::Kept, outputs: vec!["steps/".to_owned()] };
    released.cleanup = Some(kept.clone());
    fixture.store.finish(&[released]).await.expect("written");
    // A claim whose answer was lost runs nothing, and changes nothing of that.
    fixture.claim_one(worker).await;
    assert_eq!(fixture.store.reconcile(worker, &[]).await.expect("given back"), 1);
    assert_eq!(left(id).await, kept);
}

/// INV-19: bounded tries, then FAILED with ABORTED.
#[tokio::test]
async fn an_operation_that_kills_its_workers_fails_at_its_limit() {
    let fixture = Fixture::new().await;
    let id = fixture.create().await;
    for attempt in 1..=3 {
        let worker = fixture.worker().await;
        assert_eq!(fixture.claim_one(worker).await.attempt.0, attempt);
        fixture.expire(worker).await;
        fixture.store.sweep(10).await.expect("swept");
    }
    let operation = fixture.get(id).await;
    assert_eq!((operation.state, operation.error_code, operation.failures), (State::Failed, Some(10), 3));
}

/// INV-28: a drained worker's release is no failure.
#[tokio::test]
async fn a_release_is_no_failure() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    for _ in 0..5 {
        let fence = fixture.claim_one(worker).await;
        fixture.store.finish(&[finished(fence, Ending::Released)]).await.expect("written");
    }
    let operation = fixture.get(id).await;
    assert_eq!((operation.state, operation.failures, operation.attempt.0), (State::Pending, 0, 5));
}

/// Any number of keepers at once: each operation is taken back exactly once.
#[tokio::test]
async fn sweepers_do_not_get_in_each_others_way() {
    let fixture = Fixture::new().await;
    for _ in 0..60 {
        fixture.create().await;
    }
    let worker = fixture.worker().await;
    assert_eq!(fixture.claim(worker, 60).await.len(), 60);
    fixture.expire(worker).await;
    let mut swept = 0;
    while swept < 60 {
        let rounds = join_all((0..4).map(|_| fixture.store.sweep(10))).await;
        swept += rounds.into_iter().map(|round| round.expect("swept").len()).sum::<usize>();
    }
    assert_eq!(swept, 60);
    let next = fixture.worker().await;
    assert!(fixture.claim(next, 60).await.iter().all(|claimed| claimed.failures == 1), "one failure each");
}

#[tokio::test]
async fn a_worker_that_left_nothing_behind_is_retired_and_a_lost_one_forgotten() {
    let fixture = Fixture::new().await;
    let (idle, busy) = (fixture.worker().await, fixture.worker().await);
    fixture.create().await;
    fixture.claim_one(busy).await;
    assert!(fixture.store.retire_worker(idle).await.expect("answered"));
    assert!(!fixture.store.retire_worker(busy).await.expect("answered"), "it still owns an operation");
    fixture.sql("UPDATE workers SET expires_at = clock_timestamp() - interval '2 minutes'").await;
    assert_eq!(fixture.store.bury_workers().await.expect("answered"), 0, "not before it is swept");
    fixture.store.sweep(10).await.expect("swept");
    assert_eq!(fixture.store.bury_workers().await.expect("answered"), 1);
}
