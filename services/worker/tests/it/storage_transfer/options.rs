//! Overwriting, deleting, and conditions.

use super::world::{OLD, World, put, whole};
use kinds::storage_transfer::{DeleteOption, OverwriteWhen, StorageTransfer};
use std::fs;
use std::time::Duration;

async fn world() -> World {
    let world = World::new().await;
    for (key, content) in [("differs", "new"), ("folder/same", "same"), ("missing", "new")] {
        world.put(key, content.as_bytes());
    }
    for (key, content) in [("differs", "old one"), ("folder/same", "same"), ("folder/unique", "unique"), ("unique", "")]
    {
        put(&world.sink().join(key), content.as_bytes(), OLD);
    }
    world
}

fn with(world: &World, change: impl FnOnce(&mut StorageTransfer)) -> StorageTransfer {
    let mut spec = world.spec();
    change(&mut spec);
    spec
}

#[tokio::test]
async fn what_is_there_is_overwritten_as_it_is_asked_for() {
    for (overwrite, copied, skipped, differs) in [
        (OverwriteWhen::Different, 2, 1, "new"),
        (OverwriteWhen::Never, 1, 2, "old one"),
        (OverwriteWhen::Always, 3, 0, "new"),
    ] {
        let world = world().await;
        let run = world.begin(with(&world, |spec| spec.options.overwrite_when = Some(overwrite))).await;
        let counters = run.succeeds().await;
        let told = (counters.objects_copied_to_sink, counters.objects_from_source_skipped_by_sync);
        assert_eq!(told, (copied, skipped), "{overwrite:?}");
        assert_eq!(fs::read_to_string(world.sink().join("differs")).unwrap(), differs);
        let expect = ["differs", "folder/same", "folder/unique", "missing", "unique"];
        assert_eq!(whole(&world.sink()), expect, "nothing is deleted unless it is asked for");
        assert_eq!(counters.objects_found_only_from_sink, 0);
    }
}

#[tokio::test]
async fn what_the_sink_alone_has_is_deleted_where_that_is_asked_for() {
    let world = world().await;
    let link = world.sink().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let run = world.begin(with(&world, |spec| spec.options.delete = Some(DeleteOption::UniqueInSink))).await;
    let counters = run.succeeds().await;
    assert_eq!(whole(&world.sink()), ["differs", "folder/same", "link", "missing"]);
    assert_eq!((counters.objects_found_only_from_sink, counters.bytes_found_only_from_sink), (2, 6));
    assert_eq!((counters.objects_deleted_from_sink, counters.bytes_deleted_from_sink), (2, 6));
}

#[tokio::test]
async fn what_is_in_the_sink_is_deleted_from_the_source_where_that_is_asked_for() {
    let world = world().await;
    let moving = |spec: &mut StorageTransfer| spec.options.delete = Some(DeleteOption::FromSourceAfterTransfer);
    let never = with(&world, |spec| {
        moving(spec);
        spec.options.overwrite_when = Some(OverwriteWhen::Never);
    });
    let counters = world.begin(never).await.succeeds().await;
    assert_eq!(whole(&world.source()), ["differs"], "what is not in the sink as it is here stays");
    assert_eq!((counters.objects_deleted_from_source, counters.bytes_deleted_from_source), (2, 7));
    let counters = world.begin(with(&world, moving)).await.succeeds().await;
    assert!(whole(&world.source()).is_empty());
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_source), (1, 1));
    assert_eq!(fs::read_to_string(world.sink().join("differs")).unwrap(), "new");
}

/// What a name leaves out is neither copied nor deleted, nor is it looked at: a folder that can't be read does not matter.
#[tokio::test]
async fn conditions_leave_out_by_name_on_both_sides() {
    let world = World::new().await;
    for key in ["a/1.csv", "a/2.txt", "a/tmp/3.csv", "b/4.csv"] {
        world.put(key, b"new");
    }
    for key in ["a/5.csv", "a/tmp/6.csv", "b/7.csv", "8.csv"] {
        put(&world.sink().join(key), b"old", OLD);
    }
    let spec = with(&world, |spec| {
        spec.conditions.include_prefixes = vec!["a/".to_owned()];
        spec.conditions.exclude_prefixes = vec!["a/tmp/".to_owned()];
        spec.conditions.match_glob = Some("**/*.csv".to_owned());
        spec.options.delete = Some(DeleteOption::UniqueInSink);
    });
    let counters = world.begin(spec).await.succeeds().await;
    assert_eq!(whole(&world.sink()), ["8.csv", "a/1.csv", "a/tmp/6.csv", "b/7.csv"]);
    assert_eq!((counters.objects_copied_to_sink, counters.objects_deleted_from_sink), (1, 1));
    // The root and a: what holds nothing that is meant is not entered.
    assert_eq!(counters.directories_found_from_source, 2);
}

#[tokio::test]
async fn conditions_leave_out_by_time() {
    let world = World::new().await;
    for (key, seconds) in [("older", 0), ("old", 100), ("newer", 200)] {
        put(&world.source().join(key), b"x", OLD + Duration::from_secs(seconds));
    }
    let at = |seconds| time::OffsetDateTime::UNIX_EPOCH + OLD + Duration::from_secs(seconds);
    let spec = with(&world, |spec| {
        spec.conditions.modified_since = Some(at(100));
        spec.conditions.modified_before = Some(at(200));
    });
    world.begin(spec).await.succeeds().await;
    assert_eq!(whole(&world.sink()), ["old"]);
    let spec = with(&world, |spec| spec.conditions.min_time_elapsed = Some(Duration::from_hours(1)));
    world.begin(spec).await.succeeds().await;
    assert_eq!(whole(&world.sink()), ["newer", "old", "older"]);
}
