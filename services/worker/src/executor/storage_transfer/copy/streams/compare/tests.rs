//! What must be so before an object of a store is deleted.

use super::*;
use crate::attempt::Attempt;
use crate::executor::guarded::{CloudStore, Dialect, Once};
use crate::executor::storage_transfer::copy::budget::Budget;
use crate::executor::storage_transfer::places::halt::Halt;
use crate::lease_clock::LeaseClock;
use kinds::storage_transfer::{DeleteOption, OverwriteWhen};
use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;
use object_store::path::Path;
use operation::{AttemptNumber, Fence, Nonce, OperationId, WorkerId};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Two stores, each with one object.
struct World {
    source: Arc<InMemory>,
    sink: Arc<InMemory>,
    context: Arc<Context>,
}

impl World {
    async fn new(source_bytes: &'static str, sink_bytes: &'static str) -> Self {
        let (source, sink) = (Arc::new(InMemory::new()), Arc::new(InMemory::new()));
        put(&source, source_bytes).await;
        put(&sink, sink_bytes).await;
        let worker = WorkerId::from_uuid(Uuid::nil());
        let fence = Fence {
            id: OperationId::from_uuid(Uuid::nil()),
            attempt: AttemptNumber(1),
            nonce: Nonce::from_uuid(Uuid::nil()),
        };
        let clock = LeaseClock::new(worker);
        clock.begin(worker, Instant::now() + Duration::from_hours(1));
        let context = Context {
            source: Source::Cloud(place(&source)),
            sink: Sink::Cloud(place(&sink)),
            source_name: String::new(),
            sink_name: String::new(),
            delete: Some(DeleteOption::FromSourceAfterTransfer),
            overwrite: OverwriteWhen::Different,
            at_a_time: 1,
            budget: Budget::default(),
            throttle: None,
            halt: Halt::new(Arc::new(Attempt::new(fence, &kinds::storage_transfer::INFO, clock.held_by(worker)))),
        };
        Self { source, sink, context: Arc::new(context) }
    }

    async fn proof(&self) -> Proof {
        let compared = compare(&self.context, KEY).await.unwrap();
        let Compared::Equal(proof) = compared else { panic!("{compared:?}") };
        proof
    }

    /// What becomes of the source's object.
    async fn delete(&self, proof: Option<Proof>) -> (Result<(), Miss>, bool) {
        let deleted = delete_from_source(&self.context, KEY, proof).await;
        (deleted, self.source.head(&Path::from(KEY)).await.is_ok())
    }

    async fn is_kept(&self, proof: Option<Proof>) {
        let (deleted, there) = self.delete(proof).await;
        assert!(matches!(&deleted, Err(Miss::Object(_, details)) if details == NOT_THE_SAME), "{deleted:?}");
        assert!(there);
    }

    async fn is_deleted(&self, proof: Option<Proof>) {
        let (deleted, there) = self.delete(proof).await;
        assert!(deleted.is_ok() && !there, "{deleted:?}");
    }
}

const KEY: &str = "folder/object";

/// A place in a store that is never listed.
fn place(store: &Arc<InMemory>) -> CloudPlace {
    let builder = AmazonS3Builder::new().with_bucket_name("b").with_region("r");
    let pages = Arc::new(builder.with_access_key_id("k").with_secret_access_key("s").build().unwrap());
    let once = Once { objects: store.clone(), uploads: store.clone(), dialect: Dialect::S3, conditional: true };
    let store = CloudStore { objects: store.clone(), uploads: store.clone(), pages, once };
    CloudPlace { bucket: "b".to_owned(), store, prefix: String::new(), host: String::new() }
}

async fn put(store: &InMemory, bytes: &'static str) {
    store.put(&Path::from(KEY), bytes.into()).await.unwrap();
}

#[tokio::test]
async fn only_proven_objects_are_deleted() {
    let world = World::new("bytes", "bytes").await;
    let proof = world.proof().await;
    world.is_deleted(Some(proof)).await;
    // Without a proof, it is had first.
    World::new("bytes", "bytes").await.is_deleted(None).await;
    World::new("", "").await.is_deleted(None).await;
    for (source, sink) in [("bytes", "Bytes"), ("bytes", "byteS"), ("bytes", "byte"), ("bytes", "")] {
        World::new(source, sink).await.is_kept(None).await;
    }
}

#[tokio::test]
async fn an_object_that_was_replaced_after_the_proof_is_kept() {
    let world = World::new("bytes", "bytes").await;
    let proof = world.proof().await;
    put(&world.sink, "other").await;
    world.is_kept(Some(proof)).await;

    let world = World::new("bytes", "bytes").await;
    let proof = world.proof().await;
    put(&world.source, "other").await;
    world.is_kept(Some(proof)).await;

    let world = World::new("bytes", "bytes").await;
    let proof = world.proof().await;
    world.sink.delete(&Path::from(KEY)).await.unwrap();
    world.is_kept(Some(proof)).await;
}

#[tokio::test]
async fn an_object_replaced_by_the_same_bytes_is_compared_again() {
    for source_too in [false, true] {
        let world = World::new("bytes", "bytes").await;
        let proof = world.proof().await;
        put(&world.sink, "bytes").await;
        if source_too {
            put(&world.source, "bytes").await;
        }
        world.is_deleted(Some(proof)).await;
    }
    // Gone already.
    let world = World::new("bytes", "bytes").await;
    let proof = world.proof().await;
    world.source.delete(&Path::from(KEY)).await.unwrap();
    world.is_deleted(Some(proof)).await;
}
