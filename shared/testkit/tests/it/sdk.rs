//! The vendors' own clients, unmodified; and one that is generated from our document.

use safepoint_testkit::System;
use std::process::Command;

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
    // Of the second so many that a worker can be paused and cancelled while it is at it.
    for (bucket, folders, files) in [("source", 7, 50), ("slow", 100, 20_000)] {
        let folder = |number: u32| system.folder().join(bucket).join((number % folders).to_string());
        (0..folders).for_each(|number| std::fs::create_dir(folder(number)).expect("made"));
        for number in 0..files {
            std::fs::write(folder(number).join(number.to_string()), format!("the file {number}")).expect("written");
        }
    }
    drive(&system, "storage_transfer.py", &["transfers"]).await;
}

/// Without workers: what is created waits until it is cancelled.
#[tokio::test]
async fn a_client_that_is_generated_from_the_document_creates_gets_and_cancels() {
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().to_str().expect("UTF-8");
    drive(&System::start(0, 1).await, "generated_client.py", &[into]).await;
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
