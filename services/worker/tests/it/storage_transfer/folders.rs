//! From folder to folder.

use super::world::{OLD, World, age, content, is_tidy, put, sums, whole};
use kinds::storage_transfer::{BucketPath, TransferSink, TransferSource};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::time::Duration;

/// Sizes around those at which something changes.
const SIZES: [usize; 8] = [0, 1, 4096, 65_537, 256 * 1024, 256 * 1024 + 1, 1024 * 1024, 17 * 1024 * 1024];

#[tokio::test]
async fn a_tree_is_copied_as_it_is_and_then_nothing() {
    let world = World::new().await;
    for (number, size) in SIZES.into_iter().enumerate() {
        world.put(&format!("sizes/{number}"), &content(number, size));
    }
    let odd = ["a b/ü~", "line\nbreak", ".hidden/.x", "deep/er/and/deeper/file", "deep-er", "deep.er", "...", "\u{1}"];
    for (number, key) in odd.into_iter().enumerate() {
        world.put(key, &content(100 + number, 10 + number));
    }
    for (key, mode) in [("a b/ü~", 0o640), ("...", 0o777), ("deep-er", 0o444), ("sizes/7", 0o666)] {
        fs::set_permissions(world.source().join(key), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::create_dir(world.source().join("empty")).unwrap();

    let first = world.transfer().await;
    let response = first.go().await.unwrap();
    world.is_equal();
    is_tidy(&world.sink());
    for key in whole(&world.source()) {
        let (one, other) = (world.source().join(&key).metadata().unwrap(), world.sink().join(&key).metadata().unwrap());
        assert_eq!(
            (one.mtime(), one.mtime_nsec(), one.mode()),
            (other.mtime(), other.mtime_nsec(), other.mode()),
            "{key}"
        );
    }
    let all = (SIZES.len() + odd.len()) as u64;
    let bytes: u64 = sums(&world.source()).values().map(|(size, _)| size).sum();
    let counters = first.counters();
    assert_eq!((counters.objects_found_from_source, counters.bytes_found_from_source), (all, bytes));
    assert_eq!((counters.objects_copied_to_sink, counters.bytes_copied_to_sink), (all, bytes));
    // The root, sizes, a b, .hidden, deep and the three in it, empty.
    assert_eq!(counters.directories_successfully_listed_from_source, 9);
    assert_eq!(response["objectsCopied"], all.to_string());
    let progress = first.attempt.position().progress;
    assert_eq!((progress.items_done, progress.items_total, progress.bytes_done), (all, Some(all), bytes));

    let counters = world.transfer().await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_found_from_source), (0, 0));
    assert_eq!(
        (counters.objects_from_source_skipped_by_sync, counters.bytes_from_source_skipped_by_sync),
        (all, bytes)
    );
}

#[tokio::test]
async fn what_changed_is_copied_again() {
    let world = World::new().await;
    for key in ["same", "size", "time", "folder/inside"] {
        world.put(key, b"before");
    }
    world.transfer().await.succeeds().await;
    world.put("size", b"afterwards");
    put(&world.source().join("time"), b"AFTER!", OLD + Duration::from_nanos(1));
    world.put("folder/more", b"new");
    let counters = world.transfer().await.succeeds().await;
    assert_eq!((counters.objects_copied_to_sink, counters.objects_from_source_skipped_by_sync), (3, 2));
    world.is_equal();
}

/// Buckets in folders are the same as folders, and their paths are parts of them.
#[tokio::test]
async fn a_part_of_a_bucket_goes_into_a_part_of_another() {
    let world = World::new().await;
    world.put("a/b/c", b"meant");
    world.put("a/bc", b"not meant");
    fs::create_dir(world.sink()).unwrap();
    let mut spec = world.spec();
    spec.source = TransferSource::Bucket(BucketPath { bucket: "from".to_owned(), path: "a/b/".to_owned() });
    spec.sink = TransferSink::Bucket(BucketPath { bucket: "into".to_owned(), path: "x/y/".to_owned() });
    world.begin(spec).await.succeeds().await;
    assert_eq!(whole(&world.sink()), ["x/y/c"]);
    is_tidy(&world.sink().join("x/y"));
}

/// A file that is written again and again while it is copied is either one of its states, or an error: never a mixture.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_while_it_is_read_is_not_torn() {
    let world = World::new().await.slowly(4 * 1024 * 1024);
    let path = world.source().join("changing");
    world.put("changing", &vec![0; 600 * 1024]);
    world.put("steady", b"steady");
    let run = world.transfer().await;
    let task = run.start();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let write = async {
        let mut round = 1_u8;
        while !task.is_finished() {
            // In its place: it is never shorter.
            file.write_all_at(&vec![round; 600 * 1024], 0).unwrap();
            round = round.wrapping_add(1);
            tokio::task::yield_now().await;
        }
    };
    write.await;
    let ended = task.await.unwrap();
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(run.errors(), [("FAILED_PRECONDITION".to_owned(), 1)]);
    assert_eq!(whole(&world.sink()), ["steady"]);
    let counters = run.counters();
    assert_eq!((counters.objects_copied_to_sink, counters.objects_from_source_failed), (1, 1));
    is_tidy(&world.sink());
}

/// Our own files for what is not whole, and those of exports, are on neither side.
#[tokio::test]
async fn what_is_not_whole_is_not_seen() {
    let world = World::new().await;
    let other = "0190a000-0000-7000-8000-000000000000";
    world.put(&format!(".safepoint-{other}.1/3"), b"half");
    world.put(&format!("folder/.rows.csv.{other}.2.part"), b"half");
    world.put("folder/whole", b"whole");
    world.transfer().await.succeeds().await;
    assert_eq!(whole(&world.sink()), ["folder/whole"]);
}

/// The issue asks for 20,000 small files and three of 1 GiB: by `TRANSFER_FILES` and `TRANSFER_LARGE` (MiB).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_files_and_large_ones_arrive() {
    let world = World::new().await;
    let (files, large) = size_of_tree();
    make_tree(&world, files, large);
    let counters = world.transfer().await.succeeds().await;
    assert_eq!(counters.objects_copied_to_sink as usize, whole(&world.source()).len());
    world.is_equal();
    age(&world.source().join("small/0/0"), OLD + Duration::from_secs(1));
    let counters = world.transfer().await.succeeds().await;
    assert_eq!(counters.objects_copied_to_sink, 1);
}

pub fn size_of_tree() -> (usize, usize) {
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    (number("TRANSFER_FILES", 2_000), number("TRANSFER_LARGE", 64))
}

/// Small files in folders of a hundred, and three large ones (one, where they are not asked to be large).
pub fn make_tree(world: &World, files: usize, large: usize) {
    for number in 0..files {
        world.put(&format!("small/{}/{}", number / 100, number % 100), &content(number, number * 37 % 16_384));
    }
    let block = content(7, 1024 * 1024);
    for number in 0..if large > 64 { 3 } else { 1 } {
        let path = world.source().join(format!("large/{number}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = fs::File::create(&path).unwrap();
        for part in 0..large {
            let mut block = block.clone();
            block[0] = (part + number) as u8;
            std::io::Write::write_all(&mut file, &block).unwrap();
        }
        age(&path, OLD);
    }
}
