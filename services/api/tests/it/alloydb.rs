//! AlloyDB's methods, field for field.

use crate::fixture::{Fixture, LOCATION, answer, csv};
use operation::{Code, Failure, Progress};
use serde_json::{Value, json};
use std::time::Duration;
use store::Ending;

fn name(operation: &Value) -> String {
    operation["name"].as_str().expect("a name").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_shown_field_for_field_from_its_start_to_its_end() {
    let fixture = Fixture::new().await;
    let created = fixture.export().await;
    let name = name(&created);
    assert!(name.starts_with("projects/mine/locations/here/operations/operation-"), "{name}");
    let create_time = created["metadata"]["createTime"].clone();
    let expected = |done: bool, message: &str| {
        json!({
            "name": name,
            "done": done,
            "metadata": {
                "@type": "type.googleapis.com/google.cloud.alloydb.v1.OperationMetadata",
                "createTime": create_time,
                "target": "projects/mine/locations/here/clusters/main",
                "verb": "export",
                "statusMessage": message,
                "requestedCancellation": false,
                "apiVersion": "v1",
            },
        })
    };
    assert_eq!(created, expected(false, "Waiting for a worker"));

    let path = format!("/v1/{name}");
    let claimed = fixture.claim(kinds::postgres_export::KIND).await;
    assert_eq!(fixture.get(&path).await.body, expected(false, "Running"));
    let progress = Progress { items_done: 1_200_000, items_total: Some(5_000_000), bytes_done: 116_400_000 };
    fixture.progress(&claimed, progress).await;
    let message = "Running: 1,200,000 of about 5,000,000 rows, 116 MB written";
    assert_eq!(fixture.get(&path).await.body, expected(false, message));

    let progress = Progress { items_done: 5_000_001, items_total: Some(5_000_000), bytes_done: 488_000_000 };
    fixture.finish(&claimed, Ending::Succeeded(json!({"rows": "5000001"})), progress).await;
    let done = fixture.get(&path).await.body;
    let mut whole = expected(true, "Done: 5,000,001 rows, 488 MB written");
    whole["metadata"]["endTime"] = done["metadata"]["endTime"].clone();
    whole["response"] = json!({
        "@type": "type.googleapis.com/google.cloud.alloydb.v1.ExportClusterResponse",
        "gcsDestination": {"uri": "gs://exports/a/b.csv"},
    });
    assert_eq!(done, whole);
    assert!(done["metadata"]["endTime"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 27), "{done}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_export_has_a_code_and_a_message_and_no_more() {
    let fixture = Fixture::new().await;
    let name = name(&fixture.export().await);
    let claimed = fixture.claim(kinds::postgres_export::KIND).await;
    let failure = Failure::fatal(Code::NotFound, "the database shop does not exist");
    fixture.finish(&claimed, Ending::Failed { failure, delay: Duration::ZERO }, Progress::default()).await;
    let failed = fixture.get(&format!("/v1/{name}")).await.body;
    assert_eq!(failed["error"], json!({"code": 5, "message": "the database shop does not exist"}));
    assert_eq!((failed["done"].clone(), failed.get("response")), (json!(true), None));
    assert_eq!(failed["metadata"]["statusMessage"], "Failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_of_a_waiting_export_is_done_in_its_own_answer() {
    let fixture = Fixture::new().await;
    let path = format!("/v1/{}", name(&fixture.export().await));
    let cancelled = answer(fixture.request("POST", &format!("{path}:cancel"))).await;
    assert_eq!((cancelled.status, cancelled.body), (200, json!({})));
    let operation = fixture.get(&path).await.body;
    assert_eq!(operation["error"], json!({"code": 1, "message": "The operation was cancelled before it ran."}));
    assert_eq!(operation["metadata"]["requestedCancellation"], true);
    assert_eq!(operation["metadata"]["statusMessage"], "Cancelled before it ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_export_says_cancelling_until_its_worker_has_stopped() {
    let fixture = Fixture::new().await;
    let path = format!("/v1/{}", name(&fixture.export().await));
    let claimed = fixture.claim(kinds::postgres_export::KIND).await;
    // Twice, and once more after the end: each succeeds.
    for _ in 0..2 {
        assert_eq!(answer(fixture.request("POST", &format!("{path}:cancel"))).await.body, json!({}));
        let operation = fixture.get(&path).await.body;
        assert_eq!(operation["done"], false);
        assert_eq!(operation["metadata"]["statusMessage"], "Cancelling");
        assert_eq!(operation["metadata"]["requestedCancellation"], true);
    }
    fixture.finish(&claimed, Ending::Cancelled, Progress::default()).await;
    let operation = fixture.get(&path).await.body;
    assert_eq!((&operation["done"], &operation["error"]["code"]), (&json!(true), &json!(1)));
    assert_eq!(operation["metadata"]["statusMessage"], "Cancelled at a safe point");
    assert_eq!(answer(fixture.request("POST", &format!("{path}:cancel"))).await.status, 200);
    assert_eq!(fixture.get(&path).await.body, operation, "a late cancel changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_takes_every_body_that_clients_send_and_no_other() {
    let fixture = Fixture::new().await;
    let name = name(&fixture.export().await);
    let cancel = |verb: &str| fixture.request("POST", &format!("/v1/{name}{verb}"));
    let json_type = ("content-type", "application/json");
    for (what, request) in [
        ("no body", cancel(":cancel")),
        ("an empty one with a type", cancel(":cancel").header(json_type.0, json_type.1).body("")),
        ("an empty object", cancel(":cancel").json(&json!({}))),
        ("the name", cancel(":cancel").json(&json!({"name": name}))),
        ("blanks", cancel(":cancel").body(" \n")),
        ("an encoded colon", cancel("%3Acancel").body("{}")),
        (
            "parameters of all clients",
            cancel(":cancel?alt=json&%24alt=json%3Benum-encoding%3Dint&prettyPrint=false&key=x"),
        ),
    ] {
        let answer = answer(request).await;
        assert_eq!((answer.status, answer.body), (200, json!({})), "{what}");
    }
    for body in
        [json!({"name": "projects/mine/locations/here/operations/x"}), json!({"reason": "x"}), json!([]), json!("x")]
    {
        let answer = fixture.post(&format!("/v1/{name}:cancel"), &body).await;
        assert_eq!(answer.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn describe_is_get() {
    let fixture = Fixture::new().await;
    let operation = fixture.export().await;
    let path = format!("/v1/{}", name(&operation));
    for form in ["", ":describe", "%3Adescribe", "?fields=name&%24.xgafv=2"] {
        assert_eq!(fixture.get(&format!("{path}{form}")).await.body, operation, "{form}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_is_found_under_its_own_name_only() {
    let fixture = Fixture::new().await;
    let name = name(&fixture.export().await);
    let id = name.rsplit('/').next().expect("an id");
    let bare = id.strip_prefix("operation-").expect("the prefix");
    let upper = bare.to_ascii_uppercase();
    for path in [
        format!("/v1/projects/mine/locations/there/operations/{id}"),
        format!("/v1/projects/mine/locations/-/operations/{id}"),
        format!("/v1/projects/mine/locations/here%2Foperations/operations/{id}"),
        format!("{LOCATION}/operations/{bare}"),
        format!("{LOCATION}/operations/operation-{upper}"),
        format!("{LOCATION}/operations/operation-{}", uuid_of_nobody()),
        format!("{LOCATION}/operations/{id}%00"),
        format!("{LOCATION}/operations/{id}:frobnicate"),
        format!("{LOCATION}/operations/%FF%FE"),
        format!("{LOCATION}/operations/..%2F..%2Fetc"),
    ] {
        let got = fixture.get(&path).await;
        assert_eq!(got.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"), "{path}");
        let deleted = fixture.delete(&path).await;
        assert_eq!(deleted.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"), "{path}");
        if !path.contains("frobnicate") {
            let cancelled = fixture.post(&format!("{path}:cancel"), &json!({})).await;
            assert_eq!(cancelled.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"), "{path}");
        }
    }
    assert_eq!(fixture.get(&format!("/v1/{name}")).await.body["done"], false, "nothing was changed");
}

fn uuid_of_nobody() -> &'static str {
    "0193a5a0-0000-7000-8000-000000000001"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_operation_is_gone_for_good() {
    let fixture = Fixture::new().await;
    let name = name(&fixture.export().await);
    let path = format!("/v1/{name}");
    let deleted = fixture.delete(&path).await;
    assert_eq!((deleted.status, deleted.body), (200, json!({})));
    let got = fixture.get(&path).await;
    assert_eq!(got.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"));
    assert_eq!(got.body["error"]["details"][0]["metadata"]["resource"], name);
    assert_eq!(got.body["error"]["details"][1]["resourceName"], name);
    assert_eq!(fixture.delete(&path).await.status, 404);
    assert_eq!(fixture.get(&format!("{LOCATION}/operations")).await.body, json!({"operations": []}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_may_hold_a_colon() {
    let fixture = Fixture::new().await;
    for project in ["example.com:proj", "example.com%3Aproj"] {
        let path = format!("/v1/projects/{project}/locations/here");
        let created = fixture.post(&format!("{path}/clusters/main%3Aexport"), &csv("SELECT 1")).await;
        assert_eq!(created.status, 200, "{created:?}");
        let name = name(&created.body);
        assert!(name.starts_with("projects/example.com:proj/locations/here/"), "{name}");
        let id = name.rsplit('/').next().expect("an id");
        assert_eq!(fixture.get(&format!("{path}/operations/{id}")).await.body, created.body);
        assert_eq!(fixture.post(&format!("{path}/operations/{id}%3Acancel"), &json!({})).await.body, json!({}));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_and_locations_come_from_the_configuration() {
    let fixture = Fixture::new().await;
    let cluster = |location: &str, id: &str| json!({"name": format!("projects/mine/locations/{location}/clusters/{id}"), "displayName": id, "state": "READY"});
    let location =
        |id: &str| json!({"name": format!("projects/mine/locations/{id}"), "locationId": id, "displayName": id});
    let check = async |path: &str, expected: Value| {
        let got = fixture.get(&format!("/v1/projects/mine/locations{path}")).await;
        assert_eq!((got.status, got.body), (200, expected), "{path}");
    };
    check("", json!({"locations": [location("here"), location("there")]})).await;
    check("/here", location("here")).await;
    check("/here/clusters", json!({"clusters": [cluster("here", "main"), cluster("here", "second")]})).await;
    check("/nowhere/clusters", json!({"clusters": []})).await;
    check(
        "/-/clusters",
        json!({"clusters": [cluster("here", "main"), cluster("here", "second"), cluster("there", "main")]}),
    )
    .await;
    check("/here/clusters/second", cluster("here", "second")).await;

    let first = fixture.get("/v1/projects/mine/locations/-/clusters?pageSize=2").await.body;
    assert_eq!(first["clusters"].as_array().map(Vec::len), Some(2));
    let token = first["nextPageToken"].as_str().expect("a token");
    check(&format!("/-/clusters?pageSize=2&pageToken={token}"), json!({"clusters": [cluster("there", "main")]})).await;

    for (path, reason) in [
        ("/nowhere", "LOCATION_NOT_FOUND"),
        ("/-", "LOCATION_NOT_FOUND"),
        ("/here/clusters/none", "CLUSTER_NOT_FOUND"),
        ("/there/clusters/second", "CLUSTER_NOT_FOUND"),
        ("/-/clusters/main", "CLUSTER_NOT_FOUND"),
    ] {
        let got = fixture.get(&format!("/v1/projects/mine/locations{path}")).await;
        assert_eq!(got.error(), (404, "NOT_FOUND", reason), "{path}");
    }
    let filtered = fixture.get("/v1/projects/mine/locations/-/clusters?filter=x").await;
    assert_eq!(filtered.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_says_so() {
    let fixture = Fixture::new().await;
    let wait = format!("/v1/{}:wait", name(&fixture.export().await));
    for path in [wait, format!("{LOCATION}/clusters/main:import")] {
        let got = fixture.post(&path, &json!({"timeout": "1s"})).await;
        assert_eq!(got.error(), (501, "UNIMPLEMENTED", "METHOD_NOT_IMPLEMENTED"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_get_may_come_as_a_post_with_a_form() {
    let fixture = Fixture::new().await;
    let operation = fixture.export().await;
    let in_disguise = |path: &str, form: &'static str| {
        let request = fixture.request("POST", path).header("x-http-method-override", "GET");
        answer(request.header("content-type", "application/x-www-form-urlencoded").body(form))
    };
    let list = format!("{LOCATION}/operations");
    let got = in_disguise(&list, "filter=done%3Dfalse&pageSize=1&alt=json").await;
    assert_eq!(got.body, json!({"operations": [operation]}));
    assert_eq!(in_disguise(&list, "filter=done%3Dtrue").await.body, json!({"operations": []}));
    assert_eq!(in_disguise(&list, "pageSize=-1").await.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));
    assert_eq!(in_disguise(&format!("/v1/{}", name(&operation)), "alt=json").await.body, operation);
    // A cancel stays what it is: it can't be disguised as something harmless, nor the other way round.
    let cancel = in_disguise(&format!("/v1/{}:cancel", name(&operation)), "").await;
    assert_eq!(cancel.error(), (405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED"));
}
