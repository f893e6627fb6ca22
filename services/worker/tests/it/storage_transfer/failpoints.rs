//! Effects of transfers that fail, are done unheard, late, or twice. The points are set by the environment, which a test
//! can't change for itself: so it starts itself, as a child, to run its ignored half.

use super::moto::{Moto, part};
use super::world::{Run, World, content, is_tidy, whole};
use operation::transfer::{StorageTransfer, TransferSink};
use std::fs;

const MIB: usize = 1024 * 1024;

async fn with_failpoints(half: &str, failpoints: &str) {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--ignored", "--nocapture", &format!("storage_transfer::failpoints::{half}")])
        .env("FAILPOINTS", failpoints);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{failpoints}: {said}");
}

/// How many objects were copied and skipped until one attempt succeeded, and how many attempts that took.
async fn to_the_end(world: &World, run: Run) -> (u64, u64, u32) {
    let (run, attempts) = world.to_the_end(run).await;
    let counters = run.counters();
    (counters.objects_copied_to_sink, counters.objects_from_source_skipped_by_sync, attempts)
}

/// A batch that fails, or is carried out unheard, is made up for: nothing is missing, and nothing is counted twice.
#[tokio::test]
async fn a_batch_that_fails_or_is_unheard_is_made_up_for() {
    for action in ["error", "lost", "delay-300"] {
        with_failpoints("a_batch_fails_or_is_unheard", &format!("worker.transfer_batch=1*off->1*return({action})"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the half of a_batch_that_fails_or_is_unheard_is_made_up_for that runs with the environment set"]
async fn a_batch_fails_or_is_unheard() {
    let world = World::new().await;
    for number in 0..300 {
        world.put(&format!("{}/{number}", number % 3), &content(number, number));
    }
    let (copied, skipped, attempts) = to_the_end(&world, world.transfer().await).await;
    assert_eq!(copied + skipped, 300);
    let points = std::env::var("FAILPOINTS").unwrap();
    assert_eq!(attempts, if points.contains("delay") { 1 } else { 2 });
    assert_eq!(skipped > 0, points.contains("lost"), "{skipped} were found in the sink");
    world.is_equal();
    is_tidy(&world.sink());
}

/// Requests that make an object visible: they fail, are done unheard, late, or twice.
#[tokio::test]
async fn a_request_that_fails_or_is_unheard_is_made_up_for() {
    for point in ["worker.transfer_put", "worker.transfer_complete"] {
        for action in ["error", "lost", "twice", "delay-300"] {
            with_failpoints("a_request_fails_or_is_unheard", &format!("{point}=1*return({action})")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the half of a_request_that_fails_or_is_unheard_is_made_up_for that runs with the environment set"]
async fn a_request_fails_or_is_unheard() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    for number in 0..5 {
        world.put(&format!("small-{number}"), &content(number, 100));
    }
    world.put("large", &content(7, 9 * MIB));
    let spec = StorageTransfer { sink: TransferSink::Bucket(part("s3", "")), ..world.spec() };
    let (copied, skipped, _) = to_the_end(&world, world.begin(spec).await).await;
    assert_eq!(copied + skipped, 6);
    moto.has_no_open_upload();
    let there = moto.objects("prefix").await;
    assert_eq!(there.keys().collect::<Vec<_>>(), whole(&world.source()).iter().collect::<Vec<_>>());
    for (key, bytes) in there {
        assert!(bytes == fs::read(world.source().join(&key)).unwrap(), "{key}");
    }
}
