//! What the native API knows beside an operation's life: labels, order, deadlines, new tries, many cancels, and why.

use crate::fixture::{Answer, Fixture, NATIVE};
use operation::Progress;
use serde_json::{Value, json};
use store::Ending;

async fn create(fixture: &Fixture, more: Value) -> Value {
    let mut body = json!({"kind": "demo.steps", "spec": {"steps": 2, "stepMillis": 5}});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let answer = fixture.post(NATIVE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn path(operation: &Value) -> String {
    format!("{NATIVE}/{}", operation["id"].as_str().expect("an id"))
}

fn ids(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["operations"].as_array().expect("a list").iter().map(|operation| operation["id"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_are_found_by_label_in_either_order() {
    let fixture = Fixture::new().await;
    let mut prod = Vec::new();
    for number in 0..3 {
        let more = json!({"labels": {"env": "prod", "n": number.to_string()}});
        prod.push(create(&fixture, more).await["id"].clone());
        create(&fixture, json!({"labels": {"env": "test"}})).await;
    }
    let list = async |query: &str| fixture.get(&format!("{NATIVE}?{query}")).await;
    let filter = "filter=labels.env%20%3D%20prod";
    assert_eq!(ids(&list(&format!("{filter}&orderBy=createTime")).await), prod);
    let newest: Vec<_> = prod.iter().rev().cloned().collect();
    assert_eq!(ids(&list(&format!("{filter}&orderBy=create_time%20desc")).await), newest);
    let first = list(&format!("{filter}&orderBy=createTime&pageSize=2")).await;
    assert_eq!(ids(&first), prod[..2]);
    let token = first.body["nextPageToken"].as_str().expect("a token");
    let second = list(&format!("{filter}&orderBy=createTime&pageSize=2&pageToken={token}")).await;
    assert_eq!(ids(&second), prod[2..]);
    let other = list(&format!("{filter}&pageSize=2&pageToken={token}")).await;
    assert_eq!(other.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "a place in another order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cancelled_is_tried_again_as_another_operation() {
    let fixture = Fixture::new().await;
    let old = create(&fixture, json!({"labels": {"a": "b"}})).await;
    let retry = format!("{}:retry", path(&old));
    let early = fixture.post(&retry, &json!({})).await;
    assert_eq!(early.error(), (400, "FAILED_PRECONDITION", "OPERATION_NOT_RETRYABLE"));
    fixture.post(&format!("{}:cancel", path(&old)), &json!({})).await;
    let retried = fixture.post(&retry, &json!({"requestId": "again"})).await.body;
    assert_eq!(retried["answer"], "RECORDED");
    let new = &retried["operation"];
    assert_eq!((&new["state"], &new["retryOf"], &new["labels"]), (&json!("PENDING"), &old["id"], &json!({"a": "b"})));
    assert_ne!(new["id"], old["id"]);
    let again = fixture.post(&retry, &json!({"requestId": "again"})).await.body;
    assert_eq!((&again["answer"], &again["operation"]["id"]), (&json!("ALREADY_REQUESTED"), &new["id"]));
    assert_eq!(fixture.get(&path(&old)).await.body["state"], "CANCELLED", "terminal is final");
    // It would cancel again, for one who may only write, what is there by now.
    let many = fixture.post(&format!("{NATIVE}:cancel"), &json!({"filter": "labels.a = \"b\""})).await.body;
    let again = fixture.post(&format!("{}:retry", path(&many["operation"])), &json!({})).await;
    assert_eq!(again.error(), (400, "FAILED_PRECONDITION", "OPERATION_NOT_RETRYABLE"));
    assert!(again.message().contains("ask :cancel once more"), "{}", again.message());
    assert_eq!(fixture.post(&retry, &json!({"from": 1})).await.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_counted_before_they_are_cancelled() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        create(&fixture, json!({"labels": {"env": "prod"}})).await;
    }
    create(&fixture, json!({})).await;
    let many = format!("{NATIVE}:cancel");
    let dry = fixture.post(&many, &json!({"filter": "labels.env = prod", "dryRun": true})).await;
    assert_eq!(dry.body, json!({"matching": "3", "exact": true}));
    assert_eq!(fixture.count().await, 4, "a dry run makes nothing");
    let body = json!({"filter": "labels.env = prod", "reason": "a wrong table", "mode": "after_current_item"});
    let begun = fixture.post(&many, &body).await.body;
    assert_eq!((&begun["matching"], &begun["operation"]["kind"]), (&json!("3"), &json!("operations.cancel")));
    let spec = json!({"kind": "operations.cancel", "filter": {"labels": {"env": "prod"}}, "requestedBy": "me",
        "reason": "a wrong table", "mode": "after_current_item"});
    assert_eq!(begun["operation"]["spec"], spec);
    let nothing = fixture.post(&many, &json!({"filter": "done = true AND done = false"})).await;
    assert_eq!(nothing.body, json!({"matching": "0", "exact": true}));
    for (body, expected) in [
        (json!({}), "filter: is required"),
        (json!({"filter": "endTime > x"}), "filter: the field"),
        (json!({"filter": "done = false", "dryRun": "yes"}), "dryRun: must be true or false"),
    ] {
        let refused = fixture.post(&many, &body).await;
        assert_eq!(refused.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{body}");
        assert!(refused.message().contains(expected), "{body}: {}", refused.message());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_it_has_not_ended_is_told_in_one_word_and_one_sentence() {
    let fixture = Fixture::new().await;
    let operation = create(&fixture, json!({"deadline": "9000-01-01T00:00:00Z"})).await;
    let why = async || fixture.get(&format!("{}/why", path(&operation))).await.body;
    let waits = why().await;
    assert_eq!((&waits["waitsFor"], &waits["livingWorkers"]), (&json!("WORKER"), &json!("0")), "{waits}");
    assert_eq!(waits["deadline"], "9000-01-01T00:00:00.000000Z");
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    let runs = why().await;
    assert_eq!((&runs["waitsFor"], &runs["owner"]["leaseStands"]), (&json!("WORK"), &json!(true)), "{runs}");
    fixture.post(&format!("{}:cancel", path(&operation)), &json!({})).await;
    let stops = why().await;
    assert_eq!(stops["waitsFor"], "SAFE_POINT", "{stops}");
    assert!(stops["cancelPendingFor"].is_string(), "{stops}");
    fixture.finish(&claimed, Ending::Cancelled, Progress::default()).await;
    assert_eq!(why().await["waitsFor"], "NOTHING");
    let none = fixture.get(&format!("{NATIVE}/01920000-0000-7000-8000-000000000001/why")).await;
    assert_eq!(none.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"));
}
