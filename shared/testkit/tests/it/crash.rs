//! Workers that die or are asked to end in mid-export.

use safepoint_testkit::{GATE, LEASE_TTL, System, eventually};
use std::time::Duration;

/// About 40 MB: parts are written, and then it waits until the gate opens.
fn gated() -> String {
    format!("SELECT g, repeat('x', 10000), CASE WHEN g = 3000 THEN {GATE} END FROM generate_series(1, 4000) g")
}

/// The numbers; a comma, the text, a comma, a newline in each row; `""` (what `void` looks like) in one.
const SIZE: u64 = 9 + 2 * 90 + 3 * 900 + 4 * 3001 + 4000 * (1 + 10_000 + 1 + 1) + 2;

/// The worker that runs the only operation.
async fn owner(system: &System) -> usize {
    let http = reqwest::Client::new();
    eventually("the owner", safepoint_testkit::LIMIT, async || {
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
    let gate = system.customer.close_gate().await;
    let name = system.export_csv(&gated(), "t.csv").await;
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
    drop(gate);
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
    let gate = system.customer.close_gate().await;
    let name = system.export_csv(&gated(), "t.csv").await;
    system.until(&name, "progress", |operation| operation["progress"]["bytesDone"] != "0").await;
    let owner = owner(&system).await;
    assert_eq!(system.workers[owner].terminate(), Some(0), "it ends in good order");
    drop(gate);
    let done = system.until(&name, "done", |operation| operation["done"] == true).await;
    assert_eq!(
        (&done["state"], &done["failures"], &done["attempt"]),
        (&"SUCCEEDED".into(), &0.into(), &2.into()),
        "{done}"
    );
    assert_eq!(system.files(), vec![("t.csv".to_owned(), SIZE)]);
}
