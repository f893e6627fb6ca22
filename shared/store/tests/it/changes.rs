//! What has become of operations that somebody watches.

use crate::fixture::{Fixture, actor, at, finished, succeeded};
use operation::{OperationId, State};
use safepoint_store::Change;
use std::collections::BTreeMap;

/// The revisions that came back; `None` for what is gone.
async fn changed(fixture: &Fixture, seen: &[(OperationId, i64)]) -> BTreeMap<OperationId, Option<i64>> {
    let changes = fixture.store.changed(seen).await.expect("looked");
    let changes = changes.into_iter().map(|change| match change.expect("readable") {
        Change::Newer(operation) => (operation.id, Some(operation.revision)),
        Change::Gone(id) => (id, None),
    });
    changes.collect()
}

#[tokio::test]
async fn only_what_has_changed_comes_back() {
    let fixture = Fixture::new().await;
    let (idle, run, deleted, vanished) =
        (fixture.create().await, fixture.create().await, fixture.create().await, fixture.create().await);
    let seen = [(idle, 1), (run, 1), (deleted, 1), (vanished, 1)];
    assert_eq!(changed(&fixture, &seen).await, BTreeMap::new());
    assert_eq!(changed(&fixture, &[(idle, 0)]).await, BTreeMap::from([(idle, Some(1))]));

    assert!(fixture.store.delete(&at(deleted), &actor()).await.expect("deleted"));
    fixture.sql(&format!("DELETE FROM operations WHERE id = '{vanished}'")).await;
    fixture.sql(&format!("UPDATE operations SET priority = 1 WHERE id = '{run}'")).await;
    let worker = fixture.worker().await;
    let fence = fixture.claim_one(worker).await;
    assert_eq!(fence.id, run);
    let both_gone = BTreeMap::from([(run, Some(2)), (deleted, None), (vanished, None)]);
    assert_eq!(changed(&fixture, &seen).await, both_gone);
    assert_eq!(changed(&fixture, &[(run, 2)]).await, BTreeMap::new());

    fixture.store.finish(&[finished(fence, succeeded())]).await.expect("written");
    let changes = fixture.store.changed(&[(run, 2), (idle, 1)]).await.expect("looked");
    let [Ok(Change::Newer(operation))] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((operation.id, operation.state), (run, State::Succeeded));
    assert!(fixture.store.changed(&[]).await.expect("looked").is_empty());
}
