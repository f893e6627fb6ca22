//! The vendors' own clients, unmodified.

use std::process::Command;
use testkit::System;

#[tokio::test]
async fn googles_alloydb_clients_work_unmodified() {
    let system = System::start(2, 8).await;
    let python = std::env::var("TEST_PYTHON").expect("TEST_PYTHON: run the tests by `make test`");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/alloydb.py");
    let mut command = Command::new(python);
    command.arg(script).envs(system.client_environment());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("python");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}
