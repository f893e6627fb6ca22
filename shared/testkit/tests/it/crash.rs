//! Workers that die or are asked to end in mid-export.

use std::time::Duration;
use testkit::{LEASE_TTL, System, eventually};

/// About 40 MB in 10 s: parts are written all along.
const SLOW: &str = "SELECT g, repeat('x', 10000), pg_sleep(0.002) FROM generate_series(1, 4000) g";
/// The number, a comma, the text, a comma, `""` (what `void` looks like), a newline.
const SIZE: u64 = 4000 * (1 + 10_000 + 1 + 2 + 1) + 9 + 2 * 90 + 3 * 900 + 4 * 3001;

/// The worker that runs the only operation.
async fn owner(system: &System) -> usize {
    let http = reqwest::Client::new();
    eventually("the owner", testkit::LIMIT, async || {
        for (index, worker) in system.workers.iter().enumerate() {
            let metrics = http.get(format!("{}/metrics", worker.admin)).send().await.ok()?.text().await.ok()?;
            if metrics.contains("safepoint_worker_running{kind=\"postgres.export\"} 1") {
                return Some(index);
            }
        }
        None
    })
    .await
}

/// Nobody ever sees a part: what stands under the object's name is the whole.
fn check_no_part(system: &System) {
    for (name, size) in system.files() {
        assert!(name.starts_with('.') || size == SIZE, "{name} is visible with {size} bytes");
    }
}

#[tokio::test]
async fn a_killed_workers_export_is_taken_over_and_is_whole() {
    let mut system = System::start(2, 4).await;
    let name = system.export_csv(SLOW, "t.csv").await;
    system.until(&name, "progress", |operation| operation["progress"]["bytesDone"] != "0").await;
    let owner = owner(&system).await;
    system.workers[owner].kill();
    check_no_part(&system);
    // The promise: taken over within TTL + 5 s.
    eventually("a second attempt", LEASE_TTL + Duration::from_secs(5), async || {
        let operation = system.native(&name).await;
        (operation["attempt"] == 2).then_some(())
    })
    .await;
    let done = system
        .until(&name, "done", |operation| {
            check_no_part(&system);
            operation["done"] == true
        })
        .await;
    assert_eq!((&done["state"], &done["failures"]), (&"SUCCEEDED".into(), &1.into()), "{done}");
    assert_eq!(system.files(), vec![("t.csv".to_owned(), SIZE)], "whole, and nothing of the dead attempt is left");
}

/// INV-28: SIGTERM releases: no failure, and the other worker goes on at once, without a lease to run out.
#[tokio::test]
async fn a_terminated_worker_hands_its_export_over() {
    let mut system = System::start(2, 4).await;
    let name = system.export_csv(SLOW, "t.csv").await;
    system.until(&name, "progress", |operation| operation["progress"]["bytesDone"] != "0").await;
    let owner = owner(&system).await;
    assert_eq!(system.workers[owner].terminate(), Some(0), "it ends in good order");
    let done = system.until(&name, "done", |operation| operation["done"] == true).await;
    assert_eq!(
        (&done["state"], &done["failures"], &done["attempt"]),
        (&"SUCCEEDED".into(), &0.into(), &2.into()),
        "{done}"
    );
    assert_eq!(system.files(), vec![("t.csv".to_owned(), SIZE)]);
}
