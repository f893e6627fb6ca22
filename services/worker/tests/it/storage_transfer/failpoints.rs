//! Effects of transfers that fail, are done unheard, late, or twice. The points are set by the environment, which a test
//! can't change for itself: so it starts itself, as a child, to run its ignored half.

use super::moto::{Moto, part};
use super::world::{OLD, PATIENCE, Run, World, age, content, is_tidy, whole};
use kinds::storage_transfer::{DeleteOption, StorageTransfer, TransferSink};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use testkit::eventually;

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

/// A file that is written in its place after it was read, and given its old time again, while its copy is on its way.
#[tokio::test]
async fn a_file_that_was_written_while_its_copy_was_on_its_way_is_kept() {
    with_failpoints("a_file_is_written_while_its_copy_is_on_its_way", "worker.transfer_put=1*return(delay-5000)").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the half of a_file_that_was_written_while_its_copy_was_on_its_way_is_kept that runs with the environment set"]
async fn a_file_is_written_while_its_copy_is_on_its_way() {
    let Some(moto) = Moto::start().await else { return };
    let world = moto.world().await;
    world.put("file", &content(1, 1000));
    let mut spec = StorageTransfer { sink: TransferSink::Bucket(part("s3", "")), ..world.spec() };
    spec.options.delete = Some(DeleteOption::FromSourceAfterTransfer);
    let run = world.begin(spec).await;
    let task = run.start();
    let path = world.source().join("file");
    eventually("it is read", PATIENCE, || async { (offset_in(&path)? == 1000).then_some(()) }).await;
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&content(2, 1000), 0).unwrap();
    age(&path, OLD);
    assert!(task.await.unwrap().is_err());
    assert_eq!(run.errors(), [("FAILED_PRECONDITION".to_owned(), 1)]);
    assert!(fs::read(&path).unwrap() == content(2, 1000), "its bytes are nowhere else");
    assert_eq!(run.counters().objects_deleted_from_source, 0);
}

/// How far this process has read in a file that it has open.
fn offset_in(path: &Path) -> Option<u64> {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let number = open.into_iter().find(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == path))?.file_name();
    let info = fs::read_to_string(Path::new("/proc/self/fdinfo").join(number)).ok()?;
    info.lines().find_map(|line| line.strip_prefix("pos:"))?.trim().parse().ok()
}
