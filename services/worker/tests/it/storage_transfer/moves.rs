//! Moves from folder to folder (`deleteObjectsFromSourceAfterTransfer`): a source file is deleted only if the sink has its
//! bytes.

use super::world::{OLD, PATIENCE, World, cancelled, content, is_tidy, put, whole};
use kinds::storage_transfer::{BucketPath, DeleteOption, OverwriteWhen, StorageTransfer, TransferSink};
use operation::{CancelMode, Code};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use runtime::config::Bucket;
use safepoint_worker::attempt::Stop;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Sizes around those of a block of the comparison.
const SIZES: [usize; 5] = [1, 128 * 1024, 128 * 1024 + 1, 256 * 1024 + 1, 700 * 1024];

pub fn moving(mut spec: StorageTransfer, overwrite: OverwriteWhen) -> StorageTransfer {
    spec.options.delete = Some(DeleteOption::FromSourceAfterTransfer);
    spec.options.overwrite_when = Some(overwrite);
    spec
}

/// The same but for its last byte.
pub fn another(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

/// As many pairs as there are sizes, with the same size and time on both sides, and other bytes in the sink.
async fn lookalikes() -> World {
    let world = World::new().await;
    for (number, size) in SIZES.into_iter().enumerate() {
        let bytes = content(number, size);
        world.put(&format!("d/{number}"), &bytes);
        put(&world.sink().join(format!("d/{number}")), &another(&bytes), OLD);
    }
    world
}

fn holds(folder: &Path, expect: impl Fn(&[u8]) -> Vec<u8>) {
    for (number, size) in SIZES.into_iter().enumerate() {
        let bytes = fs::read(folder.join(format!("d/{number}"))).unwrap();
        assert!(bytes == expect(&content(number, size)), "{} {size}", folder.display());
    }
}

#[tokio::test]
async fn a_file_that_only_looks_like_its_copy_is_copied_before_it_is_deleted() {
    let world = lookalikes().await;
    let counters = world.begin(moving(world.spec(), OverwriteWhen::Different)).await.succeeds().await;
    assert!(whole(&world.source()).is_empty());
    holds(&world.sink(), <[u8]>::to_vec);
    let all = SIZES.len() as u64;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (all, all));
    assert_eq!(counters.objects_from_source_skipped_by_sync, 0, "one that was copied after all was not skipped");
    is_tidy(&world.sink());
}

#[tokio::test]
async fn a_file_that_only_looks_like_its_copy_stays_where_nothing_may_be_replaced() {
    let world = lookalikes().await;
    world.put("same", b"same");
    put(&world.sink().join("same"), b"same", OLD);
    let run = world.begin(moving(world.spec(), OverwriteWhen::Never)).await;
    let response = run.go().await.unwrap();
    holds(&world.source(), <[u8]>::to_vec);
    holds(&world.sink(), another);
    assert!(!world.source().join("same").exists(), "what is proven to be there is deleted");
    let counters = run.counters();
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (0, 1));
    assert_eq!(counters.objects_from_source_skipped_by_sync, 1 + SIZES.len() as u64);
    assert_eq!(response["objectsKeptInSource"], SIZES.len().to_string());
}

/// Without a move, size and time decide as before: nothing is read.
#[tokio::test]
async fn a_file_that_looks_like_its_copy_is_skipped_where_nothing_is_deleted() {
    let world = lookalikes().await;
    let response = world.transfer().await.go().await.unwrap();
    holds(&world.sink(), another);
    assert!(response.get("objectsKeptInSource").is_none());
}

/// A worker that died after a copy and before the delete, or whose machine lost what was not durable yet.
#[tokio::test]
async fn a_copy_of_a_dead_attempt_is_proven_before_the_delete() {
    let world = World::new().await;
    for number in 0..4 {
        world.put(&format!("file-{number}"), &content(number, 10_000));
    }
    let dead = world.begin(moving(world.spec(), OverwriteWhen::Different)).await;
    put(&world.sink().join("file-0"), &content(0, 10_000), OLD);
    put(&world.sink().join("file-1"), &[0; 10_000], OLD);
    let counters = world.take_over(dead, None).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_from_source_skipped_by_sync), (3, 1));
    assert_eq!(counters.objects_deleted_from_source, 4);
    assert!(whole(&world.source()).is_empty());
    for number in 0..4 {
        assert_eq!(fs::read(world.sink().join(format!("file-{number}"))).unwrap(), content(number, 10_000));
    }
}

/// Two names of one file: deleting one changes what a look at the other shows.
#[tokio::test]
async fn hard_links_are_moved() {
    let world = World::new().await;
    world.put("a", b"linked");
    world.put("folder/there", b"there");
    fs::hard_link(world.source().join("a"), world.source().join("b")).unwrap();
    fs::hard_link(world.source().join("a"), world.source().join("folder/c")).unwrap();
    fs::create_dir_all(world.sink().join("folder")).unwrap();
    fs::hard_link(world.source().join("folder/there"), world.sink().join("folder/there")).unwrap();
    let counters = world.begin(moving(world.spec(), OverwriteWhen::Different)).await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (3, 4));
    assert!(whole(&world.source()).is_empty());
    for (key, bytes) in [("a", "linked"), ("b", "linked"), ("folder/c", "linked"), ("folder/there", "there")] {
        assert_eq!(fs::read_to_string(world.sink().join(key)).unwrap(), bytes, "{key}");
    }
}

/// A mount that is taken away when the test ends.
struct Bound(PathBuf);

impl Bound {
    /// Shows a folder at a second place; `None` where nothing can be mounted.
    fn new(folder: &Path, at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").arg("--bind").args([folder, at]).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: nothing can be mounted here");
        None
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// One folder by two paths: each file looks like its own copy.
#[tokio::test]
async fn a_move_onto_itself_is_refused() {
    for overwrite in [OverwriteWhen::Different, OverwriteWhen::Never, OverwriteWhen::Always] {
        let world = World::new().await;
        world.put("a", b"only one");
        world.put("folder/b", b"only one");
        let Some(_bound) = Bound::new(&world.source(), &world.sink()) else { return };
        let failure = world.begin(moving(world.spec(), overwrite)).await.fails().await;
        assert_eq!((failure.code, failure.retryable), (Code::InvalidArgument, false), "{failure}");
        assert_eq!(whole(&world.source()), ["a", "folder/b"], "{overwrite:?}");
        is_tidy(&world.sink());
    }
}

/// One folder by a link of the configuration.
#[tokio::test]
async fn a_move_onto_itself_by_a_link_is_refused() {
    let mut world = World::new().await;
    world.put("a", b"only one");
    let link = world.folder.path().join("link");
    std::os::unix::fs::symlink(world.source(), &link).unwrap();
    world.config.buckets.push(Bucket::new("link", super::world::url(&link), vec![super::world::project()]));
    let sink = BucketPath { bucket: "link".to_owned(), path: String::new() };
    let itself = StorageTransfer { sink: TransferSink::Bucket(sink), ..world.spec() };
    let failure = world.begin(moving(itself, OverwriteWhen::Different)).await.fails().await;
    assert_eq!(failure.code, Code::InvalidArgument);
    assert_eq!(whole(&world.source()), ["a"]);
}

/// What can't be deleted is told of, and its copy counts.
#[tokio::test]
async fn a_refused_delete_is_reported() {
    let world = World::new().await;
    world.put("a", b"copied");
    world.put("fixed/b", b"copied");
    let fixed = world.source().join("fixed");
    let Some(_bound) = Bound::new(&fixed, &fixed) else { return };
    let read_only = Command::new("mount").args(["-o", "remount,bind,ro"]).arg(&fixed).status().unwrap();
    assert!(read_only.success());
    let run = world.begin(moving(world.spec(), OverwriteWhen::Different)).await;
    let failure = run.fails().await;
    assert_eq!((failure.code, failure.retryable), (Code::PermissionDenied, false), "{failure}");
    assert_eq!(run.errors(), [("PERMISSION_DENIED".to_owned(), 1)]);
    let counters = run.counters();
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (2, 1));
    assert_eq!((whole(&world.source()), whole(&world.sink()).len()), (vec!["fixed/b".to_owned()], 2));
}

/// The two places are apart, and one folder in them is one.
#[tokio::test]
async fn a_file_that_is_its_own_copy_stays() {
    for overwrite in [OverwriteWhen::Different, OverwriteWhen::Never, OverwriteWhen::Always] {
        let world = World::new().await;
        world.put("apart", b"moved");
        world.put("shared/file", b"only one");
        let Some(_bound) = Bound::new(&world.source().join("shared"), &world.sink().join("shared")) else { return };
        let run = world.begin(moving(world.spec(), overwrite)).await;
        run.fails().await;
        assert_eq!(run.errors().len(), 1, "{:?}", run.position());
        assert_eq!(whole(&world.source()), ["shared/file"], "{overwrite:?}");
        assert_eq!(fs::read(world.source().join("shared/file")).unwrap(), b"only one");
        assert_eq!(whole(&world.sink()), ["apart", "shared/file"]);
    }
}

/// The comparison of a large file stops as a copy does, and deletes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_seen_within_a_comparison() {
    let world = World::new().await.slowly(1024 * 1024);
    let bytes = content(1, 16 * 1024 * 1024);
    world.put("large", &bytes);
    put(&world.sink().join("large"), &bytes, OLD);
    let run = world.begin(moving(world.spec(), OverwriteWhen::Different)).await;
    let task = run.start();
    let begun = || run.attempt.position().progress.items_total;
    testkit::eventually("the comparison has begun", PATIENCE, || async { begun() }).await;
    let told = Instant::now();
    run.cancel(CancelMode::Now);
    cancelled(task).await;
    // At this pace the comparison takes 16 s.
    assert!(told.elapsed() < Duration::from_secs(10));
    assert_eq!(whole(&world.source()), ["large"]);
    assert_eq!(run.counters().objects_deleted_from_source, 0);
}

/// Each object is moved once and counted once, however often the operation is paused between a copy and its delete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_paused_again_and_again_loses_nothing() {
    let world = World::new().await.slowly(1024 * 1024);
    let count: usize = 100;
    for number in 0..count {
        world.put(&format!("{}/{number}", number % 5), &content(number, 8 * 1024));
    }
    let mut run = world.begin(moving(world.spec(), OverwriteWhen::Different)).await;
    for pauses in 0.. {
        let task = run.start();
        let until = whole(&world.sink()).len() + 15;
        let come = || task.is_finished() || whole(&world.sink()).len() >= until;
        testkit::eventually("more files are there", PATIENCE, || async { come().then_some(()) }).await;
        run.attempt.stop(Stop::Pause);
        if task.await.unwrap().is_ok() {
            assert!(pauses >= 2, "{pauses}");
            break;
        }
        let counters = run.counters();
        assert_eq!(counters.objects_deleted_from_source, (count - whole(&world.source()).len()) as u64);
        run = world.resume(run).await;
    }
    let counters = run.counters();
    let there = counters.objects_copied_to_sink + counters.objects_from_source_skipped_by_sync;
    assert_eq!((there, counters.objects_deleted_from_source), (count as u64, count as u64));
    assert!(whole(&world.source()).is_empty());
    for number in 0..count {
        let bytes = fs::read(world.sink().join(format!("{}/{number}", number % 5))).unwrap();
        assert!(bytes == content(number, 8 * 1024), "{number}");
    }
    is_tidy(&world.sink());
}

/// One side of a generated move: keys, their bytes and times.
fn tree() -> impl Strategy<Value = BTreeMap<String, (String, u64)>> {
    prop::collection::btree_map("(d/)?[a-c]", ("[xy]{1,2}", 0_u64..2), 0..6)
}

fn plant(folder: &Path, tree: &BTreeMap<String, (String, u64)>) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    fs::create_dir(folder).unwrap();
    for (key, (bytes, seconds)) in tree {
        put(&folder.join(key), bytes.as_bytes(), OLD + Duration::from_secs(*seconds));
    }
}

/// INV-32: whatever stood in the source is in the sink under its name, or still in the source.
#[tokio::test]
async fn no_bytes_are_lost_by_a_move() {
    let world = World::new().await;
    let overwrite = prop::sample::select(vec![OverwriteWhen::Different, OverwriteWhen::Never, OverwriteWhen::Always]);
    let cases = (tree(), tree(), overwrite, prop::bool::weighted(0.2));
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (mut moved, mut kept, mut lookalikes) = (0, 0, 0);
    for _ in 0..150 {
        let case = cases.new_tree(&mut runner).unwrap().current();
        let (source, sink, overwrite, linked) = &case;
        plant(&world.source(), source);
        plant(&world.sink(), sink);
        for key in source.keys().filter(|key| *linked && sink.contains_key(*key)) {
            fs::remove_file(world.sink().join(key)).unwrap();
            fs::hard_link(world.source().join(key), world.sink().join(key)).unwrap();
        }
        let run = world.begin(moving(world.spec(), *overwrite)).await;
        run.go().await.unwrap_or_else(|ended| panic!("{case:?}: {ended:?}"));
        for (key, (bytes, seconds)) in source {
            let is = |folder: PathBuf| fs::read(folder.join(key)).is_ok_and(|there| there == bytes.as_bytes());
            assert!(is(world.source()) || is(world.sink()), "{key} of {case:?} is gone");
            let stays = world.source().join(key).exists();
            assert!(!stays || *overwrite == OverwriteWhen::Never, "{key} of {case:?} was not moved");
            (moved, kept) = if stays { (moved, kept + 1) } else { (moved + 1, kept) };
            let alike =
                |there: &(String, u64)| there.0.len() == bytes.len() && there.1 == *seconds && there.0 != *bytes;
            lookalikes += usize::from(!linked && sink.get(key).is_some_and(alike));
        }
    }
    assert!(moved > 100 && kept > 20 && lookalikes > 10, "trivial: {moved} {kept} {lookalikes}");
}
