//! A project that sends requests which are dear to judge, as many as its rate limit lets in, takes nothing from another's cancels
//! (INV-33).

use crate::fixture::{Fixture, NATIVE, THEIRS};
use reqwest::Client;
use runtime::limits::{Limits, Rate};
use serde_json::{Map, Value, json};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::eventually;
use tokio::task::JoinSet;

/// Fields, names or columns of a request, as many as fit into the largest body that is read.
const MANY: usize = 60_000;
const CONNECTIONS: usize = 8;
/// Far above what a cancel takes: what exceeds it hangs.
const LIMIT: Duration = Duration::from_secs(30);
const CANCELS: usize = 60;

/// A request that is dear to judge.
struct Request {
    path: &'static str,
    /// Whether it is a GET whose parameters came as the form of a POST.
    form: bool,
    body: String,
}

fn requests() -> Vec<Request> {
    const THEIR_OPERATIONS: &str = "/api/v1/projects/theirs/operations";
    let nested = |depth: usize| format!("SELECT {}1{}", "position(".repeat(depth), ")".repeat(depth));
    let unknown: Map<String, Value> = names(MANY / 2).map(|name| (name, json!(1))).collect();
    let short = vec!["a"; MANY];
    let export = |format: Value| {
        let cluster = "projects/theirs/locations/here/clusters/main";
        let spec = json!({"cluster": cluster, "database": "d", "bucket": "sink", "object": "o", "format": format});
        json!({"kind": "postgres.export", "spec": spec}).to_string()
    };
    let csv = |query: String| export(json!({"csv": {"selectQuery": query}}));
    let post = |body: String| Request { path: THEIR_OPERATIONS, form: false, body };
    let get = |path: &'static str, body: String| Request { path, form: true, body };
    vec![
        post(csv(nested(20))),
        post(csv(nested(40))),
        post(csv(format!("SELECT 1{}", ",1".repeat(MANY)))),
        post(export(json!({"sql": {"tables": &short}}))),
        post(json!({"kind": "demo.steps", "spec": &unknown}).to_string()),
        post(Value::Object(unknown).to_string()),
        get(THEIR_OPERATIONS, names(MANY).map(|name| name + "&").collect()),
        get("/v1/transferJobs", format!("filter={}", json!({"projectId": "theirs", "jobNames": &short}))),
    ]
}

/// Different names of three bytes each, as short as so many can be.
fn names(count: usize) -> impl Iterator<Item = String> {
    (0x800..).filter_map(char::from_u32).map(String::from).take(count)
}

/// Hangs, or takes many times as long, where the cost of one of these requests is not bounded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_are_answered_while_another_project_sends_what_is_dear_to_judge() {
    let rate = |calls: u32| Rate { calls: NonZeroU32::new(calls).unwrap(), burst: NonZeroU32::new(calls).unwrap() };
    let limits = Limits { requests_per_second: rate(100), ..Limits::default() };
    let fixture = Fixture::with_limits(limits).await;
    let (requests, answered) = (Arc::new(requests()), Arc::new(AtomicUsize::new(0)));
    let mut senders = JoinSet::new();
    for sender in 0..CONNECTIONS {
        let (requests, answered, url) = (requests.clone(), answered.clone(), fixture.url.clone());
        // A connection of its own.
        let http = Client::new();
        senders.spawn(async move {
            for number in sender.. {
                let Request { path, form, body } = &requests[number % requests.len()];
                let request = http.post(format!("{url}{path}")).bearer_auth(THEIRS).body(body.clone());
                let request = if *form {
                    let kind = "application/x-www-form-urlencoded";
                    request.header("x-http-method-override", "GET").header("content-type", kind)
                } else {
                    request.header("content-type", "application/json")
                };
                // Refused as too dear or as too often; a client that is cut off begins anew.
                if let Ok(answer) = request.send().await {
                    assert!(answer.status().is_client_error() || answer.status() == 200, "{path}: {answer:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    let mut cancelled = Vec::new();
    for _ in 0..CANCELS {
        let call = async {
            let path = fixture.steps().await;
            fixture.post(&format!("{path}:cancel"), &json!({})).await
        };
        let answer = tokio::time::timeout(LIMIT, call).await.expect("a cancel is answered");
        cancelled.push((answer.status, answer.body["operation"]["state"].clone()));
    }
    assert_eq!(cancelled, vec![(200, json!("CANCELLED")); CANCELS]);
    eventually("the other project is served too", LIMIT, async || {
        (answered.load(Ordering::Relaxed) >= CONNECTIONS).then_some(())
    })
    .await;
    if let Some(ended) = senders.try_join_next() {
        ended.expect("an answer of a known sort");
    }
    senders.shutdown().await;
    let got = fixture.get(&format!("{NATIVE}:counts")).await.body["counts"].clone();
    assert_eq!(got, json!([{"kind": "demo.steps", "state": "CANCELLED", "count": CANCELS.to_string()}]));
}
