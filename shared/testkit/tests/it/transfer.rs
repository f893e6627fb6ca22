//! Workers that die in mid-transfer.

use kinds::Parameters;
use kinds::storage_transfer::{
    BucketPath, StorageTransfer, TransferConditions, TransferOptions, TransferSink, TransferSource,
};
use operation::RetryPolicy;
use runtime::clock;
use safepoint_testkit::{LEASE_TTL, System, eventually};
use std::fs;
use std::path::Path;
use std::time::Duration;
use store::NewOperation;

const FILES: usize = 2_000;

fn part(path: &str) -> BucketPath {
    BucketPath { bucket: "exports".to_owned(), path: path.to_owned() }
}

fn content(number: usize) -> String {
    format!("{number}\n").repeat(1 + number % 400)
}

/// How many files are there, with all that is in folders.
fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

/// The worker that runs the only operation.
async fn owner(system: &System) -> usize {
    let http = reqwest::Client::new();
    eventually("the owner", safepoint_testkit::LIMIT, async || {
        for (index, worker) in system.workers.iter().enumerate() {
            let metrics = http.get(format!("{}/metrics", worker.admin)).send().await.ok()?.text().await.ok()?;
            if metrics.contains("safepoint_worker_running{kind=\"storage.transfer\"} 1") {
                return Some(index);
            }
        }
        None
    })
    .await
}

#[tokio::test]
async fn a_killed_workers_transfer_is_taken_over_and_is_whole() {
    // Each batch of 64 files comes late, so that there is a middle to die in.
    let late = ("FAILPOINTS", "worker.transfer_batch=return(delay-100)".to_owned());
    let mut system = System::start_with(2, 4, &[late]).await;
    let (source, sink) = (system.bucket.join("source"), system.bucket.join("sink"));
    for number in 0..FILES {
        let folder = source.join((number / 100).to_string());
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(number.to_string()), content(number)).expect("a file");
    }
    let id = clock::new_operation_id();
    let spec = StorageTransfer {
        job: None,
        source: TransferSource::Bucket(part("source/")),
        sink: TransferSink::Bucket(part("sink/")),
        conditions: TransferConditions::default(),
        options: TransferOptions::default(),
        notification: None,
    };
    let retry = RetryPolicy { failure_limit: 3, ..RetryPolicy::default() };
    let new = NewOperation { retry, ..safepoint_testkit::new_operation(id, "p", spec.to_spec()) };
    system.database.store().create(&new).await.expect("created");
    let name = id.to_string();
    eventually("some files are there", safepoint_testkit::LIMIT, async || (count(&sink) > FILES / 4).then_some(()))
        .await;
    let owner = owner(&system).await;
    system.workers[owner].kill();
    assert!(count(&sink) < FILES, "it dies in the middle");
    eventually("a second attempt", LEASE_TTL + Duration::from_secs(5), async || {
        (system.native(&name).await["attempt"] == 2).then_some(())
    })
    .await;
    let done = system.until(&name, "done", |operation| operation["done"] == true).await;
    assert_eq!((&done["state"], &done["failures"]), (&"SUCCEEDED".into(), &1.into()), "{done}");
    let told =
        |name: &str| done["response"][name].as_str().and_then(|count| count.parse::<usize>().ok()).expect("a count");
    assert_eq!(told("objectsCopied") + told("objectsSkipped"), FILES, "{done}");
    assert_eq!(count(&sink), FILES, "nothing of the dead attempt is left");
    for number in 0..FILES {
        let path = format!("{}/{number}", number / 100);
        assert_eq!(fs::read_to_string(sink.join(path)).expect("a file"), content(number));
    }
}
