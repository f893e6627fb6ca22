//! Nothing of another project is seen, counted or told apart from what does not exist (INV-22).

use crate::fixture::{Fixture, LOCATION, NATIVE, THEIRS, answer, csv};
use serde_json::json;

/// Every route that asks for a token: method and path in the project `mine`.
fn routes(operation: &str) -> Vec<(&'static str, String)> {
    let id = operation.rsplit("operation-").next().expect("an id");
    vec![
        ("GET", "/v1/projects/mine/locations".to_owned()),
        ("GET", LOCATION.to_owned()),
        ("GET", format!("{LOCATION}/clusters")),
        ("GET", format!("{LOCATION}/clusters/main")),
        ("POST", format!("{LOCATION}/clusters/main:export")),
        ("POST", format!("{LOCATION}/clusters/main:import")),
        ("GET", format!("{LOCATION}/operations")),
        ("GET", format!("/v1/{operation}")),
        ("GET", format!("/v1/{operation}:describe")),
        ("POST", format!("/v1/{operation}:cancel")),
        ("POST", format!("/v1/{operation}:wait")),
        ("DELETE", format!("/v1/{operation}")),
        ("GET", format!("{NATIVE}:counts")),
        ("GET", NATIVE.to_owned()),
        ("POST", NATIVE.to_owned()),
        ("GET", format!("{NATIVE}/{id}")),
        ("POST", format!("{NATIVE}/{id}:cancel")),
        ("POST", format!("{NATIVE}/{id}:pause")),
        ("POST", format!("{NATIVE}/{id}:resume")),
        ("DELETE", format!("{NATIVE}/{id}")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_route_serves_a_stranger() {
    let fixture = Fixture::new().await;
    let operation = fixture.export().await;
    let name = operation["name"].as_str().expect("a name");
    for (method, path) in routes(name) {
        let unknown = answer(fixture.bare(method, &path)).await;
        assert_eq!(unknown.error(), (401, "UNAUTHENTICATED", "CREDENTIALS_MISSING"), "{method} {path}");
        assert_eq!(unknown.headers["www-authenticate"], "Bearer realm=\"safepoint\"");
        let wrong = answer(fixture.bare(method, &path).bearer_auth("wrong")).await;
        assert_eq!(wrong.error(), (401, "UNAUTHENTICATED", "CREDENTIALS_INVALID"), "{method} {path}");
        assert_eq!(wrong.headers["www-authenticate"], "Bearer realm=\"safepoint\", error=\"invalid_token\"");
        // A body that is wrong in every way: it is not even looked at.
        let request = fixture.bare(method, &path).bearer_auth(THEIRS);
        let denied = answer(request.body("{ not json")).await;
        assert_eq!(denied.error(), (403, "PERMISSION_DENIED", "PERMISSION_DENIED"), "{method} {path}");
        // The same words for a project that does not exist.
        let nowhere = answer(fixture.bare(method, &path.replace("mine", "none")).bearer_auth(THEIRS)).await;
        assert_eq!(nowhere.message().replace("none", "mine"), denied.message(), "{method} {path}");
    }
    assert_eq!(fixture.get(&format!("/v1/{name}")).await.body, operation, "nothing was changed");
    assert_eq!(fixture.count().await, 1);
}

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
