//! A kind of another crate: `services/worker/examples/own_kind.rs` beside the product's own processes.

use safepoint_testkit::{LIMIT, System, eventually};
use serde_json::json;

const OPERATIONS: &str = "/api/v1/projects/p/operations";

async fn with_own_worker() -> System {
    let mut system = System::start(1, 4).await;
    system.another_worker("examples/own_kind").await;
    let registered = async || {
        let (_, answer) = system.call("GET", "/api/v1/projects/p/kinds", None).await;
        answer["kinds"].as_array()?.iter().find(|kind| kind["name"] == "acme.primes").cloned()
    };
    let kind = eventually("the kind is registered", LIMIT, registered).await;
    assert_eq!(
        (&kind["unit"], &kind["creatable"], &kind["stopBound"]),
        (&json!("numbers"), &json!(true), &json!("5s"))
    );
    assert_eq!(kind["specSchema"]["required"], json!(["below"]));
    system
}

#[tokio::test]
async fn a_kind_of_another_crate_is_created_run_and_cancelled() {
    let system = with_own_worker().await;
    let create = async |below: u64| {
        let body = json!({ "kind": "acme.primes", "spec": { "below": below } });
        let (status, operation) = system.call("POST", OPERATIONS, Some(&body)).await;
        assert_eq!(status, 200, "{operation}");
        operation["id"].as_str().expect("an id").to_owned()
    };
    let id = create(100).await;
    let done = system.until(&id, "its end", |operation| operation["done"] == true).await;
    assert_eq!((&done["state"], &done["response"]["primes"]), (&json!("SUCCEEDED"), &json!("25")), "{done}");
    assert_eq!((&done["progress"]["unit"], &done["progress"]["itemsDone"]), (&json!("numbers"), &json!("100")));
    assert_eq!(done["spec"], json!({ "kind": "acme.primes", "below": 100 }));

    // Minutes of work, to be cancelled.
    let id = create(10_000_000).await;
    system.until(&id, "progress", |operation| operation["progress"]["itemsDone"] != "0").await;
    let (status, _) = system.call("POST", &format!("{OPERATIONS}/{id}:cancel"), Some(&json!({}))).await;
    assert_eq!(status, 200);
    let done = system.until(&id, "its end", |operation| operation["done"] == true).await;
    assert_eq!((&done["state"], &done["error"]["code"]), (&json!("CANCELLED"), &json!(1)), "{done}");
    assert_eq!(done["cancel"]["safePoint"], "range counted");
}

#[tokio::test]
async fn what_the_schema_refuses_is_named_by_its_path() {
    let system = with_own_worker().await;
    let refused = async |body: serde_json::Value| {
        let (status, answer) = system.call("POST", OPERATIONS, Some(&body)).await;
        assert_eq!(status, 400, "{answer}");
        let violations = answer["error"]["details"].as_array().expect("details").iter();
        let violations = violations.filter_map(|detail| detail["fieldViolations"].as_array()).flatten();
        let mut fields: Vec<_> = violations.map(|violation| violation["field"].to_string()).collect();
        fields.sort();
        fields.join(" ")
    };
    let kind = "acme.primes";
    assert_eq!(refused(json!({ "kind": kind, "spec": { "below": 1 } })).await, r#""spec.below""#);
    assert_eq!(
        refused(json!({ "kind": kind, "spec": { "below": "9", "more": "\0" } })).await,
        r#""spec" "spec.below" "spec.more""#
    );
    assert_eq!(refused(json!({ "kind": kind, "spec": {} })).await, r#""spec""#);
    // A value may be a secret: no error repeats it.
    let body = json!({ "kind": kind, "spec": { "below": "canary-value", "password": "canary-value" } });
    let (status, answer) = system.call("POST", OPERATIONS, Some(&body)).await;
    assert!(status == 400 && !answer.to_string().contains("canary-value"), "{answer}");
    assert_eq!(refused(json!({ "kind": "acme.unknown", "spec": {} })).await, r#""kind""#);
}
