//! What stands beside an operation's life: deadlines, the mode of a cancel, new tries, and what tells why it still runs.

use crate::fixture::{Fixture, actor, at, failed, finished, new_operation, requester, succeeded};
use operation::{CancelMode, OperationId, State};
use runtime::clock;
use safepoint_store::{Address, Asked, CreateRequest, Ending, NewOperation, Operation, Requester, Retried, Retry};
use serde_json::json;
use std::time::Duration;

async fn overdue(fixture: &Fixture) -> OperationId {
    let id = clock::new_operation_id();
    let deadline = Some(clock::now() - Duration::from_secs(1));
    fixture.store.create(&NewOperation { deadline, ..new_operation(id, "p") }).await.expect("created");
    id
}

#[tokio::test]
async fn what_is_overdue_is_not_begun_and_fails() {
    let fixture = Fixture::new().await;
    let (waits, paused, other) = (overdue(&fixture).await, overdue(&fixture).await, fixture.create().await);
    fixture.store.pause(&at(paused), &actor()).await.expect("answered");
    let worker = fixture.worker().await;
    let claimed = fixture.claim(worker, 10).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.fence.id).collect::<Vec<_>>(), vec![other]);
    let failed = fixture.store.fail_overdue(10).await.expect("looked");
    assert_eq!(
        failed.iter().map(|failed| (failed.id, failed.state)).collect::<Vec<_>>(),
        vec![(waits, State::Failed), (paused, State::Failed)]
    );
    let operation = fixture.get(waits).await;
    assert_eq!((operation.error_code, operation.failures), (Some(4), 0));
}

/// Its worker ends it, at a safe point; nobody else does.
#[tokio::test]
async fn what_runs_past_its_deadline_is_ended_by_its_worker() {
    let fixture = Fixture::new().await;
    let (id, worker) = (clock::new_operation_id(), fixture.worker().await);
    let deadline = Some(clock::now() + Duration::from_mins(1));
    fixture.store.create(&NewOperation { deadline, ..new_operation(id, "p") }).await.expect("created");
    let claimed = fixture.claim(worker, 1).await.remove(0);
    let left = claimed.deadline_in.expect("a deadline");
    assert!(left <= Duration::from_mins(1) && left > Duration::from_secs(1), "{left:?}");
    fixture.sql("UPDATE operations SET deadline = clock_timestamp() - interval '1 second'").await;
    assert!(fixture.store.fail_overdue(10).await.expect("looked").is_empty());
    let settled = fixture.store.finish(&[finished(claimed.fence, Ending::DeadlineExceeded)]).await.expect("written");
    assert_eq!(settled[0].state, State::Failed);
    let operation = fixture.get(id).await;
    assert_eq!((operation.error_code, operation.failures), (Some(4), 0));
}

/// The first request stands; who asks again for now gets it, and nobody gets later what was asked for now.
#[tokio::test]
async fn a_cancel_becomes_more_urgent_never_less() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    fixture.claim_one(worker).await;
    let ask = async |name: &str, mode| {
        let requester = Requester { by: testkit::actor(name), reason: Some(name.to_owned()), mode };
        fixture.store.cancel(&at(id), &requester).await.expect("answered").expect("there")
    };
    assert!(matches!(ask("first", CancelMode::AfterCurrentItem).await, Asked::Recorded(_)));
    let first = fixture.get(id).await.cancel.expect("a receipt");
    assert!(matches!(ask("same", CancelMode::AfterCurrentItem).await, Asked::Unchanged(_)));
    assert!(matches!(ask("second", CancelMode::Now).await, Asked::Recorded(_)));
    assert!(matches!(ask("third", CancelMode::AfterCurrentItem).await, Asked::Unchanged(_)));
    let told = fixture.store.requests(worker, &[id]).await.expect("answered");
    assert_eq!(told[0].cancel, Some(CancelMode::Now));
    let receipt = fixture.get(id).await.cancel.expect("a receipt");
    assert_eq!(receipt, safepoint_store::CancelReceipt { mode: Some(CancelMode::Now), ..first });
}

async fn ended(fixture: &Fixture, ending: Ending) -> Operation {
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    let fence = fixture.claim_one(worker).await;
    if matches!(ending, Ending::Cancelled) {
        fixture.store.cancel(&at(id), &requester()).await.expect("answered");
    }
    let mut finished = finished(fence, ending);
    finished.checkpoint = Some(json!({"stepsDone": 7}));
    fixture.store.finish(&[finished]).await.expect("written");
    fixture.get(id).await
}

fn retry(request: Option<(&str, u8)>) -> Retry {
    let request = request.map(|(id, byte)| CreateRequest { id: id.to_owned(), fingerprint: [byte; 32] });
    Retry { id: clock::new_operation_id(), trace_parent: None, request, by: actor() }
}

#[tokio::test]
async fn a_retry_goes_on_from_the_checkpoint_and_the_old_one_stays() {
    let fixture = Fixture::new().await;
    for ending in [failed(false), Ending::Cancelled] {
        let old = ended(&fixture, ending).await;
        let retry = retry(None);
        let Some(Retried::New(new)) = fixture.store.retry(&at(old.id), &retry).await.expect("answered") else {
            panic!("not retried");
        };
        assert_eq!((new.id, new.state, new.retry_of), (retry.id, State::Pending, Some(old.id)));
        assert_eq!((&new.checkpoint, &new.spec, new.failures), (&old.checkpoint, &old.spec, 0));
        let again = fixture.store.retry(&at(old.id), &retry).await.expect("answered");
        assert!(matches!(again, Some(Retried::Before(before)) if before.id == new.id), "the answer was lost");
        let stays = fixture.get(old.id).await;
        assert_eq!((stays.state, stays.revision), (old.state, old.revision), "terminal is final");
        let worker = fixture.worker().await;
        assert_eq!(fixture.claim(worker, 1).await[0].checkpoint, old.checkpoint);
    }
}

#[tokio::test]
async fn only_what_failed_or_was_cancelled_is_tried_again_and_once_a_key() {
    let fixture = Fixture::new().await;
    let done = ended(&fixture, succeeded()).await;
    let refused = fixture.store.retry(&at(done.id), &retry(Some(("k0", 1)))).await.expect("answered");
    assert!(matches!(refused, Some(Retried::Refused(_))), "{refused:?}");
    let waits = fixture.create().await;
    let refused = fixture.store.retry(&at(waits), &retry(None)).await.expect("answered");
    assert!(matches!(refused, Some(Retried::Refused(_))), "{refused:?}");
    fixture.store.cancel(&at(waits), &requester()).await.expect("answered");
    let old = fixture.get(waits).await;
    // The key of a retry that was refused is free.
    let Some(Retried::New(new)) = fixture.store.retry(&at(old.id), &retry(Some(("k0", 2)))).await.expect("answered")
    else {
        panic!("not retried");
    };
    let again = fixture.store.retry(&at(old.id), &retry(Some(("k0", 2)))).await.expect("answered");
    assert!(matches!(&again, Some(Retried::Before(before)) if before.id == new.id), "{again:?}");
    let taken = fixture.store.retry(&at(old.id), &retry(Some(("k0", 3)))).await.expect("answered");
    assert!(matches!(taken, Some(Retried::KeyTaken)), "{taken:?}");
    let elsewhere = Address { project: crate::fixture::project("q"), ..at(old.id) };
    assert!(fixture.store.retry(&elsewhere, &retry(None)).await.expect("answered").is_none());
}

#[tokio::test]
async fn what_an_operation_waits_for_is_told_of_one_moment() {
    let fixture = Fixture::new().await;
    let id = fixture.create().await;
    let why = async || fixture.store.why(&at(id)).await.expect("answered").expect("there");
    let waits = why().await;
    assert_eq!((waits.owner, waits.living_workers), (None, 0));
    let worker = fixture.worker().await;
    let fence = fixture.claim_one(worker).await;
    let mut position = crate::fixture::position(fence, operation::Progress::default());
    position.safe_point = Some(("step done", Duration::from_secs(3)));
    position.items_per_second = Some(2.5);
    assert!(fixture.store.checkpoint_one(position).await.expect("stored"));
    let runs = why().await;
    let owner = runs.owner.expect("an owner");
    assert_eq!((owner.id, owner.host.as_str(), runs.living_workers), (worker, "test", 1));
    assert!(owner.expires_at > runs.looked_at);
    assert_eq!((runs.operation.safe_point.as_deref(), runs.operation.items_per_second), (Some("step done"), Some(2.5)));
    let passed = runs.operation.safe_point_time.expect("a time");
    assert!(runs.looked_at - passed >= Duration::from_secs(3), "{passed}");
    fixture.expire(worker).await;
    assert!(why().await.owner.is_some_and(|owner| owner.expires_at <= clock::now()));
}
