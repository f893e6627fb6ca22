//! To and from an S3, and within it.

use super::folders::{make_tree, size_of_tree};
use super::moto::{Moto, part};
use super::world::{OLD, PATIENCE, World, age, cancelled, content, sums, whole};
use kinds::storage_transfer::{
    DeleteOption, S3CompatiblePath, StorageTransfer, TransferPosition, TransferSink, TransferSource, TransferUpload,
};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use operation::{CancelMode, Code};
use runtime::clock;
use std::fs;
use std::time::Duration;
use store::Ending;
use testkit::eventually;

const MIB: usize = 1024 * 1024;

fn into_s3(world: &World) -> StorageTransfer {
    StorageTransfer { sink: TransferSink::Bucket(part("s3", "deep/er/")), ..world.spec() }
}

fn from_s3(world: &World) -> StorageTransfer {
    StorageTransfer { source: TransferSource::S3(part("s3", "deep/er/")), ..world.spec() }
}

/// There and back, by `TRANSFER_FILES` and `TRANSFER_LARGE` as large as the issue asks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_goes_there_and_comes_back_the_same() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    let (files, large) = size_of_tree();
    make_tree(&world, files.min(if large > 64 { files } else { 300 }), large.min(if large > 64 { large } else { 20 }));
    for key in ["ü b/~", "a+b&c=d?e#f", "empty"] {
        world.put(key, if key == "empty" { b"" } else { b"odd" });
    }
    let all = whole(&world.source()).len() as u64;
    // Gigabytes take moto longer to put together than a request may take.
    let (run, attempts) = world.to_the_end(world.begin(into_s3(&world)).await).await;
    let counters = run.counters();
    assert_eq!(counters.objects_copied_to_sink + counters.objects_from_source_skipped_by_sync, all);
    assert!(large > 64 || attempts == 1);
    moto.has_no_open_upload();
    let counters = world.begin(into_s3(&world)).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_from_source_skipped_by_sync), (0, all));
    let (run, _) = world.to_the_end(world.begin(from_s3(&world)).await).await;
    let counters = run.counters();
    assert_eq!(counters.objects_copied_to_sink + counters.objects_from_source_skipped_by_sync, all);
    world.is_equal();
    super::world::is_tidy(&world.sink());
    let counters = world.begin(from_s3(&world)).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_from_source_skipped_by_sync), (0, all));
    // From one part of the store to another.
    let within = StorageTransfer { sink: TransferSink::Bucket(part("other", "")), ..from_s3(&world) };
    world.to_the_end(world.begin(within.clone()).await).await;
    let counters = world.begin(within).await.succeeds().await;
    assert_eq!(counters.objects_copied_to_sink, 0);
    assert_eq!(moto.objects("elsewhere").await.len() as u64, all);
}

#[tokio::test]
async fn what_changed_goes_and_what_is_unique_is_deleted() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    for key in ["changed", "folder/same", "gone"] {
        world.put(key, b"before");
    }
    world.begin(into_s3(&world)).await.succeeds().await;
    world.put("changed", b"after");
    fs::remove_file(world.source().join("gone")).unwrap();
    let mut spec = into_s3(&world);
    spec.options.delete = Some(DeleteOption::UniqueInSink);
    let counters = world.begin(spec).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_sink), (1, 1));
    let there = moto.objects("prefix/deep/er").await;
    assert_eq!(
        there.into_iter().collect::<Vec<_>>(),
        [("changed".to_owned(), b"after".to_vec()), ("folder/same".to_owned(), b"before".to_vec())]
    );
    // A file that is newer than the object may be another; one that is older is not.
    age(&world.source().join("changed"), Duration::from_secs(4_000_000_000));
    let counters = world.begin(into_s3(&world)).await.succeeds().await;
    assert_eq!(counters.objects_copied_to_sink, 1);
    let mut spec = from_s3(&world);
    spec.options.delete = Some(DeleteOption::FromSourceAfterTransfer);
    let counters = world.begin(spec).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (2, 2));
    assert!(moto.objects("prefix").await.is_empty());
    assert_eq!(whole(&world.sink()), ["changed", "folder/same"]);
}

/// Names that S3 takes and folders don't, or that we can't name, are told of; the others are transferred.
#[tokio::test]
async fn names_that_are_not_possible_on_the_other_side_are_told() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    for key in ["a//b", "a-fine", "fine/x", "fine/", "z/../y", "zz"] {
        moto.curl(&["-X", "PUT", "-d", "x"], &format!("/prefix/deep/er/{key}"));
    }
    let run = world.begin(from_s3(&world)).await;
    let failure = run.fails().await;
    assert_eq!(whole(&world.sink()), ["a-fine", "fine/x", "zz"], "{:?}", run.position());
    assert!([Code::InvalidArgument, Code::NotFound].contains(&failure.code), "{failure}");
    assert_eq!(run.counters().objects_from_source_failed, 3, "{:?}", run.position());
}

/// `TRANSFER_CANCELS` says how often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_at_any_moment_leave_no_upload_open() {
    let Some(moto) = Moto::start().await else { return };
    let times = std::env::var("TRANSFER_CANCELS").map_or(10, |times| times.parse().unwrap());
    let world = moto.world().await.slowly(30 * MIB as u64);
    for number in 0..20 {
        world.put(&format!("small-{number}"), &content(number, 1000));
    }
    for number in 0..2 {
        world.put(&format!("large-{number}"), &content(number, 20 * MIB));
    }
    let source = sums(&world.source());
    for round in 0..times {
        let before = moto.objects("prefix").await.len() as u64;
        let run = world.begin(into_s3(&world)).await;
        let task = run.start();
        let parts = (clock::jitter() * 3.0) as usize;
        let come = || task.is_finished() || run.position().uploads.len() >= parts;
        eventually("uploads are open", PATIENCE, || async { come().then_some(()) }).await;
        run.cancel(if round % 3 == 0 { CancelMode::AfterCurrentItem } else { CancelMode::Now });
        let ended = task.await.unwrap();
        moto.has_no_open_upload();
        assert!(run.position().uploads.is_empty());
        let there = moto.objects("prefix").await;
        for (key, bytes) in &there {
            assert_eq!(source[key.strip_prefix("deep/er/").unwrap()].0, bytes.len() as u64, "round {round}");
        }
        assert_eq!(run.counters().objects_copied_to_sink, there.len() as u64 - before, "round {round}: {ended:?}");
        world.finish(&run, ended.map_or(Ending::Cancelled, Ending::Succeeded)).await;
        if there.len() == source.len() {
            moto.curl(&["-X", "DELETE"], "/prefix/deep/er/large-0");
        }
    }
    world.begin(into_s3(&world)).await.succeeds().await;
    world.begin(from_s3(&world)).await.succeeds().await;
    world.is_equal();
}

/// As a killed worker leaves it: an upload open, its id in the stored checkpoint.
#[tokio::test]
async fn an_upload_of_a_dead_attempt_is_aborted_by_the_next() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    world.put("object", b"whole");
    let store = moto.store();
    let path = Path::from("prefix/deep/er/object");
    let id = store.create_multipart(&path).await.unwrap();
    store.put_part(&path, &id, 0, "half".into()).await.unwrap();
    let dead = world.begin(into_s3(&world)).await;
    let upload = TransferUpload { path: path.to_string(), id: id.clone() };
    let of = Some(dead.attempt.fence.id);
    let stored = TransferPosition { of, uploads: vec![upload], ..TransferPosition::default() };
    let next = world.take_over(dead, Some(stored)).await;
    next.succeeds().await;
    moto.has_no_open_upload();
    assert!(next.position().uploads.is_empty());
    assert_eq!(moto.objects("prefix/deep/er").await["object"], b"whole");
}

/// The upload's id is stored before its first part is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_written_down_before_it_is_filled() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await.slowly(8 * MIB as u64);
    world.put("large", &content(1, 40 * MIB));
    let run = world.begin(into_s3(&world)).await;
    let task = run.start();
    let client = world.store.client().await;
    let stored = "SELECT checkpoint->'uploads'->0->>'id' FROM operations";
    let id: String = eventually("an upload is stored", PATIENCE, || async {
        client.query_one(stored, &[]).await.unwrap().get::<_, Option<String>>(0)
    })
    .await;
    let uploads = moto.curl(&[], "?uploads");
    assert!(uploads.contains(&id), "{id} {uploads}");
    run.cancel(CancelMode::Now);
    cancelled(task).await;
    moto.has_no_open_upload();
}

#[tokio::test]
async fn wrong_credentials_and_missing_buckets_are_told() {
    // The bucket is made by a request that nobody signs; after it, keys are asked for.
    let Some(moto) = Moto::start_with(&[("INITIAL_NO_AUTH_ACTION_COUNT", "1")]).await else { return };
    let world = moto.world().await;
    world.put("object", b"x");
    for spec in [into_s3(&world), from_s3(&world)] {
        let run = world.begin(spec).await;
        let failure = run.fails().await;
        assert_eq!((failure.code, failure.retryable), (Code::PermissionDenied, false), "{failure}");
        assert_eq!(run.errors(), [("PERMISSION_DENIED".to_owned(), 1)]);
        assert!(!failure.message.contains(&moto.endpoint), "{failure}");
    }
    let Some(moto) = Moto::start().await else { return };
    let mut world = moto.world().await;
    world.put("object", b"x");
    for bucket in &mut world.config.buckets {
        bucket.url = bucket.url.replace("s3://data/", "s3://missing/");
    }
    for spec in [into_s3(&world), from_s3(&world)] {
        let failure = world.begin(spec).await.fails().await;
        assert_eq!((failure.code, failure.retryable), (Code::NotFound, false), "{failure}");
    }
}

#[tokio::test]
async fn a_compatible_store_is_the_one_that_is_configured() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    moto.curl(&["-X", "PUT", "-d", "x"], "/prefix/object");
    for (endpoint, fits) in [(format!("{}/", moto.endpoint), true), ("http://localhost:1".to_owned(), false)] {
        let (bucket, path, region) = ("s3".to_owned(), String::new(), String::new());
        let source = TransferSource::S3Compatible(S3CompatiblePath { bucket, path, endpoint, region });
        let run = world.begin(StorageTransfer { source, ..world.spec() }).await;
        assert_eq!(run.go().await.is_ok(), fits);
    }
    assert_eq!(whole(&world.sink()), ["object"]);
    let nested = StorageTransfer {
        source: TransferSource::Bucket(part("s3", "")),
        sink: TransferSink::Bucket(part("s3", "deep/")),
        ..world.spec()
    };
    assert_eq!(world.begin(nested).await.fails().await.code, Code::InvalidArgument);
}

/// The time of a file in a folder is that of the object that it was copied from.
#[tokio::test]
async fn a_file_has_its_objects_time() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    moto.curl(&["-X", "PUT", "-d", "x"], "/prefix/deep/er/object");
    world.begin(from_s3(&world)).await.succeeds().await;
    let file = world.sink().join("object");
    assert_ne!(file.metadata().unwrap().modified().unwrap(), std::time::SystemTime::UNIX_EPOCH + OLD);
    age(&file, OLD);
    let counters = world.begin(from_s3(&world)).await.succeeds().await;
    assert_eq!(counters.objects_copied_to_sink, 1, "one of another time differs");
}
