//! The `OpenAPI` document is held against the running product: whatever is sent, the answer is one that it tells of.

use safepoint_testkit::System;
use std::process::Command;

/// Cases for each method and phase in `make test`; `SCHEMATHESIS_EXAMPLES` asks for more.
const EXAMPLES: &str = "10";

#[tokio::test]
async fn every_answer_is_one_that_the_document_tells_of() {
    // Without workers: what is created stays as it is.
    let system = System::start(0, 1).await;
    let python = std::env::var("TEST_PYTHON").expect("TEST_PYTHON: run the tests by `make test`");
    let examples = std::env::var("SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let folder = tempfile::tempdir().expect("a folder");
    let hooks = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/schemathesis_hooks.py");
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/schemathesis.toml");
    let mut command = Command::new(python);
    command
        .args(["-m", "schemathesis.cli", "--config-file", settings, "run", &format!("{}/openapi.json", system.url)])
        .args(["--header", &format!("Authorization: Bearer {}", safepoint_testkit::TOKEN)])
        .args(["--checks", CHECKS, "--max-examples", &examples, "--continue-on-failure", "--no-color"])
        .args(["--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off"])
        .args(std::env::var("SCHEMATHESIS_SEED").map(|seed| format!("--seed={seed}")))
        .current_dir(folder.path())
        .env("SCHEMATHESIS_HOOKS", hooks)
        .envs(system.client_environment());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("python");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // With the seed, and how many cases there were.
    println!("{out}\n{err}");
    assert!(output.status.success(), "schemathesis found something: see above; SCHEMATHESIS_SEED repeats a run");
}

/// Not `positive_data_acceptance`: a filter, a query or a name of a cluster can be of the right form and mean nothing.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,ignored_auth";
