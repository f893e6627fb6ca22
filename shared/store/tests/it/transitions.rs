//! The SQL does what the pure transition says, step by step, over generated lives.

use crate::counts;
use crate::fixture::{Fixture, actor, at, failed, finished, new_operation, requester, succeeded};
use operation::{AttemptNumber, Event, Fence, Nonce, OperationId, Outcome, Refused, Snapshot, WorkerId, transition};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use runtime::clock;
use safepoint_store::{Asked, Ending};
use testkit::events::{Step, steps};
use uuid::Uuid;

const LIVES: usize = 300;

#[tokio::test]
async fn every_statement_does_what_the_transition_says() {
    let fixture = Fixture::new().await;
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let lives = steps(16);
    for _ in 0..LIVES {
        let life = lives.new_tree(&mut runner).expect("a sequence").current();
        live(&fixture, &life).await;
        counts::are_exact(&fixture.client).await;
        fixture.sql("DELETE FROM operations; DELETE FROM workers").await;
        fixture.store.compact_counts(10).await.expect("folded");
    }
    counts::are_exact(&fixture.client).await;
}

async fn live(fixture: &Fixture, life: &[Step]) {
    let id = clock::new_operation_id();
    fixture.store.create(&new_operation(id, "p")).await.expect("created");
    let (mut worker, mut now) = (fixture.worker().await, Snapshot::new(3));
    for (turn, step) in life.iter().enumerate() {
        let (event, applied) = apply(fixture, &mut worker, id, &now, *step).await;
        let decided = transition(&now, event);
        let stored = fixture.get(id).await.snapshot();
        let context = format!("step {turn} of {life:?}: {event:?} on {now:?}");
        match decided {
            Ok(next) => {
                assert!(applied, "{context}: the SQL refused what the transition allows");
                assert_eq!(stored, next.snapshot, "{context}");
                now = next.snapshot;
            }
            Err(refused) => {
                assert!(!applied, "{context}: the SQL did what the transition refuses ({refused:?})");
                assert_eq!(stored, now, "{context}: a refused event changed the row");
                if event == Event::RequestCancel {
                    assert!(matches!(refused, Refused::Done | Refused::AlreadyRequested), "{context}");
                }
            }
        }
    }
}

/// Does the step in SQL; tells the event it was, and whether it changed the row.
async fn apply(fixture: &Fixture, worker: &mut WorkerId, id: OperationId, now: &Snapshot, step: Step) -> (Event, bool) {
    let store = &fixture.store;
    match step {
        Step::Claim => {
            let claimed = fixture.claim(*worker, 5).await;
            let nonce = claimed.first().map_or(Nonce::from_uuid(Uuid::nil()), |claimed| claimed.fence.nonce);
            (Event::Claim { nonce }, !claimed.is_empty())
        }
        Step::RequestCancel { together: false } => {
            let answer = store.cancel(&at(id), &requester()).await.expect("answered");
            (Event::RequestCancel, matches!(answer, Some(Asked::Recorded(_))))
        }
        Step::RequestCancel { together: true } => {
            let recorded = store.cancel_together(&[(at(id), requester())]).await.expect("answered");
            (Event::RequestCancel, !recorded.is_empty())
        }
        Step::RequestPause => {
            let answer = store.pause(&at(id), &actor()).await.expect("answered");
            (Event::RequestPause, matches!(answer, Some(Asked::Recorded(_))))
        }
        Step::Resume => {
            let answer = store.resume(&at(id), &actor()).await.expect("answered");
            (Event::Resume, matches!(answer, Some(Asked::Recorded(_))))
        }
        Step::OwnerLost => {
            fixture.expire(*worker).await;
            let swept = store.sweep(10).await.expect("swept");
            *worker = fixture.worker().await;
            (Event::OwnerLost, !swept.is_empty())
        }
        Step::DeadlinePassed => {
            fixture.sql("UPDATE operations SET deadline = clock_timestamp() - interval '1 second'").await;
            let failed = store.fail_overdue(10).await.expect("looked");
            // Else it would hold for all that follows, claims too.
            fixture.sql("UPDATE operations SET deadline = NULL").await;
            (Event::DeadlinePassed, !failed.is_empty())
        }
        Step::Finish { outcome, stale } => {
            let nonce = if stale { None } else { now.nonce }.unwrap_or(Nonce::from_uuid(Uuid::max()));
            // A stale attempt bears the number of one that stood before, or the right number and a wrong nonce.
            let attempt = AttemptNumber(now.attempt.0.max(1));
            let settled =
                store.finish(&[finished(Fence { id, attempt, nonce }, ending(outcome))]).await.expect("written");
            (Event::Finish { attempt, nonce, outcome }, !settled.is_empty())
        }
    }
}

fn ending(outcome: Outcome) -> Ending {
    match outcome {
        Outcome::Succeeded => succeeded(),
        Outcome::Failed { retryable } => failed(retryable),
        Outcome::Cancelled => Ending::Cancelled,
        Outcome::Paused => Ending::Paused,
        Outcome::Released => Ending::Released,
        Outcome::DeadlineExceeded => Ending::DeadlineExceeded,
    }
}
