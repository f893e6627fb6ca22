//! Threads that hang: health and readiness say so, and SIGTERM ends the process all the same.

use safepoint_testkit::{LIMIT, Process, System, TOKEN, eventually};
use serde_json::{Value, json};
use std::time::Duration;

/// What a process answers its orchestrator.
async fn asked(process: &Process, path: &str) -> Option<(u16, Value)> {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
    let answer = http.get(format!("{}{path}", process.admin)).send().await.ok()?;
    Some((answer.status().as_u16(), answer.json().await.expect("JSON")))
}

async fn until(process: &Process, path: &str, expected: (u16, Value)) {
    eventually(&format!("{path}: {expected:?}"), LIMIT, async || {
        (asked(process, path).await.as_ref() == Some(&expected)).then_some(())
    })
    .await;
}

fn not_ready(threads: &str) -> (u16, Value) {
    (503, json!({ "status": "not ready", "unresponsive": threads }))
}

fn not_alive(threads: &str) -> (u16, Value) {
    (503, json!({ "status": "not alive", "unresponsive": threads }))
}

/// Starts it again with a point at which it hangs, and with as little patience as it may have.
fn restart(process: &mut Process, failpoints: &str) {
    process.kill();
    let environment = [
        ("FAILPOINTS", failpoints.to_owned()),
        ("TOKIO_WORKER_THREADS", "1".to_owned()),
        ("SAFEPOINT_DRAIN_SECONDS", "1".to_owned()),
    ];
    process.restart_with(&environment).expect("started");
}

/// A cancel by a connection of its own, which is never answered.
fn cancel(system: &System) {
    let id = runtime::clock::new_operation_id();
    let url = format!("{}/api/v1/projects/p/operations/{id}:cancel", system.url);
    tokio::spawn(reqwest::Client::new().post(url).bearer_auth(TOKEN).send());
}

#[tokio::test]
async fn hung_serving_threads_are_reported_and_sigterm_ends_the_process() {
    let mut system = System::start(0, 1).await;
    restart(&mut system.others[0], "api.cancel=pause");
    let api = &system.others[0];
    until(api, "/readyz", (200, json!({ "status": "ready" }))).await;
    assert_eq!(asked(api, "/healthz").await, Some((200, json!({ "status": "alive" }))));
    cancel(&system);
    until(api, "/readyz", not_ready("1 of 2 serving threads")).await;
    until(api, "/healthz", not_alive("1 of 2 serving threads")).await;
    // Whoever asks at the callers' listener hears the same, from the thread that is left.
    let http = reqwest::Client::builder().timeout(Duration::from_secs(1)).pool_max_idle_per_host(0).build();
    let http = http.expect("a client");
    for (path, expected) in
        [("/readyz", not_ready("1 of 2 serving threads")), ("/healthz", not_alive("1 of 2 serving threads"))]
    {
        eventually(path, LIMIT, async || {
            let answer = http.get(format!("{}{path}", system.url)).send().await.ok()?;
            let answer = (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"));
            assert_eq!(answer, expected);
            Some(())
        })
        .await;
    }
    // A new connection goes to either thread: some of these hang the other one.
    eventually("all threads hang", LIMIT, async || {
        cancel(&system);
        (asked(api, "/readyz").await? == not_ready("2 of 2 serving threads")).then_some(())
    })
    .await;
    until(api, "/healthz", not_alive("2 of 2 serving threads")).await;
    let metrics = system.text(&format!("{}/metrics", api.admin)).await;
    assert!(metrics.0 == 200 && metrics.1.contains("safepoint_"), "{metrics:?}");
    assert_eq!(system.others[0].terminate(), Some(1));
}

#[tokio::test]
async fn hung_runtime_of_a_worker_is_reported_and_sigterm_ends_the_process() {
    let mut system = System::start(1, 1).await;
    restart(&mut system.workers[0], "worker.claim=pause");
    let body = json!({ "kind": "demo.steps", "spec": { "steps": 1, "stepMillis": 1 } });
    let (status, created) = system.call("POST", "/api/v1/projects/p/operations", Some(&body)).await;
    assert_eq!(status, 200, "{created}");
    until(&system.workers[0], "/readyz", not_ready("1 of 1 runtimes")).await;
    until(&system.workers[0], "/healthz", not_alive("1 of 1 runtimes")).await;
    assert_eq!(system.workers[0].terminate(), Some(1));
}

#[tokio::test]
async fn hung_lease_thread_of_a_worker_is_reported() {
    let mut system = System::start(1, 1).await;
    restart(&mut system.workers[0], "worker.renew=pause");
    until(&system.workers[0], "/readyz", not_ready("1 of 1 lease threads")).await;
    until(&system.workers[0], "/healthz", not_alive("1 of 1 lease threads")).await;
    assert_eq!(system.workers[0].terminate(), Some(1));
}

#[tokio::test]
async fn hung_loops_of_a_keeper_are_reported_and_sigterm_ends_the_process() {
    let mut system = System::start(0, 1).await;
    restart(&mut system.others[1], "keeper.compact=pause");
    until(&system.others[1], "/readyz", not_ready("1 of 1 threads of the loops")).await;
    until(&system.others[1], "/healthz", not_alive("1 of 1 threads of the loops")).await;
    assert_eq!(system.others[1].terminate(), Some(1));
}
