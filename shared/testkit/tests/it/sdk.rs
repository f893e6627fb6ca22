//! The vendors' own clients, unmodified.

use std::process::Command;
use testkit::System;

#[tokio::test]
async fn googles_alloydb_clients_work_unmodified() {
    drive(&System::start(2, 8).await, "alloydb.py", &[]).await;
}

/// Without workers: what is run waits.
#[tokio::test]
async fn googles_storage_transfer_clients_manage_jobs_unmodified() {
    drive(&System::start(0, 1).await, "storage_transfer.py", &["jobs"]).await;
}

#[tokio::test]
async fn googles_storage_transfer_clients_transfer_unmodified() {
    let system = System::start(2, 8).await;
    let file = |bucket: &str, path: String| {
        let path = system.folder().join(bucket).join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, path.display().to_string()).expect("written");
    };
    for number in 0..50 {
        file("source", format!("{}/{number}.txt", number % 7));
    }
    // So many that it can be paused and cancelled while it is at it.
    for number in 0..30_000 {
        file("slow", format!("{}/{number}.txt", number % 100));
    }
    drive(&system, "storage_transfer.py", &["transfers"]).await;
}

async fn drive(system: &System, script: &str, arguments: &[&str]) {
    let python = std::env::var("TEST_PYTHON").expect("TEST_PYTHON: run the tests by `make test`");
    let mut command = Command::new(python);
    command.arg(format!("{}/tests/sdk/{script}", env!("CARGO_MANIFEST_DIR")));
    command.args(arguments).envs(system.client_environment());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("python");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}
