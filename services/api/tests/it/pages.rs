//! Lists, page by page.

use crate::fixture::{Fixture, LOCATION, NATIVE, csv};
use serde_json::{Value, json};

fn names(page: &Value) -> Vec<String> {
    let operations = page["operations"].as_array().expect("operations");
    operations.iter().map(|operation| operation["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_shows_each_operation_once_newest_first() {
    let fixture = Fixture::new().await;
    let mut expected = Vec::new();
    for _ in 0..23 {
        expected.insert(0, fixture.export().await["name"].as_str().expect("a name").to_owned());
    }
    for size in [1, 4, 23, 24] {
        let (mut walked, mut token) = (Vec::new(), String::new());
        loop {
            let page = fixture.get(&format!("{LOCATION}/operations?pageSize={size}&pageToken={token}")).await.body;
            let on_page = names(&page);
            assert!(on_page.len() <= size);
            walked.extend(on_page);
            // What is created meanwhile does not disturb the walk.
            if walked.len() == 8 {
                fixture.post("/v1/projects/mine/locations/there/clusters/main:export", &csv("SELECT 1")).await;
            }
            match page["nextPageToken"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => break,
            }
        }
        assert_eq!(walked, expected, "pages of {size}");
    }
    let first = fixture.get(&format!("{LOCATION}/operations?pageSize=0")).await.body;
    assert_eq!(names(&first), expected, "the default page is 50");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_sees_its_own_and_the_wildcard_all() {
    let fixture = Fixture::new().await;
    let here = fixture.export().await["name"].clone();
    let there = fixture.post("/v1/projects/mine/locations/there/clusters/main:export", &csv("SELECT 1")).await.body;
    let native = fixture.post(NATIVE, &json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 0}})).await.body;
    let list = async |path: &str| names(&fixture.get(path).await.body);
    assert_eq!(list(&format!("{LOCATION}/operations")).await, [here.as_str().expect("a name")]);
    assert_eq!(list("/v1/projects/mine/locations/there/operations").await, [there["name"].as_str().expect("a name")]);
    assert!(list("/v1/projects/mine/locations/nowhere/operations").await.is_empty());
    let all = list("/v1/projects/mine/locations/-/operations").await;
    assert_eq!(all, [there["name"].as_str().expect("a name"), here.as_str().expect("a name")]);
    assert_eq!(list(NATIVE).await.len(), 3);
    assert_eq!(list(NATIVE).await[0], native["name"].as_str().expect("a name"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_select() {
    let fixture = Fixture::new().await;
    let first = fixture.export().await;
    let second = fixture.post(&format!("{LOCATION}/clusters/second:export"), &csv("SELECT 1")).await.body;
    let name = |operation: &Value| operation["name"].as_str().expect("a name").to_owned();
    fixture.post(&format!("/v1/{}:cancel", name(&first)), &json!({})).await;
    let check = async |path: &str, filter: &str, expected: &[&Value]| {
        let mut url = reqwest::Url::parse(&format!("{}{path}", fixture.url)).expect("a URL");
        url.query_pairs_mut().append_pair("filter", filter);
        let page = fixture.get(&format!("{path}?{}", url.query().expect("a query"))).await;
        assert_eq!(page.status, 200, "{filter}: {page:?}");
        let expected: Vec<_> = expected.iter().map(|operation| name(operation)).collect();
        let ids = |names: Vec<String>| -> Vec<String> {
            names.iter().map(|name| name.rsplit(['/']).next().expect("an id").replace("operation-", "")).collect()
        };
        assert_eq!(ids(names(&page.body)), ids(expected), "{filter}");
    };
    let list = format!("{LOCATION}/operations");
    let (both, time) = ([&second, &first], first["metadata"]["createTime"].as_str().expect("a time"));
    check(&list, "", &both).await;
    check(&list, "done = true", &[&first]).await;
    check(&list, "NOT done = true", &[&second]).await;
    check(&list, "done=false AND metadata.verb=\"export\"", &[&second]).await;
    check(&list, "verb = import", &[]).await;
    check(&list, "metadata.target = \"projects/mine/locations/here/clusters/second\"", &[&second]).await;
    check(&list, "metadata.target:projects/mine/locations/here/clusters/main", &[&first]).await;
    check(&list, "done=true done=false", &[]).await;
    check(&list, &format!("metadata.createTime >= \"{time}\""), &both).await;
    check(&list, &format!("metadata.create_time > {time}"), &[&second]).await;
    check(&list, &format!("createTime = {time}"), &[&first]).await;
    check(&list, &format!("create_time <= {time}"), &[&first]).await;
    check(&list, &format!("create_time < {time}"), &[]).await;
    check(&list, "create_time < 9999-12-31T23:59:59.999999999Z create_time > 0000-01-01T00:00:00Z", &both).await;
    check(NATIVE, "state = CANCELLED OR state = FAILED", &[&first]).await;
    check(NATIVE, "NOT (state = CANCELLED OR state = FAILED)", &[&second]).await;
    check(NATIVE, "kind = postgres.export AND done = false", &[&second]).await;
    check(NATIVE, "kind = \"demo.steps\"", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_bound_to_its_list_and_its_filter() {
    let fixture = Fixture::new().await;
    fixture.export().await;
    fixture.export().await;
    let page = fixture.get(&format!("{LOCATION}/operations?pageSize=1&filter=done%3Dfalse")).await.body;
    let token = page["nextPageToken"].as_str().expect("a token").to_owned();
    let message = async |path: String| fixture.get(&path).await.message().to_owned();
    let with = |path: &str, filter: &str| format!("{path}?pageToken={token}&filter={filter}");
    let operations = format!("{LOCATION}/operations");
    assert!(message(with(&operations, "done%3Dtrue")).await.contains("with another filter"));
    assert!(message(with(&operations, "")).await.contains("with another filter"));
    assert!(message(with("/v1/projects/mine/locations/-/operations", "done%3Dfalse")).await.contains("another list"));
    assert!(message(with(NATIVE, "done%3Dfalse")).await.contains("another list"));
    // Another page size is allowed (AIP-158).
    assert_eq!(fixture.get(&format!("{}&pageSize=7", with(&operations, "done%3Dfalse"))).await.status, 200);
    // Every character matters.
    for index in (0..token.len()).step_by(7) {
        let other = if token.as_bytes()[index] == b'A' { "B" } else { "A" };
        let mut edited = token.clone();
        edited.replace_range(index..=index, other);
        let got = fixture.get(&format!("{operations}?pageToken={edited}&filter=done%3Dfalse")).await;
        assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "character {index}");
    }
}
