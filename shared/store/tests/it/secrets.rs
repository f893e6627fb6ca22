//! A secret is there for the attempt that holds the operation, and gone when it ends.

use crate::fixture::{Fixture, actor, at, failed, finished, new_operation, requester, succeeded};
use operation::{AttemptNumber, Fence, Nonce, OperationId, Sealed};
use runtime::clock;
use safepoint_store::{Ending, NewOperation, Retried, Retry};
use std::time::Duration;
use uuid::Uuid;

impl Fixture {
    async fn create_with_secret(&self, deadline: Option<time::OffsetDateTime>) -> (OperationId, Sealed) {
        let id = clock::new_operation_id();
        let secret = Sealed { key_id: "a".to_owned(), bytes: id.as_uuid().as_bytes().to_vec() };
        let new = NewOperation { secret: Some(secret.clone()), deadline, ..new_operation(id, "p") };
        for _ in 0..2 {
            self.store.create(&new).await.expect("created");
        }
        (id, secret)
    }

    async fn secrets(&self) -> i64 {
        self.client.query_one("SELECT count(*) FROM operation_secrets", &[]).await.expect("a count").get(0)
    }
}

#[tokio::test]
async fn only_the_attempt_that_holds_it_reads_it() {
    let fixture = Fixture::new().await;
    let (id, secret) = fixture.create_with_secret(None).await;
    assert!(fixture.get(id).await.has_secret);
    let worker = fixture.worker().await;
    let fence = fixture.claim_one(worker).await;
    assert_eq!(fixture.store.secret(fence).await.expect("read"), Some(secret));
    for stale in [
        Fence { nonce: Nonce::from_uuid(Uuid::new_v4()), ..fence },
        Fence { attempt: AttemptNumber(fence.attempt.0 + 1), ..fence },
        Fence { id: clock::new_operation_id(), ..fence },
    ] {
        assert_eq!(fixture.store.secret(stale).await.expect("read"), None);
    }
    fixture.expire(worker).await;
    fixture.store.sweep(10).await.expect("swept");
    assert_eq!(fixture.store.secret(fence).await.expect("read"), None, "nobody holds it");
    let next = fixture.claim_one(fixture.worker().await).await;
    assert!(fixture.store.secret(next).await.expect("read").is_some(), "the next attempt needs it");
    assert_eq!(fixture.store.secret(fence).await.expect("read"), None, "the old one does not");
}

#[tokio::test]
async fn it_goes_with_the_end_whatever_that_is() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    for ending in [succeeded(), failed(false), Ending::Cancelled, Ending::DeadlineExceeded] {
        let (id, _) = fixture.create_with_secret(None).await;
        let fence = fixture.claim_one(worker).await;
        if matches!(ending, Ending::Cancelled) {
            fixture.store.cancel(&at(id), &requester()).await.expect("answered");
        }
        assert_eq!(fixture.secrets().await, 1);
        fixture.store.finish(&[finished(fence, ending.clone())]).await.expect("written");
        assert_eq!(fixture.secrets().await, 0, "{ending:?}");
    }
    // What waits for another try keeps it.
    for ending in [failed(true), Ending::Released, Ending::Paused] {
        let (id, _) = fixture.create_with_secret(None).await;
        let fence = fixture.claim_one(worker).await;
        fixture.store.pause(&at(id), &actor()).await.expect("answered");
        fixture.store.finish(&[finished(fence, ending)]).await.expect("written");
        assert_eq!(fixture.secrets().await, 1);
        fixture.store.cancel(&at(id), &requester()).await.expect("answered");
        assert_eq!(fixture.secrets().await, 0);
    }
    let past = clock::now() - Duration::from_secs(1);
    fixture.create_with_secret(Some(past)).await;
    fixture.store.fail_overdue(10).await.expect("failed");
    assert_eq!(fixture.secrets().await, 0);
}

/// It would have no secret.
#[tokio::test]
async fn what_came_with_one_is_not_tried_again() {
    let fixture = Fixture::new().await;
    let (id, _) = fixture.create_with_secret(None).await;
    fixture.store.cancel(&at(id), &requester()).await.expect("answered");
    let retry = Retry { id: clock::new_operation_id(), trace_parent: None, request: None, by: actor() };
    let answer = fixture.store.retry(&at(id), &retry).await.expect("answered");
    assert!(matches!(answer, Some(Retried::Refused(_))), "{answer:?}");
}
