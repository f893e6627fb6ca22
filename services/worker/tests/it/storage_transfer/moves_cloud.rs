//! Moves to, from and within an S3: a source object is deleted only if the sink has its bytes.

use super::moto::{Moto, part};
use super::moves::{another, moving};
use super::world::{OLD, World, content, put, whole};
use kinds::storage_transfer::{OverwriteWhen, StorageTransfer, TransferSink, TransferSource};
use operation::Code;
use std::fs;
use std::time::SystemTime;

const MIB: usize = 1024 * 1024;

fn into(world: &World, bucket: &str) -> StorageTransfer {
    StorageTransfer { sink: TransferSink::Bucket(part(bucket, "")), ..world.spec() }
}

fn from(world: &World, bucket: &str) -> StorageTransfer {
    StorageTransfer { source: TransferSource::S3(part(bucket, "")), ..world.spec() }
}

/// Small, and in parts: then the store tells no MD5.
const SIZES: [(&str, usize); 3] = [("IMG_0001.RAW", 1000), ("empty", 0), ("large", 9 * MIB)];

/// The instance of the issue: a camera that begins to count again, or whose clock is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_of_the_same_name_and_size_is_copied_before_it_is_deleted() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    for seed in 0..2 {
        for (key, size) in SIZES {
            put(&world.source().join(key), &content(seed, size), OLD);
        }
        let counters = world.begin(moving(into(&world, "s3"), OverwriteWhen::Different)).await.succeeds().await;
        assert!(whole(&world.source()).is_empty());
        assert_eq!(counters.objects_deleted_from_source, 3);
        let there = moto.objects("prefix").await;
        for (key, size) in SIZES {
            assert!(there[key] == content(seed, size), "{key} {seed}");
        }
        assert_eq!(there.len(), SIZES.len(), "no mark is left: {:?}", there.keys());
    }
    // And what may not replace it stays.
    for (key, size) in SIZES {
        put(&world.source().join(key), &content(2, size), OLD);
    }
    let run = world.begin(moving(into(&world, "s3"), OverwriteWhen::Never)).await;
    let response = run.go().await.unwrap();
    assert_eq!(whole(&world.source()), ["IMG_0001.RAW", "large"], "of the empty one all bytes are there");
    assert_eq!(response["objectsKeptInSource"], "2");
    assert_eq!(run.counters().objects_copied_to_sink, 0);
}

/// What was copied before is proven, by its MD5 where the store tells it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_already_in_the_sink_are_deleted_without_another_copy() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    for (key, size) in SIZES {
        world.put(key, &content(1, size));
    }
    world.begin(into(&world, "s3")).await.succeeds().await;
    let counters = world.begin(moving(into(&world, "s3"), OverwriteWhen::Different)).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (0, 3));
    assert!(whole(&world.source()).is_empty());
    // From one part of the store to the other, and back to the folder.
    let within = StorageTransfer { sink: TransferSink::Bucket(part("other", "")), ..from(&world, "s3") };
    world.begin(within.clone()).await.succeeds().await;
    let counters = world.begin(moving(within, OverwriteWhen::Different)).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (0, 3));
    assert!(moto.objects("prefix").await.is_empty());
    world.begin(from(&world, "other")).await.succeeds().await;
    let counters = world.begin(moving(from(&world, "other"), OverwriteWhen::Different)).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (0, 3));
    assert!(moto.objects("elsewhere").await.is_empty());
    for (key, size) in SIZES {
        assert!(fs::read(world.sink().join(key)).unwrap() == content(1, size), "{key}");
    }
}

/// The same size and time in the folder, or in both buckets no MD5, and other bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_only_looks_like_its_copy_is_copied_before_it_is_deleted() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    for (key, size) in SIZES {
        world.put(key, &content(1, size));
    }
    world.begin(into(&world, "s3")).await.succeeds().await;
    world.begin(from(&world, "s3")).await.succeeds().await;
    for (key, size) in SIZES {
        let path = world.sink().join(key);
        let time = path.metadata().unwrap().modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let bytes = if size == 0 { Vec::new() } else { another(&content(1, size)) };
        put(&path, &bytes, time);
    }
    let never = world.begin(moving(from(&world, "s3"), OverwriteWhen::Never)).await.succeeds().await;
    assert_eq!((never.objects_copied_to_sink, never.objects_deleted_from_source), (0, 1));
    let counters = world.begin(moving(from(&world, "s3"), OverwriteWhen::Different)).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (2, 2));
    assert!(moto.objects("prefix").await.is_empty());
    for (key, size) in SIZES {
        assert!(fs::read(world.sink().join(key)).unwrap() == content(1, size), "{key}");
    }

    world.begin(into(&world, "s3")).await.succeeds().await;
    let large = world.source().join("large");
    put(&large, &another(&content(1, 9 * MIB)), OLD);
    world.begin(into(&world, "other")).await.succeeds().await;
    let within = StorageTransfer { sink: TransferSink::Bucket(part("other", "")), ..from(&world, "s3") };
    world.begin(moving(within, OverwriteWhen::Different)).await.succeeds().await;
    assert!(moto.objects("elsewhere").await["large"] == content(1, 9 * MIB));
    assert!(moto.objects("prefix").await.is_empty());
}

/// One bucket by two endpoints: each object looks like its own copy, down to its entity tag.
#[tokio::test]
async fn a_move_onto_itself_is_refused() {
    let Some(moto) = Moto::start().await else { return };
    let mut world = moto.world().await;
    let mut again = moto.bucket("again", "prefix");
    again.endpoint = again.endpoint.map(|endpoint| endpoint.replace("127.0.0.1", "localhost"));
    world.config.buckets.push(again);
    moto.curl(&["-X", "PUT", "-H", "content-type: text/plain", "-d", "only one"], "/prefix/object");
    for overwrite in [OverwriteWhen::Different, OverwriteWhen::Never, OverwriteWhen::Always] {
        let itself = StorageTransfer { sink: TransferSink::Bucket(part("again", "")), ..from(&world, "s3") };
        let failure = world.begin(moving(itself, overwrite)).await.fails().await;
        assert_eq!((failure.code, failure.retryable), (Code::InvalidArgument, false), "{failure}");
        let there = moto.objects("prefix").await;
        assert_eq!(there.into_iter().collect::<Vec<_>>(), [("object".to_owned(), b"only one".to_vec())]);
    }
    // The same endpoint, spelled in another way, is seen without a request.
    world.config.buckets.last_mut().unwrap().endpoint = Some(format!("{}/", moto.endpoint));
    let itself = StorageTransfer { sink: TransferSink::Bucket(part("again", "")), ..from(&world, "s3") };
    assert_eq!(world.begin(itself).await.fails().await.code, Code::InvalidArgument);
}
