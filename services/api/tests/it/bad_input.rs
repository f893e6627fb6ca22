//! Every bad input gets a clear error, and changes nothing.

use crate::fixture::{Answer, Fixture, LOCATION, answer, csv};
use serde_json::{Value, json};

/// An export request with one thing changed, by the path of the field.
fn changed(path: &[&str], value: Value) -> Value {
    let mut body = csv("SELECT 1");
    let mut at = &mut body;
    for name in path {
        at = &mut at[*name];
    }
    *at = value;
    body
}

fn fields(answer: &Answer) -> Vec<&str> {
    let violations = answer.body["error"]["details"][1]["fieldViolations"].as_array().expect("violations");
    violations.iter().map(|violation| violation["field"].as_str().expect("a field")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_that_are_wrong_name_the_field() {
    let fixture = Fixture::new().await;
    let check = async |body: Value, field: &str, expected: &str| {
        let got = fixture.post(&format!("{LOCATION}/clusters/main:export"), &body).await;
        assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{body}");
        assert!(fields(&got).contains(&field), "{body}: {:?}", fields(&got));
        assert!(got.message().contains(expected), "{body}: {}", got.message());
    };
    let query = ["csvExportOptions", "selectQuery"];
    let delimiter = ["csvExportOptions", "fieldDelimiter"];
    let uri = ["gcsDestination", "uri"];
    check(changed(&["database"], Value::Null), "database", "is required").await;
    check(changed(&["database"], json!("a\0b")), "database", "\\u0000").await;
    check(changed(&["database"], json!(5)), "database", "must be a string").await;
    check(changed(&["sqlExportOptions"], json!({})), "sqlExportOptions", "excludes csvExportOptions").await;
    check(changed(&["csvExportOptions"], Value::Null), "csvExportOptions", "exactly one").await;
    check(changed(&query, json!("SELECT 1; SELECT 2")), "csvExportOptions.selectQuery", "exactly one SELECT").await;
    check(changed(&query, json!("DELETE FROM t")), "csvExportOptions.selectQuery", "must be a SELECT").await;
    let write = "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d";
    check(changed(&query, json!(write)), "csvExportOptions.selectQuery", "must not change data").await;
    check(changed(&query, json!(format!("SELECT {}1", "(".repeat(100_000)))), "csvExportOptions.selectQuery", "nested")
        .await;
    check(changed(&delimiter, json!("2C2C")), "csvExportOptions.fieldDelimiter", "hexadecimal").await;
    check(changed(&delimiter, json!("22")), "csvExportOptions.quoteCharacter", "must differ").await;
    check(changed(&uri, json!("gs://exports")), "gcsDestination.uri", "names no object").await;
    check(changed(&uri, json!("gs://exports/")), "gcsDestination.uri", "names no object").await;
    check(changed(&uri, json!("gs://unknown/a")), "gcsDestination.uri", "not configured").await;
    check(changed(&uri, json!("gs://secret-exports/a")), "gcsDestination.uri", "not configured").await;
    check(changed(&uri, json!("gs://exports/../a")), "gcsDestination.uri", "a segment . or ..").await;
    check(changed(&uri, json!("/etc/passwd")), "gcsDestination.uri", "gs://bucket/object").await;
    check(
        changed(&["csvExportOptions", "selectQuerry"], json!("x")),
        "csvExportOptions.selectQuerry",
        "is not a field",
    )
    .await;
    check(changed(&["validateOnly"], json!(true)), "validateOnly", "is not a field").await;
    check(changed(&["name"], json!("projects/mine/locations/here/clusters/second")), "name", "differs").await;
    assert_eq!(fixture.count().await, 0, "nothing was created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_violations_come_in_one_answer() {
    let fixture = Fixture::new().await;
    let body = json!({"databse": "x", "gcsDestination": {"uri": "gs://exports"}, "csvExportOptions": {"selectQuerry": "SELECT 1"}});
    let got = fixture.post(&format!("{LOCATION}/clusters/main:export"), &body).await;
    assert_eq!(
        fields(&got),
        ["csvExportOptions.selectQuerry", "databse", "database", "gcsDestination.uri", "csvExportOptions.selectQuery"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_cluster_is_not_found() {
    let fixture = Fixture::new().await;
    for cluster in
        ["/clusters/none:export", "/clusters/main%20:export", "/clusters/main%2F:export", "/clusters/%00:export"]
    {
        let got = fixture.post(&format!("{LOCATION}{cluster}"), &csv("SELECT 1")).await;
        assert_eq!(got.error(), (404, "NOT_FOUND", "CLUSTER_NOT_FOUND"), "{cluster}");
    }
    let got = fixture.post("/v1/projects/mine/locations/-/clusters/main:export", &csv("SELECT 1")).await;
    assert_eq!(got.error(), (404, "NOT_FOUND", "CLUSTER_NOT_FOUND"));
    assert_eq!(fixture.count().await, 0, "nothing was created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_json_say_where() {
    let fixture = Fixture::new().await;
    let check = async |body: Vec<u8>, expected: &str| {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let request = fixture.request("POST", &format!("{LOCATION}/clusters/main:export"));
        let got = answer(request.header("content-type", "application/json").body(body)).await;
        assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{shown}");
        assert!(got.message().contains(expected), "{shown}: {}", got.message());
    };
    check(b"{\n  \"database\": \"shop\",\n}".to_vec(), "line 3 column 1").await;
    check(b"{\"database\": \"\xff\"}".to_vec(), "is not valid JSON").await;
    check(b"database=shop".to_vec(), "line 1 column 1").await;
    check(b"[]".to_vec(), "must be a JSON object").await;
    check(b"{\"database\":\"a\",\"database\":\"b\"}".to_vec(), "is given twice").await;
    check("[".repeat(100_000).into_bytes(), "recursion limit").await;
    check("{\"a\":".repeat(30_000).into_bytes(), "recursion limit").await;
    check(Vec::new(), "is required").await;
    assert_eq!(fixture.count().await, 0, "nothing was created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_refuse_what_they_cannot_serve() {
    let fixture = Fixture::new().await;
    let check = async |query: &str, code: (u16, &str, &str), expected: &str| {
        let got = fixture.get(&format!("{LOCATION}/operations?{query}")).await;
        assert_eq!(got.error(), code, "{query}");
        assert!(got.message().contains(expected), "{query}: {}", got.message());
    };
    let invalid = (400, "INVALID_ARGUMENT", "INVALID_FIELD");
    check("pageSize=-1", invalid, "must not be negative").await;
    check("pageSize=ten", invalid, "must be a whole number").await;
    check("page_size=-1", invalid, "must not be negative").await;
    check("filter=endTime%3E1", invalid, "This list serves done").await;
    check("filter=state%3DRUNNING", invalid, "the field \"state\" is not served").await;
    check("filter=done%3Dtrue+OR+target%3Dx", invalid, "OR is served within one").await;
    check("filter=%28%28", invalid, "at character").await;
    check("filter=%00", invalid, "\\u0000").await;
    check("pageToken=x", invalid, "is not one that this service gave").await;
    let partial = (501, "UNIMPLEMENTED", "PARTIAL_SUCCESS_NOT_IMPLEMENTED");
    check("returnPartialSuccess=true", partial, "returnPartialSuccess").await;
    let got = fixture.get("/v1/projects/mine/locations/a%20b/operations").await;
    assert_eq!(got.error(), (404, "NOT_FOUND", "LOCATION_NOT_FOUND"));
}
