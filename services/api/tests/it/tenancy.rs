//! Nothing of another project is seen, counted or told apart from what does not exist (INV-22).

use crate::fixture::{Fixture, LOCATION, NATIVE, THEIRS, answer, csv};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_projects_operation_does_not_exist() {
    let fixture = Fixture::new().await;
    let name = fixture.export().await["name"].as_str().expect("a name").to_owned();
    let path = format!("/v1/{}", name.replace("projects/mine", "projects/theirs"));
    let native = format!("/api/v1/projects/theirs/operations/{}", name.rsplit("operation-").next().expect("an id"));
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}:cancel")),
        ("GET", native.clone()),
        ("DELETE", native.clone()),
        ("POST", format!("{native}:cancel")),
        ("POST", format!("{native}:pause")),
        ("POST", format!("{native}:resume")),
    ] {
        let got = answer(fixture.bare(method, &path).bearer_auth(THEIRS)).await;
        assert_eq!(got.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"), "{method} {path}");
    }
    for path in ["/v1/projects/theirs/locations/-/operations", "/api/v1/projects/theirs/operations"] {
        let listed = answer(fixture.bare("GET", path).bearer_auth(THEIRS)).await;
        assert_eq!(listed.body, json!({"operations": []}), "{path}");
    }
    assert_eq!(fixture.get(&format!("/v1/{name}")).await.body["done"], false, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_token_is_good_in_its_own_project_alone() {
    let fixture = Fixture::new().await;
    fixture.export().await;
    fixture.export().await;
    let page = fixture.get(&format!("{LOCATION}/operations?pageSize=1")).await.body;
    let token = page["nextPageToken"].as_str().expect("a token");
    let path = format!("/v1/projects/theirs/locations/here/operations?pageToken={token}");
    let got = answer(fixture.bare("GET", &path).bearer_auth(THEIRS)).await;
    assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));
    assert!(got.message().contains("is not one that this service gave"), "{}", got.message());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_of_another_project_cannot_be_named() {
    let fixture = Fixture::new().await;
    let body = json!({"kind": "postgres.export", "spec": {
        "cluster": "projects/theirs/locations/here/clusters/main", "database": "shop", "bucket": "exports", "object": "a",
        "format": {"csv": {"selectQuery": "SELECT 1"}}}});
    assert_eq!(fixture.post(NATIVE, &body).await.error(), (404, "NOT_FOUND", "CLUSTER_NOT_FOUND"));
    let path = "/v1/projects/theirs/locations/here/clusters/main:export";
    let denied = answer(fixture.request("POST", path).json(&csv("SELECT 1"))).await;
    assert_eq!(denied.error(), (403, "PERMISSION_DENIED", "PERMISSION_DENIED"));
    assert_eq!(fixture.count().await, 0);
}
