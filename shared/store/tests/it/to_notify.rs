//! Ends that somebody is to be told of: shown to one keeper at a time, until it was done.

use crate::fixture::{Fixture, failed, finished, new_operation, succeeded};
use kinds::Parameters;
use kinds::storage_transfer::{PayloadFormat, TransferNotification};
use operation::{Kind, OperationId, Spec};
use runtime::clock;
use safepoint_store::{NewOperation, Store};
use std::time::Duration;
use testkit::transfer;

const LONG: Duration = Duration::from_hours(1);

fn told() -> Spec {
    let topic = "projects/p/topics/ends".to_owned();
    let notification = TransferNotification { topic, events: Vec::new(), payload: PayloadFormat::Json };
    kinds::storage_transfer::StorageTransfer { notification: Some(notification), ..transfer() }.to_spec()
}

async fn create(fixture: &Fixture, spec: Spec) -> OperationId {
    let id = clock::new_operation_id();
    fixture.store.create(&NewOperation { spec, ..new_operation(id, "p") }).await.expect("created");
    id
}

/// All that wait come to their ends.
async fn end_all(fixture: &Fixture, kind: Kind) {
    let worker = fixture.worker().await;
    let claimed = fixture.store.claim(worker, &kind, 100, "").await.expect("claimed").operations;
    for (number, claimed) in claimed.iter().enumerate() {
        let ending = if number % 2 == 0 { succeeded() } else { failed(false) };
        fixture.store.finish(&[finished(claimed.fence, ending)]).await.expect("written");
    }
}

async fn shown(store: &Store, claimed_for: Duration, limit: u32) -> Vec<OperationId> {
    let untold = store.to_notify(&kinds::storage_transfer::KIND, claimed_for, limit).await.expect("looked");
    untold.into_iter().map(|read| read.expect("readable").id).collect()
}

#[tokio::test]
async fn only_ends_that_somebody_asked_to_be_told_of_are_shown() {
    let fixture = Fixture::new().await;
    let wanted = create(&fixture, told()).await;
    let failed = create(&fixture, told()).await;
    create(&fixture, transfer().to_spec()).await;
    fixture.create().await;
    assert_eq!(shown(&fixture.store, LONG, 10).await, [], "nothing has ended");
    end_all(&fixture, kinds::storage_transfer::KIND).await;
    end_all(&fixture, kinds::demo_steps::KIND).await;
    create(&fixture, told()).await;
    assert_eq!(shown(&fixture.store, LONG, 10).await, [wanted, failed], "the oldest first");
}

#[tokio::test]
async fn one_keeper_at_a_time_is_shown_an_end_until_it_is_noted() {
    let fixture = Fixture::new().await;
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(create(&fixture, told()).await);
    }
    end_all(&fixture, kinds::storage_transfer::KIND).await;
    let other = fixture.database.store();
    let (first, second) = tokio::join!(shown(&fixture.store, LONG, 10), shown(&other, LONG, 10));
    assert!(first.len() <= 10 && second.len() <= 10);
    let rest = shown(&other, LONG, 100).await;
    let mut seen = [first.clone(), second.clone(), rest].concat();
    seen.sort();
    all.sort();
    assert_eq!(seen, all, "each once");
    assert_eq!(shown(&other, LONG, 100).await, []);

    // The first keeper has died: a while later whoever comes is shown them, but for what was noted.
    fixture.store.notified(&second).await.expect("noted");
    let mut again = shown(&other, Duration::ZERO, 100).await;
    again.sort();
    let left: Vec<_> = all.iter().copied().filter(|id| !second.contains(id)).collect();
    assert_eq!(again, left);
    fixture.store.notified(&left).await.expect("noted");
    fixture.store.notified(&left).await.expect("noted twice");
    assert_eq!(shown(&other, Duration::ZERO, 100).await, []);
}

/// Written by a newer version.
#[tokio::test]
async fn an_end_that_cannot_be_read_is_told_and_keeps_no_other_waiting() {
    let fixture = Fixture::new().await;
    let newer = create(&fixture, told()).await;
    let ours = create(&fixture, told()).await;
    end_all(&fixture, kinds::storage_transfer::KIND).await;
    fixture.sql(&format!("UPDATE operations SET spec = spec - 'kind' WHERE id = '{newer}'")).await;
    let untold = fixture.store.to_notify(&kinds::storage_transfer::KIND, LONG, 1).await.expect("looked");
    assert!(untold.len() == 1 && untold[0].is_err(), "{untold:?}");
    assert_eq!(shown(&fixture.store, LONG, 1).await, [ours]);
}
