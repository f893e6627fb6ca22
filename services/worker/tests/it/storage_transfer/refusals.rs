//! What can't be transferred, and how that is told.

use super::world::{OLD, World, content, files, is_tidy, put, whole};
use kinds::storage_transfer::{BucketPath, DeleteOption, S3CompatiblePath, TransferSink, TransferSource};
use operation::Code;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;

fn folder(path: &std::path::Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Nothing leads out of a place: not its own name, not a link on either side.
#[tokio::test]
async fn links_are_not_followed_on_either_side() {
    let world = World::new().await;
    let outside = tempfile::tempdir().unwrap();
    put(&outside.path().join("secret"), b"secret", OLD);
    world.put("file", b"fine");
    world.put("out/file", b"goes nowhere");
    world.put("replaced", b"fine");
    symlink(outside.path().join("secret"), world.source().join("link")).unwrap();
    symlink(outside.path(), world.source().join("linked")).unwrap();
    fs::create_dir(world.sink()).unwrap();
    symlink(outside.path(), world.sink().join("out")).unwrap();
    symlink(outside.path().join("target"), world.sink().join("replaced")).unwrap();
    let run = world.transfer().await;
    let failure = run.fails().await;
    assert_eq!(failure.code, Code::Unimplemented);
    assert_eq!(failure.message.split(';').next().unwrap(), "3 of 5 objects were not transferred", "{failure}");
    let position = run.position();
    let told: Vec<_> = position.errors.iter().map(|e| (e.code.as_str(), e.count)).collect();
    assert_eq!(told, [("UNIMPLEMENTED", 2), ("FAILED_PRECONDITION", 1)]);
    let first = &position.errors[0].examples[0];
    assert_eq!(first.url, format!("file://{}/link", folder(&world.source())));
    assert_eq!(files(outside.path()).into_keys().collect::<Vec<_>>(), ["secret"]);
    assert!(world.sink().join("replaced").symlink_metadata().unwrap().is_file());
    assert!(!world.sink().join("link").exists() && !world.sink().join("linked").exists());

    for (source, sink) in
        [("linked", "sink"), ("source/linked", "sink"), ("source", "sink/out"), ("source", "sink/out/x")]
    {
        let mut spec = world.spec();
        spec.source = TransferSource::Folder(folder(&world.folder.path().join(source)));
        spec.sink = TransferSink::Folder(folder(&world.folder.path().join(sink)));
        symlink(outside.path(), world.folder.path().join("linked")).unwrap_or_default();
        let failure = world.begin(spec).await.fails().await;
        assert_eq!((failure.code, failure.retryable), (Code::FailedPrecondition, false), "{source} {sink}: {failure}");
    }
    assert_eq!(files(outside.path()).len(), 1);
}

#[tokio::test]
async fn places_are_configured_ones_and_apart() {
    let world = World::new().await;
    world.put("a/b", b"x");
    let of = |path: &str| folder(&world.folder.path().join(path));
    let bucket = |name: &str, path: &str| BucketPath { bucket: name.to_owned(), path: path.to_owned() };
    let from = TransferSource::Folder;
    let into = TransferSink::Folder;
    let compatible = S3CompatiblePath {
        bucket: "from".to_owned(),
        path: String::new(),
        endpoint: "http://localhost".to_owned(),
        region: String::new(),
    };
    for (source, sink, code) in [
        (from("/etc".to_owned()), into(of("sink")), Code::FailedPrecondition),
        (from(of("source/../../etc")), into(of("sink")), Code::FailedPrecondition),
        (from(of("source")), into("/tmp/elsewhere".to_owned()), Code::FailedPrecondition),
        (from("relative".to_owned()), into(of("sink")), Code::FailedPrecondition),
        (TransferSource::Bucket(bucket("other", "")), into(of("sink")), Code::FailedPrecondition),
        (TransferSource::Bucket(bucket("from", "../")), into(of("sink")), Code::InvalidArgument),
        (TransferSource::Bucket(bucket("from", "/")), into(of("sink")), Code::InvalidArgument),
        (TransferSource::S3(bucket("from", "")), into(of("sink")), Code::FailedPrecondition),
        (TransferSource::S3Compatible(compatible), into(of("sink")), Code::FailedPrecondition),
        (from(of("source")), into(of("source")), Code::InvalidArgument),
        (from(of("source")), into(of("source/a")), Code::InvalidArgument),
        (from(of("source/a")), into(of("source")), Code::InvalidArgument),
        (from(of("source/a")), TransferSink::Bucket(bucket("from", "")), Code::InvalidArgument),
        (from(of("nowhere")), into(of("sink")), Code::NotFound),
        (from(of("source/a/b")), into(of("sink")), Code::FailedPrecondition),
        (from(of("source")), into(of("source/a/b/c")), Code::InvalidArgument),
    ] {
        let mut spec = world.spec();
        (spec.source, spec.sink) = (source, sink);
        let told = format!("{:?} {:?}", spec.source, spec.sink);
        let run = world.begin(spec).await;
        let failure = run.fails().await;
        assert_eq!((failure.code, failure.retryable), (code, false), "{told}: {failure}");
        assert_eq!(run.errors(), [(code.name().to_owned(), 1)], "{told}");
        assert_eq!(whole(&world.source()), ["a/b"], "{told}");
    }
    assert!(!world.sink().exists(), "it is not made for a transfer that can't begin");
}

/// Each object that can't be transferred is told of; all others are transferred.
#[tokio::test]
async fn what_is_wrong_with_one_object_is_its_own_matter() {
    let world = World::new().await;
    for key in ["fine", "zzz/fine", "file-in-the-way/x", "folder-in-the-way", "gone"] {
        world.put(key, b"content");
    }
    put(&world.source().join(OsStr::from_bytes(b"not-\xff-text")), b"x", OLD);
    put(&world.source().join(OsStr::from_bytes(b"folder-\xff/x")), b"x", OLD);
    assert!(Command::new("mkfifo").arg(world.source().join("pipe")).status().unwrap().success());
    put(&world.sink().join("file-in-the-way"), b"x", OLD);
    put(&world.sink().join("folder-in-the-way/x"), b"x", OLD);
    let run = world.transfer().await;
    let failure = run.fails().await;
    assert_eq!(failure.code, Code::FailedPrecondition, "the most frequent: {failure}");
    let mut errors = run.errors();
    errors.sort();
    let expect = [("FAILED_PRECONDITION", 2), ("INVALID_ARGUMENT", 2), ("UNIMPLEMENTED", 1)];
    assert_eq!(errors, expect.map(|(code, count)| (code.to_owned(), count)));
    let counters = run.counters();
    assert_eq!((counters.objects_copied_to_sink, counters.objects_from_source_failed), (3, 4));
    assert_eq!(counters.directories_failed_to_list_from_source, 1);
    let expect = ["file-in-the-way", "fine", "folder-in-the-way/x", "gone", "zzz/fine"];
    assert_eq!(whole(&world.sink()), expect);
    is_tidy(&world.sink());
}

/// The names of the sink's file system are shorter than the source's: none here is, so the path is.
#[tokio::test]
async fn a_sink_that_can_not_have_a_name_says_so() {
    let world = World::new().await;
    let deep = "d".repeat(250);
    world.put("fine", b"x");
    // An object's name of 255 bytes at most, on every file system: the path to it may be of any length.
    world.put(&format!("{deep}/{deep}/{deep}/{deep}/{deep}"), b"x");
    world.transfer().await.succeeds().await;
    world.is_equal();
}

/// A full disk ends the transfer at once, with what is whole in the sink and nothing else.
#[tokio::test]
async fn a_full_disk_ends_the_transfer_and_says_so() {
    let world = World::new().await;
    for number in 0..40 {
        world.put(&format!("file-{number:02}"), &content(number, 100 * 1024));
    }
    fs::create_dir(world.sink()).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(world.sink()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: nothing can be mounted here");
        return;
    }
    let run = world.transfer().await;
    let failure = run.fails().await;
    let there = whole(&world.sink());
    let sound = there.iter().all(|key| fs::read(world.sink().join(key)).unwrap().len() == 100 * 1024);
    is_tidy(&world.sink());
    assert!(Command::new("umount").arg("-l").arg(world.sink()).status().unwrap().success());
    assert_eq!((failure.code, failure.retryable), (Code::ResourceExhausted, false), "{failure}");
    assert_eq!(run.errors(), [("RESOURCE_EXHAUSTED".to_owned(), 1)]);
    assert!(sound && (5..11).contains(&there.len()), "{there:?}");
    assert_eq!(run.counters().objects_copied_to_sink, there.len() as u64);
    assert!(world.transfer().await.succeeds().await.objects_copied_to_sink == 40, "with room there is no error");
}

/// A sink that refuses writes (root may write anywhere, so: a file system that is mounted so).
#[tokio::test]
async fn a_sink_that_refuses_writes_says_so() {
    let world = World::new().await;
    world.put("file", b"x");
    fs::create_dir(world.sink()).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "ro", "none"]).arg(world.sink()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: nothing can be mounted here");
        return;
    }
    let run = world.transfer().await;
    let failure = run.fails().await;
    assert!(Command::new("umount").arg("-l").arg(world.sink()).status().unwrap().success());
    assert_eq!((failure.code, failure.retryable), (Code::PermissionDenied, false), "{failure}");
    assert_eq!(run.errors(), [("PERMISSION_DENIED".to_owned(), 1)]);
}

/// An object that vanished, or became something else, between its listing and its copy.
#[tokio::test]
async fn an_object_that_is_gone_when_its_turn_comes_is_told_of() {
    // Four seconds for the first; the others are of its batch, and wait for it.
    let world = World::new().await.slowly(128 * 1024);
    world.put("a-first", &content(1, 512 * 1024));
    world.put("b-gone", b"x");
    world.put("c-folder", b"x");
    world.put("d-last", b"x");
    let mut spec = world.spec();
    spec.options.delete = Some(DeleteOption::FromSourceAfterTransfer);
    let run = world.begin(spec).await;
    let task = run.start();
    super::world::until_there(&world.sink(), 0).await;
    let begun = || files(&world.sink()).keys().any(|key| key.starts_with(".safepoint-"));
    testkit::eventually("the first is under way", super::world::PATIENCE, || async { begun().then_some(()) }).await;
    fs::remove_file(world.source().join("b-gone")).unwrap();
    fs::remove_file(world.source().join("c-folder")).unwrap();
    fs::create_dir(world.source().join("c-folder")).unwrap();
    assert!(task.await.unwrap().is_err());
    assert_eq!(run.errors(), [("NOT_FOUND".to_owned(), 1), ("FAILED_PRECONDITION".to_owned(), 1)]);
    assert_eq!(whole(&world.sink()), ["a-first", "d-last"]);
    assert_eq!(run.counters().objects_deleted_from_source, 2);
}

/// A retry of a failed transfer makes up for what failed, whatever the other's checkpoint says; it counts for itself.
#[tokio::test]
async fn a_retry_makes_up_for_what_failed() {
    let world = World::new().await;
    for key in ["a", "b", "c"] {
        world.put(key, key.as_bytes());
    }
    put(&world.sink().join("b/in-the-way"), b"x", OLD);
    let run = world.transfer().await;
    let failure = run.fails().await;
    assert_eq!(run.errors(), [("FAILED_PRECONDITION".to_owned(), 1)]);
    world.finish(&run, store::Ending::Failed { failure, delay: std::time::Duration::ZERO }).await;
    fs::remove_dir_all(world.sink().join("b")).unwrap();
    let counters = world.retry(run).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_from_source_skipped_by_sync), (1, 2));
    world.is_equal();
}
