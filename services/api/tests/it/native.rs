//! The native API: everything known about an operation.

use crate::fixture::{Fixture, LOCATION, NATIVE, answer};
use operation::Progress;
use serde_json::{Value, json};
use store::Ending;

async fn steps(fixture: &Fixture) -> Value {
    let body = json!({"kind": "demo.steps", "spec": {"steps": 10, "stepMillis": "5", "fail_at": 3}, "priority": 7});
    let answer = fixture.post(NATIVE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn path(operation: &Value) -> String {
    format!("{NATIVE}/{}", operation["id"].as_str().expect("an id"))
}

/// The same JSON with its times blanked, after a look at their form.
fn timeless(mut operation: Value) -> Value {
    fn blank(value: &mut Value) {
        for (name, member) in value.as_object_mut().into_iter().flatten() {
            if name.ends_with("Time") || name.ends_with("At") && name != "failAt" {
                let time = member.as_str().expect("a time");
                assert!(time.len() == 27 && time.ends_with('Z') && &time[10..11] == "T", "{time}");
                *member = json!("T");
            } else {
                blank(member);
            }
        }
    }
    blank(&mut operation);
    operation
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_is_shown_field_for_field() {
    let fixture = Fixture::new().await;
    let created = steps(&fixture).await;
    let id = created["id"].clone();
    let mut expected = json!({
        "id": id, "name": format!("projects/mine/operations/{}", id.as_str().expect("an id")), "project": "mine",
        "kind": "demo.steps", "state": "PENDING", "done": false, "target": "demo", "priority": 7, "revision": "1",
        "labels": {}, "retry": {"maxAttempts": 5, "initialBackoff": "1s", "maxBackoff": "300s"},
        "createTime": "T", "updateTime": "T", "attempt": 0, "failures": 0,
        "progress": {"itemsDone": "0", "unit": "steps", "bytesDone": "0"},
        "spec": {"kind": "demo.steps", "steps": 10, "stepMillis": 5, "failAt": 3},
    });
    assert_eq!(timeless(created.clone()), expected);

    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    let progress = Progress { items_done: 4, items_total: Some(10), bytes_done: 40 };
    fixture.progress(&claimed, progress).await;
    let cancelled = fixture.post(&format!("{}:cancel", path(&created)), &json!({"reason": "a wrong table"})).await.body;
    assert_eq!(cancelled["answer"], "RECORDED");
    fixture.finish(&claimed, Ending::Cancelled, progress).await;

    let done = fixture.get(&path(&created)).await.body;
    for (name, value) in [
        ("state", json!("CANCELLED")),
        ("done", json!(true)),
        ("attempt", json!(1)),
        ("startTime", json!("T")),
        ("finishTime", json!("T")),
        ("revision", done["revision"].clone()),
        ("progress", json!({"itemsDone": "4", "itemsTotal": "10", "unit": "steps", "bytesDone": "40"})),
        ("error", json!({"code": 1, "message": done["error"]["message"], "status": "CANCELLED"})),
        (
            "cancel",
            json!({
                "requestedAt": "T", "requestedBy": "me", "reason": "a wrong table", "mode": "now", "deliveredAt": "T",
                "deliveredBy": "push", "observedAt": "T", "safePoint": "part uploaded", "stoppedAt": "T",
                "cleanup": {"status": "removed", "outputs": []}, "endedBy": "SAFE_POINT",
            }),
        ),
    ] {
        expected[name] = value;
    }
    assert_eq!(timeless(done.clone()), expected);
    assert!(done["revision"].as_str().and_then(|text| text.parse::<i64>().ok()).is_some_and(|revision| revision > 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_made_here_is_judged_like_alloydbs() {
    let fixture = Fixture::new().await;
    let spec = json!({
        "cluster": "projects/mine/locations/here/clusters/main", "database": "shop", "bucket": "exports", "object": "a.csv",
        "format": {"csv": {"selectQuery": "SELECT 1;", "delimiter": ";"}},
    });
    let create = async |spec: &Value| fixture.post(NATIVE, &json!({"kind": "postgres.export", "spec": spec})).await;
    let created = create(&spec).await.body;
    assert_eq!(
        created["spec"]["format"],
        json!({"csv": {"selectQuery": "SELECT 1", "delimiter": ";", "quote": "\"", "escape": "\""}})
    );
    assert_eq!(created["target"], "projects/mine/locations/here/clusters/main");
    assert_eq!(fixture.get(&format!("{LOCATION}/operations")).await.body, json!({"operations": []}));
    // What is shown can be sent again, as it is.
    let again = create(&created["spec"]).await;
    assert_eq!((again.status, &again.body["spec"]), (200, &created["spec"]));

    let check = async |change: &[&str], value: Value, expected: &str| {
        let mut spec = spec.clone();
        let mut at = &mut spec;
        for name in change {
            at = &mut at[*name];
        }
        *at = value;
        let got = create(&spec).await;
        assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{change:?}");
        assert!(got.message().contains(expected), "{change:?}: {}", got.message());
    };
    check(&["database"], Value::Null, "spec.database: is required").await;
    check(&["bucket"], json!("secret-exports"), "spec.bucket: names the bucket \"secret-exports\"").await;
    check(&["object"], json!("../a"), "spec.object: names an object with a segment").await;
    check(&["format"], json!({}), "spec.format: must hold exactly one of csv and sql").await;
    check(&["format", "sql"], json!({}), "spec.format: must hold exactly one of csv and sql").await;
    check(&["format", "csv", "selectQuery"], json!("DROP TABLE t"), "spec.format.csv.selectQuery: must be a SELECT")
        .await;
    check(&["format", "csv", "delimiter"], json!("ab"), "spec.format.csv.delimiter: must be one character").await;
    check(&["format", "csv", "delimiter"], json!("é"), "spec.format.csv.delimiter: must be one ASCII character").await;
    check(&["format", "csv", "header"], json!(true), "spec.format.csv.header: is not a field").await;
    check(&["cluster"], Value::Null, "spec.cluster: is required").await;
    check(&["kind"], json!("demo.steps"), "spec.kind: is not the kind of the operation").await;
    let mut unknown = spec.clone();
    unknown["cluster"] = json!("projects/mine/locations/here/clusters/none");
    assert_eq!(create(&unknown).await.error(), (404, "NOT_FOUND", "CLUSTER_NOT_FOUND"));
    // It hides no other mistake.
    unknown["bucket"] = json!("none");
    let several = create(&unknown).await;
    assert_eq!(several.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));
    let message = several.message();
    assert!(
        message.contains("spec.bucket: names the bucket") && message.contains("spec.cluster: names no"),
        "{message}"
    );
    // Nor does a spec that is missing hide what is required in it.
    let missing = fixture.post(NATIVE, &json!({"kind": "postgres.export"})).await;
    assert!(missing.message().contains("spec: is required; spec.database: is required"), "{}", missing.message());
    assert_eq!(fixture.count().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creates_that_are_wrong_name_the_field() {
    let fixture = Fixture::new().await;
    let check = async |body: Value, expected: &str| {
        let got = fixture.post(NATIVE, &body).await;
        assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{body}");
        assert!(got.message().contains(expected), "{body}: {}", got.message());
    };
    let steps = |spec: Value| json!({"kind": "demo.steps", "spec": spec});
    check(json!({}), "kind: is required; spec: is required").await;
    check(json!({"kind": "x", "spec": {}}), "is not a kind of operation").await;
    check(json!({"kind": "operations.cancel", "spec": {}}), "kind: operations.cancel is created by POST").await;
    check(json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 1}, "label": {}}), "label: is not a field")
        .await;
    check(
        json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 1}, "priority": 40_000}),
        "priority: must be between",
    )
    .await;
    check(steps(json!({})), "spec.steps: is required; spec.stepMillis: is required").await;
    check(steps(json!({"steps": 0, "stepMillis": 1})), "spec.steps: must be between 1").await;
    check(steps(json!({"steps": "x", "stepMillis": -1})), "spec.steps: must be a whole number").await;
    check(steps(json!({"steps": 1, "stepMillis": 1, "panic": 1})), "spec.panic: is not a field").await;
    let with = |more: Value| {
        let mut spec = json!({"steps": 1, "stepMillis": 1});
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        steps(spec)
    };
    check(with(json!({"spinMillis": 5})), "spec.spinMillis: goes with spinAt alone").await;
    check(with(json!({"blockMillis": 5})), "spec.blockMillis: requires blockAt").await;
    check(with(json!({"failRetryable": true})), "spec.failRetryable: goes with failAt alone").await;
    check(with(json!({"bucket": "exports"})), "spec.object: is required where a bucket is named").await;
    check(with(json!({"object": "a"})), "spec.bucket: is required where an object is named").await;
    check(with(json!({"bucket": "none", "object": "a"})), "spec.bucket: names the bucket \"none\"").await;
    check(with(json!({"bucket": "exports", "object": "a/../b"})), "spec.object: names an object with a segment").await;
    assert_eq!(fixture.count().await, 0);
}

/// INV-3, as a client sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_sent_again_is_the_same_operation() {
    let fixture = Fixture::new().await;
    let body =
        |steps: u32| json!({"kind": "demo.steps", "spec": {"steps": steps, "stepMillis": 5}, "requestId": "one"});
    let first = fixture.post(NATIVE, &body(10)).await;
    assert_eq!(first.status, 200, "{first:?}");
    // Written otherwise, and by the header: what is asked for is the same.
    let again = json!({"spec": {"stepMillis": "5", "steps": 10}, "priority": 0, "kind": "demo.steps"});
    let second = answer(fixture.request("POST", NATIVE).header("Idempotency-Key", "one").json(&again)).await;
    assert_eq!((second.status, &second.body), (200, &first.body));
    let other = fixture.post(NATIVE, &body(11)).await;
    assert_eq!(other.error(), (409, "ABORTED", "REQUEST_ID_REUSED"));
    assert_eq!(fixture.count().await, 1);
    // What was cancelled meanwhile is told as it stands now, and not run again.
    fixture.post(&format!("{}:cancel", path(&first.body)), &json!({})).await;
    assert_eq!(fixture.post(NATIVE, &body(10)).await.body["state"], "CANCELLED");
    assert_eq!(fixture.delete(&path(&first.body)).await.status, 200);
    assert_eq!(fixture.post(NATIVE, &body(10)).await.error(), (409, "ABORTED", "REQUEST_ID_REUSED"));
    for (key, header) in [("a b", None), ("one", Some("two")), ("é", None)] {
        let mut body = body(10);
        body["requestId"] = json!(key);
        let request = fixture.request("POST", NATIVE).json(&body);
        let request = if let Some(header) = header { request.header("Idempotency-Key", header) } else { request };
        let refused = answer(request).await;
        assert_eq!(refused.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{key}: {refused:?}");
        assert!(refused.message().starts_with("requestId: "), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_to_stop_or_go_on_has_an_answer_from_a_closed_vocabulary() {
    let fixture = Fixture::new().await;
    let operation = steps(&fixture).await;
    let ask = async |verb: &str| {
        let got = answer(fixture.request("POST", &format!("{}:{verb}", path(&operation)))).await;
        let text = |name: &str| got.body[name].as_str().unwrap_or_default().to_owned();
        (text("answer"), got.body["operation"]["state"].as_str().expect("a state").to_owned())
    };
    let expect = |answer: &str, state: &str| (answer.to_owned(), state.to_owned());
    assert_eq!(ask("resume").await, expect("NOT_PAUSED", "PENDING"));
    assert_eq!(ask("pause").await, expect("RECORDED", "PAUSED"));
    assert_eq!(ask("pause").await, expect("ALREADY_REQUESTED", "PAUSED"));
    assert_eq!(ask("resume").await, expect("RECORDED", "PENDING"));
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    assert_eq!(ask("pause").await, expect("RECORDED", "RUNNING"));
    assert!(fixture.get(&path(&operation)).await.body["pauseRequestedAt"].is_string());
    assert_eq!(ask("resume").await, expect("RECORDED", "RUNNING"));
    assert_eq!(ask("cancel").await, expect("RECORDED", "RUNNING"));
    assert_eq!(ask("cancel").await, expect("ALREADY_REQUESTED", "RUNNING"));
    fixture.finish(&claimed, Ending::Cancelled, Progress::default()).await;
    for verb in ["cancel", "pause", "resume"] {
        assert_eq!(ask(verb).await, expect("ALREADY_DONE", "CANCELLED"), "{verb}");
    }
    let deleted = fixture.delete(&path(&operation)).await;
    assert_eq!((deleted.status, deleted.body), (200, json!({})));
    assert_eq!(fixture.get(&path(&operation)).await.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"));
    for verb in ["cancel", "pause", "resume"] {
        let got = fixture.post(&format!("{}:{verb}", path(&operation)), &json!({})).await;
        assert_eq!(got.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"), "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_with_unknown_parts_are_refused_by_name() {
    let fixture = Fixture::new().await;
    let operation = steps(&fixture).await;
    let check = |got: &crate::fixture::Answer, expected: &str| {
        assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));
        assert!(got.message().contains(expected), "{}", got.message());
    };
    check(
        &fixture.post(&format!("{}:cancel", path(&operation)), &json!({"mode": "later"})).await,
        "mode: must be now or after_current_item",
    );
    check(
        &fixture.post(&format!("{}:pause", path(&operation)), &json!({"reason": "x"})).await,
        "reason: is not a field",
    );
    let long = json!({"reason": "x".repeat(1_001)});
    check(&fixture.post(&format!("{}:cancel", path(&operation)), &long).await, "reason: is longer than");
    check(&fixture.get(&format!("{NATIVE}?orderBy=x")).await, "orderBy: is served for \"createTime\"");
    check(&fixture.get(&format!("{NATIVE}?sortBy=x")).await, "sortBy: is not a parameter");
    assert_eq!(fixture.get(&path(&operation)).await.body["state"], "PENDING");
}
