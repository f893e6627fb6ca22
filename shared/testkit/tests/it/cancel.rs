//! Cancels of running exports, with and without the broker.

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use safepoint_testkit::{GATE, System};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Some rows, and then silence: the gate is closed until the test ends.
fn silent() -> String {
    format!("SELECT g, repeat('x', 1000), CASE WHEN g > 100 THEN {GATE} END FROM generate_series(1, 1000) g")
}

async fn running(system: &System, object: &str) -> String {
    let name = system.export_csv(&silent(), object).await;
    system.until(&name, "running", |operation| operation["state"] == "RUNNING").await;
    name
}

fn check_cancelled(system: &System, operation: &Value) {
    assert_eq!(operation["state"], "CANCELLED", "{operation}");
    assert_eq!(operation["error"]["code"], 1, "{operation}");
    assert_eq!(operation["cancel"]["cleanup"]["status"], "removed", "{operation}");
    assert_eq!(system.files(), Vec::new(), "nothing half-written is left");
}

async fn backends(system: &System) -> i64 {
    let client = system.customer().await;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'safepoint %' AND datname = current_database()";
    client.query_one(sql, &[]).await.expect("a row").get(0)
}

#[tokio::test]
async fn a_running_export_is_cancelled_and_leaves_nothing() {
    let system = System::start(1, 4).await;
    let _gate = system.customer.close_gate().await;
    let name = running(&system, "t.csv").await;
    let (status, answer) = system.call("POST", &format!("/v1/{name}:cancel"), Some(&json!({}))).await;
    assert_eq!((status, answer), (200, json!({})));
    let (_, seen) = system.call("GET", &format!("/v1/{name}"), None).await;
    assert_eq!(seen["metadata"]["requestedCancellation"], true, "as soon as it is recorded: {seen}");
    let operation = system.until(&name, "done", |operation| operation["done"] == true).await;
    check_cancelled(&system, &operation);
    assert_eq!(backends(&system).await, 0, "the query is gone at the server");
    let (status, listed) =
        system.call("GET", "/v1/projects/p/locations/here/operations?filter=done%3Dtrue", None).await;
    assert_eq!((status, &listed["operations"][0]["error"]["code"]), (200, &json!(1)));
}

/// INV-20: the same with the broker gone; slower, by the renewal.
#[tokio::test]
async fn without_the_broker_a_cancel_takes_the_renewal() {
    let system = System::start(1, 4).await;
    let _gate = system.customer.close_gate().await;
    let name = running(&system, "t.csv").await;
    system.broker_link.cut();
    system.call("POST", &format!("/v1/{name}:cancel"), None).await;
    let operation = system.until(&name, "done", |operation| operation["done"] == true).await;
    check_cancelled(&system, &operation);
    assert_ne!(operation["cancel"]["deliveredBy"], "push", "{operation}");
    // A pending one ends in its own answer, worker or not.
    let waiting: Vec<String> = join_all((0..5).map(|n| {
        let object = format!("w{n}.csv");
        let system = &system;
        async move { system.export_csv(&silent(), &object).await }
    }))
    .await;
    let mut ended = 0;
    for name in &waiting {
        let before = system.native(name).await;
        system.call("POST", &format!("/v1/{name}:cancel"), None).await;
        let after = system.native(name).await;
        if before["state"] == "PENDING" && after["attempt"] == 0 {
            assert_eq!(after["state"], "CANCELLED", "{after}");
            ended += 1;
        }
    }
    assert!(ended > 0, "with 4 slots and 5 operations at least one was waiting");
}

/// Item 5 of the first promise: none lost, none half-written; the latencies are printed.
#[tokio::test]
async fn two_hundred_running_exports_are_cancelled_on_two_workers() {
    let system = System::start(2, 100).await;
    let _gate = system.customer.close_gate().await;
    let names: Vec<String> = stream::iter(0..200)
        .map(|n| {
            let (system, object) = (&system, format!("{n}.csv"));
            async move { system.export_csv(&silent(), &object).await }
        })
        .buffered(16)
        .collect()
        .await;
    for name in &names {
        system.until(name, "progress", |operation| operation["state"] == "RUNNING").await;
    }
    let answers = join_all(names.iter().map(|name| {
        let (system, path) = (&system, format!("/v1/{name}:cancel"));
        async move { system.call("POST", &path, None).await }
    }))
    .await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    let (mut delivered, mut stopped) = (Vec::new(), Vec::new());
    for name in &names {
        let operation = system.until(name, "done", |operation| operation["done"] == true).await;
        assert_eq!(operation["state"], "CANCELLED", "{operation}");
        let requested = moment(&operation["cancel"]["requestedAt"]);
        delivered.push((moment(&operation["cancel"]["deliveredAt"]) - requested).as_seconds_f64() * 1e3);
        stopped.push((moment(&operation["cancel"]["stoppedAt"]) - requested).as_seconds_f64() * 1e3);
    }
    assert_eq!(system.files(), Vec::new(), "nothing half-written is left");
    assert_eq!(backends(&system).await, 0, "no query goes on at the server");
    for (stage, mut latencies) in [("delivered", delivered), ("stopped", stopped)] {
        latencies.sort_by(f64::total_cmp);
        println!("requested -> {stage}: p50 {:.1} ms, p99 {:.1} ms", latencies[100], latencies[198]);
    }
}

fn moment(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap_or_default(), &Rfc3339).expect("a time")
}
