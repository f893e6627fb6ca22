//! Attempts that are aborted while the store holds a request of theirs: they end, nothing of theirs appears later, and no
//! upload stays open.

use super::transfers::world;
use super::{Store, is_refused, soon};
use crate::fixture::{Fixture, steps};
use crate::postgres_export::world as exports;
use crate::storage_transfer::moto::part;
use crate::storage_transfer::world::{PATIENCE, Run, World, cancelled, content};
use kinds::demo_steps::DemoSteps;
use kinds::storage_transfer::{DeleteOption, StorageTransfer, TransferSink, TransferSource};
use operation::{CancelMode, CleanupStatus, EndedBy, Road, State};
use safepoint_worker::attempt::{Attempt, Stop};
use safepoint_worker::safepoint::Ended;
use serde_json::Value;
use std::sync::Arc;
use testkit::eventually;
use tokio::task::JoinHandle;

const MIB: usize = 1024 * 1024;
/// An export that needs an upload.
const LARGE: &str = "SELECT repeat('x', 1000) FROM generate_series(1, 9000)";
/// The requests of an upload: it begins, takes a part, and is completed.
const UPLOAD: [&str; 3] =
    ["POST /data/prefix/object?uploads", "PUT /data/prefix/object?", "POST /data/prefix/object?uploadId"];

/// A copy of an object of this size into the bucket.
async fn copies(store: &Store, size: usize) -> (World, Run) {
    let world = world(store).await;
    world.put("object", &content(1, size));
    let run = world.begin(StorageTransfer { sink: TransferSink::Bucket(part("s3", "")), ..world.spec() }).await;
    (world, run)
}

/// Cancelled, and then not allowed to act any more, as by an abort that comes between two steps of it.
async fn is_cancelled(attempt: &Arc<Attempt>, task: JoinHandle<Result<Value, Ended>>) {
    attempt.deliver_cancel(Road::Push, CancelMode::Now);
    attempt.lease().revoke();
    let ended = soon(task).await.unwrap();
    assert!(matches!(ended, Err(Ended::Stop(Stop::Cancel))), "{ended:?}");
}

/// The end is written, and says that nobody knows what is left.
#[tokio::test]
async fn an_attempt_that_hangs_in_a_request_ends_cancelled() {
    let Some(store) = Store::start().await else { return };
    let mut fixture = Fixture::new().await;
    fixture.buckets.push(store.bucket("steps"));
    let worker = fixture.worker().await;
    for number in 0..3 {
        let folder = format!("out-{number}");
        let held = store.front.hold(&format!("PUT /data/prefix/{folder}/step-000001"));
        let (bucket, object) = (Some("steps".to_owned()), Some(folder));
        let id = fixture.create(DemoSteps { bucket, object, ..steps(1, 0) }).await;
        soon(held.arrived()).await;
        fixture.cancel(id).await;
        let receipt = fixture.until_state(id, State::Cancelled).await.cancel.expect("a receipt");
        assert_eq!(receipt.ended_by, Some(EndedBy::TaskAborted));
        assert_eq!(receipt.cleanup.expect("told").status, CleanupStatus::Unknown);
    }
    worker.end().await;
}

#[tokio::test]
async fn a_revoked_lease_is_not_told_as_a_lost_one() {
    let Some(store) = Store::start().await else { return };
    for size in [100, 9 * MIB] {
        let (_world, run) = copies(&store, size).await;
        let held = store.front.hold(if size > MIB { UPLOAD[2] } else { "PUT /data/prefix/object" });
        let task = run.start();
        soon(held.arrived()).await;
        is_cancelled(&run.attempt, task).await;
        let cleanup = run.attempt.cleanup().unwrap();
        assert_eq!((cleanup.status, cleanup.outputs), (CleanupStatus::Unknown, vec!["prefix/object".to_owned()]));
    }
    let world = world(&store).await;
    store.put("object", "ours").await;
    let mut spec = StorageTransfer { source: TransferSource::S3(part("s3", "")), ..world.spec() };
    spec.options.delete = Some(DeleteOption::FromSourceAfterTransfer);
    let run = world.begin(spec).await;
    let held = store.front.hold("DELETE /data/prefix/object");
    let task = run.start();
    soon(held.arrived()).await;
    is_cancelled(&run.attempt, task).await;
    let world = exports::World::new().await;
    for query in ["SELECT 1", LARGE] {
        let run = world.csv(query, "object").await;
        let run = exports::Run { bucket: store.bucket("exports"), ..run };
        let held = store.front.hold(if query == LARGE { UPLOAD[2] } else { "PUT /data/prefix/object" });
        let task = run.start();
        soon(held.arrived()).await;
        is_cancelled(&run.attempt, task).await;
        store.delete("object").await;
    }
}

/// Aborts it in the middle of this request, which the store executes afterwards.
async fn leaves_no_upload(
    store: &Store,
    line: &str,
    attempt: &Arc<Attempt>,
    start: impl FnOnce() -> JoinHandle<Result<Value, Ended>>,
) {
    let held = store.front.hold(line);
    let task = start();
    soon(held.arrived()).await;
    attempt.deliver_cancel(Road::Push, CancelMode::Now);
    attempt.cut_off();
    assert!(task.await.unwrap_err().is_cancelled());
    attempt.work().ended().await;
    if line == UPLOAD[0] {
        assert_eq!(soon(held.release()).await, 200);
    }
    let gone = || !store.moto.curl(&[], "?uploads").contains("<Upload>");
    eventually("no upload is open", PATIENCE, || async { gone().then_some(()) }).await;
    if line != UPLOAD[0] {
        let late = soon(held.release()).await;
        if line == UPLOAD[2] {
            is_refused(late);
        }
    }
    store.moto.has_no_open_upload();
    assert_eq!(store.object("object").await, None, "{line}");
}

#[tokio::test]
async fn an_aborted_transfer_leaves_no_upload() {
    let Some(store) = Store::start().await else { return };
    for line in UPLOAD {
        let (_world, run) = copies(&store, 17 * MIB).await;
        leaves_no_upload(&store, line, &run.attempt, || run.start()).await;
    }
}

#[tokio::test]
async fn an_aborted_export_leaves_no_upload() {
    let Some(store) = Store::start().await else { return };
    let world = exports::World::new().await;
    for line in UPLOAD {
        let run = world.csv(LARGE, "object").await;
        let run = exports::Run { bucket: store.bucket("exports"), ..run };
        leaves_no_upload(&store, line, &run.attempt, || run.start()).await;
    }
}

/// A move into the bucket, which leaves a mark there to see that it does not lead onto itself.
async fn moves(store: &Store) -> (World, Run) {
    let world = world(store).await;
    let mut spec = StorageTransfer { sink: TransferSink::Bucket(part("s3", "")), ..world.spec() };
    spec.options.delete = Some(DeleteOption::FromSourceAfterTransfer);
    let run = world.begin(spec).await;
    (world, run)
}

const MARK: &str = "PUT /data/prefix/.safepoint-";

#[tokio::test]
async fn a_stopped_move_removes_its_mark_before_it_ends() {
    let Some(store) = Store::start().await else { return };
    let (_world, run) = moves(&store).await;
    let held = store.front.hold(MARK);
    let task = run.start();
    soon(held.arrived()).await;
    run.cancel(CancelMode::Now);
    eventually("the stop is seen", PATIENCE, || async { run.attempt.observed() }).await;
    assert!(!task.is_finished(), "it would leave its mark after its end");
    assert_eq!(soon(held.release()).await, 200);
    cancelled(task).await;
    assert!(store.moto.objects("prefix").await.is_empty());
    assert_eq!(run.attempt.cleanup().unwrap().status, CleanupStatus::Removed);
}

/// A store that does not answer does not hold up the stop; the mark that may come is told of, and nobody sends it again.
#[tokio::test]
async fn a_mark_that_may_be_left_is_told_of() {
    let Some(store) = Store::start().await else { return };
    let (_world, run) = moves(&store).await;
    let held = store.front.hold(MARK);
    let task = run.start();
    soon(held.arrived()).await;
    run.cancel(CancelMode::Now);
    cancelled(task).await;
    soon(held.hung_up()).await;
    let cleanup = run.attempt.cleanup().unwrap();
    assert_eq!(cleanup.status, CleanupStatus::Unknown);
    assert!(cleanup.outputs[0].contains(&run.attempt.fence.id.to_string()), "{:?}", cleanup.outputs);
    assert_eq!(store.front.requests(MARK).len(), 1);
}
