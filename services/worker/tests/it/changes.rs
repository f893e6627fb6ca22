//! Those who wait for an operation are told of what the worker has written.

use crate::fixture::{Fixture, LIMIT, endless, steps};
use operation::{OperationId, State};
use runtime::broker::Changes;
use tokio_util::sync::CancellationToken;

/// Waits for a hint about this operation.
async fn heard(changes: &mut Changes, id: OperationId) {
    let hint = async { while !changes.operations.recv().await.expect("a hint").contains(&id) {} };
    tokio::time::timeout(LIMIT, hint).await.expect("a hint about the operation");
}

#[tokio::test]
async fn each_write_of_a_worker_is_followed_by_a_hint() {
    let fixture = Fixture::new().await;
    let shutdown = CancellationToken::new();
    let mut changes = Changes::start(fixture.broker.clone(), shutdown.clone()).expect("a listener");
    changes.up.wait_for(|up| *up).await.expect("a connection");
    let worker = fixture.worker().await;

    // Of one that goes on and on, what is heard for the second time is how far it is.
    let id = fixture.create(steps(100_000, 10)).await;
    heard(&mut changes, id).await;
    heard(&mut changes, id).await;
    let operation = fixture.get(id).await;
    assert!(operation.state == State::Running && operation.items_done > 0, "{operation:?}");
    fixture.cancel(id).await;
    fixture.until_state(id, State::Cancelled).await;

    // The other stores nothing while it runs: what is heard is its claim, and its end.
    let id = fixture.create(endless()).await;
    heard(&mut changes, id).await;
    assert_eq!(fixture.get(id).await.state, State::Running);
    fixture.cancel(id).await;
    heard(&mut changes, id).await;
    assert_eq!(fixture.get(id).await.state, State::Cancelled);
    worker.end().await;
    shutdown.cancel();
}
