//! Claims: bounded, disjoint, fair, and only with a lease that stands.

use crate::fixture::{Fixture, at, failed, finished, project, requester};
use futures_util::future::join_all;
use operation::{CancelMode, LeaseTerms, State};
use safepoint_store::{LeaseLost, Requested};
use std::collections::HashSet;

#[tokio::test]
async fn claims_of_many_workers_are_bounded_and_disjoint() {
    let fixture = Fixture::new().await;
    for _ in 0..100 {
        fixture.create().await;
    }
    let workers = join_all((0..8).map(|_| fixture.worker())).await;
    let mut seen = HashSet::new();
    while seen.len() < 100 {
        let claims = join_all(workers.iter().map(|worker| fixture.claim(*worker, 5))).await;
        assert!(claims.iter().any(|claimed| !claimed.is_empty()), "stuck after {}", seen.len());
        for claimed in claims {
            assert!(claimed.len() <= 5, "claimed {} of 5", claimed.len());
            for operation in claimed {
                assert_eq!(operation.fence.attempt.0, 1);
                assert!(seen.insert(operation.fence.id), "claimed twice: {}", operation.fence.id);
            }
        }
    }
}

/// A project with a long queue does not starve one with two operations, however old its queue is.
#[tokio::test]
async fn claims_are_fair_over_projects() {
    let fixture = Fixture::new().await;
    for _ in 0..200 {
        fixture.create_in("noisy").await;
    }
    for _ in 0..2 {
        fixture.create_in("quiet").await;
    }
    let worker = fixture.worker().await;
    let first = fixture.claim(worker, 4).await;
    let quiet = first.iter().filter(|claimed| claimed.project == project("quiet")).count();
    assert_eq!(quiet, 2, "half of the first four turns are the quiet project's");
    // Now the noisy one has two running, the newcomer none: the newcomer's come first.
    for _ in 0..2 {
        fixture.create_in("newcomer").await;
    }
    let second = fixture.claim(worker, 2).await;
    assert!(second.iter().all(|claimed| claimed.project == project("newcomer")), "{second:?}");
}

#[tokio::test]
async fn within_a_project_priority_comes_before_age() {
    let fixture = Fixture::new().await;
    let old = fixture.create().await;
    let urgent = runtime::clock::new_operation_id();
    let new = safepoint_store::NewOperation { priority: 5, ..crate::fixture::new_operation(urgent, "p") };
    fixture.store.create(&new).await.expect("created");
    let worker = fixture.worker().await;
    assert_eq!(fixture.claim_one(worker).await.id, urgent);
    assert_eq!(fixture.claim_one(worker).await.id, old);
}

#[tokio::test]
async fn without_a_lease_nothing_is_claimed_and_nothing_renewed() {
    let fixture = Fixture::new().await;
    fixture.create().await;
    let stranger = runtime::clock::new_worker_id();
    assert!(fixture.claim(stranger, 1).await.is_empty(), "never registered");
    let worker = fixture.worker().await;
    fixture.expire(worker).await;
    assert!(fixture.claim(worker, 1).await.is_empty(), "its lease has ended");
    let renewed = fixture.store.renew_worker(worker, LeaseTerms::default()).await.expect("answered");
    assert_eq!(renewed, Err(LeaseLost), "an ended lease is not renewed");
}

/// The road of a cancel that works without the broker.
#[tokio::test]
async fn a_renewal_tells_what_is_asked() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    let fence = fixture.claim_one(worker).await;
    let renew = async || fixture.store.renew_worker(worker, LeaseTerms::default()).await.expect("answered");
    assert_eq!(renew().await, Ok(Vec::new()));
    fixture.store.cancel(&at(id), &requester()).await.expect("answered");
    let asked = Requested { id, attempt: fence.attempt, cancel: Some(CancelMode::Now), pause: false };
    assert_eq!(renew().await, Ok(vec![asked]));
    assert_eq!(fixture.store.requests(worker, &[id]).await.expect("answered"), vec![asked]);
    let other = fixture.worker().await;
    assert_eq!(fixture.store.requests(other, &[id]).await.expect("answered"), Vec::new(), "not its operation");
}

/// A claim whose answer was lost is given back by its own worker, as no failure.
#[tokio::test]
async fn what_a_worker_does_not_know_of_is_given_back() {
    let fixture = Fixture::new().await;
    let (lost, known, worker) = (fixture.create().await, fixture.create().await, fixture.worker().await);
    assert_eq!(fixture.claim(worker, 2).await.len(), 2);
    assert_eq!(fixture.store.reconcile(worker, &[known]).await.expect("reconciled"), 1);
    let (lost, known) = (fixture.get(lost).await, fixture.get(known).await);
    assert_eq!((lost.state, lost.failures, lost.attempt.0), (State::Pending, 0, 1));
    assert_eq!(known.state, State::Running);
}

#[tokio::test]
async fn a_failed_operation_waits_for_its_delay() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    let fence = fixture.claim_one(worker).await;
    let mut failed = finished(fence, failed(true));
    if let safepoint_store::Ending::Failed { delay, .. } = &mut failed.ending {
        *delay = std::time::Duration::from_hours(1);
    }
    fixture.store.finish(&[failed]).await.expect("written");
    assert_eq!(fixture.get(id).await.state, State::Pending);
    assert!(fixture.claim(worker, 1).await.is_empty(), "claimed before its time");
    fixture.sql("UPDATE operations SET not_before = clock_timestamp()").await;
    assert_eq!(
        fixture.store.claim(worker, &kinds::demo_steps::KIND, 1, "").await.expect("claimed").operations.len(),
        1
    );
}

/// A claim never waits for a row that somebody else holds: it takes the next.
#[tokio::test]
async fn a_claim_passes_over_what_is_held() {
    let fixture = Fixture::new().await;
    let (held, free) = (fixture.create().await, fixture.create().await);
    let client = fixture.database.client().await;
    client.batch_execute("BEGIN").await.expect("begun");
    let lock = format!("SELECT FROM operations WHERE id = '{}' FOR UPDATE", held.as_uuid());
    client.batch_execute(&lock).await.expect("held");
    let worker = fixture.worker().await;
    let claimed: Vec<_> = fixture.claim(worker, 2).await.iter().map(|claimed| claimed.fence.id).collect();
    assert_eq!(claimed, [free]);
    client.batch_execute("COMMIT").await.expect("let go");
    let claimed: Vec<_> = fixture.claim(worker, 2).await.iter().map(|claimed| claimed.fence.id).collect();
    assert_eq!(claimed, [held]);
}
