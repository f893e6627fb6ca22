//! Deletes: in the source after a move, and in the sink.

use super::transfers::world;
use super::{FORMER, Former, Store, befall, is_fenced, soon};
use crate::storage_transfer::moto::part;
use crate::storage_transfer::world::World;
use kinds::storage_transfer::{DeleteOption, StorageTransfer, TransferSink, TransferSource};
use operation::Code;
use testkit::Conditions;

/// Moves the bucket into a folder.
fn moves(world: &World) -> StorageTransfer {
    let mut spec = StorageTransfer { source: TransferSource::S3(part("s3", "")), ..world.spec() };
    spec.options.delete = Some(DeleteOption::FromSourceAfterTransfer);
    spec
}

/// Copies an empty folder into the bucket, and deletes what it does not hold.
fn clears(world: &World) -> StorageTransfer {
    let mut spec = StorageTransfer { sink: TransferSink::Bucket(part("s3", "")), ..world.spec() };
    spec.options.delete = Some(DeleteOption::UniqueInSink);
    spec
}

const SPECS: [fn(&World) -> StorageTransfer; 2] = [moves, clears];

/// The store holds the delete, another program puts a new object of the same name, the delete is executed.
#[tokio::test]
async fn a_late_delete_does_not_delete_a_new_object() {
    let Some(store) = Store::start().await else { return };
    for spec in SPECS {
        for former in FORMER {
            let world = world(&store).await;
            store.put("object", "old").await;
            let run = world.begin(spec(&world)).await;
            let held = store.front.hold("DELETE /data/prefix/object");
            let task = run.start();
            soon(held.arrived()).await;
            befall(former, &run.clock, &held).await;
            store.put("object", "new").await;
            assert_eq!(soon(held.release()).await, 412);
            assert_eq!(store.object("object").await.unwrap(), "new", "{former:?}");
            if former == Former::LosesItsLease {
                is_fenced(task).await;
            } else {
                soon(task).await.unwrap().unwrap_err();
                assert_eq!(run.errors(), [(Code::FailedPrecondition.name().to_owned(), 1)]);
            }
        }
    }
}

/// A delete whose answer is lost has deleted; one that the store failed to execute is sent again after a look.
#[tokio::test]
async fn a_delete_is_not_repeated_without_a_look() {
    let Some(store) = Store::start().await else { return };
    for spec in SPECS {
        for lost in [true, false] {
            let world = world(&store).await;
            store.put("object", "old").await;
            let before = store.front.requests("DELETE /data/prefix/object").len();
            if lost {
                store.front.lose_answer("DELETE /data/prefix/object");
            } else {
                store.front.fail("DELETE /data/prefix/object", 503);
            }
            let counters = world.begin(spec(&world)).await.succeeds().await;
            assert_eq!(counters.objects_deleted_from_source + counters.objects_deleted_from_sink, 1);
            assert_eq!(store.object("object").await, None);
            let deletes = store.front.requests("DELETE /data/prefix/object");
            assert_eq!(deletes.len() - before, if lost { 1 } else { 2 });
            assert!(deletes.iter().all(|delete| delete.contains("if-match: \"")), "{deletes:?}");
        }
    }
}

/// A store that does not know conditions: the object is looked at right before it is deleted.
#[tokio::test]
async fn without_conditions_an_object_is_looked_at_before_it_is_deleted() {
    let Some(store) = Store::start().await else { return };
    for spec in SPECS {
        let mut world = world(&store).await;
        store.front.set_conditions(Conditions::Refused);
        store.put("object", "old").await;
        let run = world.begin(spec(&world)).await;
        let failure = run.fails().await;
        assert!(failure.message.contains("conditional_writes"), "{failure}");
        assert_eq!(store.object("object").await.unwrap(), "old");
        for bucket in &mut world.config.buckets {
            bucket.conditional_writes = false;
        }
        let run = world.begin(spec(&world)).await;
        let look = store.front.hold("HEAD /data/prefix/object");
        let task = run.start();
        soon(look.arrived()).await;
        store.put("object", "new").await;
        look.release().await;
        soon(task).await.unwrap().unwrap_err();
        assert_eq!(store.object("object").await.unwrap(), "new");
        store.put("object", "old").await;
        world.begin(spec(&world)).await.succeeds().await;
        assert_eq!(store.object("object").await, None);
        store.front.set_conditions(Conditions::Kept);
    }
}
