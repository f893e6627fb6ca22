//! What concerns a project as a whole: who did what in it, and how much of it may wait.

use crate::fixture::{Answer, Fixture, LOCATION, NATIVE, THEIRS, answer, csv};
use crate::issuer::{TestIssuer, rsa, sign};
use operation::ProjectId;
use runtime::limits::Limits;
use serde_json::{Value, json};
use store::ProjectLimits;

const AUDIT_LOG: &str = "/api/v1/projects/mine/auditLog";

fn steps() -> Value {
    json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 0}})
}

/// By one who may see it, of an issuer.
async fn audit_log(fixture: &Fixture, corp: &TestIssuer, query: &str) -> Answer {
    let mut claims = corp.claims();
    claims["scope"] = "operations.admin".into();
    answer(fixture.bare("GET", &format!("{AUDIT_LOG}{query}")).bearer_auth(sign(&rsa(), &claims))).await
}

fn column(page: &Answer, name: &str) -> Vec<String> {
    let entries = page.body["entries"].as_array().unwrap_or_else(|| panic!("{page:?}"));
    entries.iter().map(|entry| entry[name].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changed_what_is_told_to_those_who_may_know() {
    let corp = TestIssuer::start("corp", &[rsa()]).await;
    let fixture = Fixture::with_issuers(&[&corp]).await;
    let named = fixture.request("POST", NATIVE).header("x-request-id", "my-request").json(&steps());
    let id = answer(named).await.body["id"].as_str().expect("an id").to_owned();
    let path = format!("{NATIVE}/{id}");
    for verb in ["pause", "pause", "resume", "cancel", "cancel"] {
        assert_eq!(fixture.post(&format!("{path}:{verb}"), &json!({})).await.status, 200);
    }
    let retried = fixture.post(&format!("{path}:retry"), &json!({})).await;
    fixture.delete(&path).await;
    let exported = fixture.export().await["name"].as_str().expect("a name").to_owned();
    let export = format!("{LOCATION}/operations/{}", exported.rsplit('/').next().expect("an id"));
    assert_eq!(fixture.post(&format!("{export}:cancel"), &json!({})).await.status, 200);
    assert_eq!(fixture.delete(&export).await.status, 200);
    // What was refused has changed nothing.
    assert_eq!(fixture.post(NATIVE, &json!({"kind": "none"})).await.status, 400);
    let theirs = fixture.bare("POST", &format!("{}/{id}:cancel", NATIVE.replace("mine", "theirs"))).bearer_auth(THEIRS);
    assert_eq!(answer(theirs).await.status, 404);

    let whole = audit_log(&fixture, &corp, "").await;
    let verbs = ["DELETE", "CANCEL", "CREATE", "DELETE", "RETRY", "CANCEL", "RESUME", "PAUSE", "CREATE"];
    assert_eq!(column(&whole, "verb"), verbs);
    assert!(column(&whole, "principal").iter().all(|principal| principal == "me"));
    assert!(column(&whole, "sourceAddress").iter().all(|address| address == "127.0.0.1"));
    assert_eq!(column(&whole, "requestId").last().map(String::as_str), Some("my-request"));
    assert_eq!(column(&whole, "operation")[4], retried.body["operation"]["id"].as_str().expect("an id"));
    assert!(whole.body.get("nextPageToken").is_none());

    // Also after it was deleted.
    let one = audit_log(&fixture, &corp, &format!("?operation={id}&pageSize=3")).await;
    assert_eq!(column(&one, "result"), ["CANCELLED", "CANCELLED", "PENDING"]);
    let token = one.body["nextPageToken"].as_str().expect("another page");
    let rest = audit_log(&fixture, &corp, &format!("?operation={id}&pageToken={token}")).await;
    assert_eq!(column(&rest, "verb"), ["PAUSE", "CREATE"]);
    let elsewhere = audit_log(&fixture, &corp, &format!("?pageToken={token}")).await;
    assert_eq!(elsewhere.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));

    for wrong in ["?operation=x", "?pageSize=-1", "?filter=x", "?pageToken=x"] {
        assert_eq!(
            audit_log(&fixture, &corp, wrong).await.error(),
            (400, "INVALID_ARGUMENT", "INVALID_FIELD"),
            "{wrong}"
        );
    }
    // Whoever may do all with operations may not see who else does.
    assert_eq!(fixture.get(AUDIT_LOG).await.error().2, "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_takes_nothing_more_until_something_leaves_it() {
    let fixture = Fixture::with_limits(Limits { queued_operations: 3, ..Limits::default() }).await;
    let mut ids = Vec::new();
    let mut keyed = steps();
    keyed["requestId"] = "last".into();
    for body in [&steps(), &steps(), &keyed] {
        ids.push(fixture.post(NATIVE, body).await.body["id"].as_str().expect("an id").to_owned());
    }
    let export = format!("{LOCATION}/clusters/main:export");
    for (path, body) in [(NATIVE, &steps()), (&export, &csv("SELECT 1"))] {
        let refused = fixture.post(path, body).await;
        assert_eq!(refused.error(), (429, "RESOURCE_EXHAUSTED", "QUEUE_FULL"), "{path}");
        assert_eq!(
            (&refused.headers["retry-after"], &refused.body["error"]["details"][1]["retryDelay"]),
            (&"5".parse().expect("a header"), &json!("5s"))
        );
    }
    // What was let in before is there, however often it is asked for.
    let again = fixture.post(NATIVE, &keyed).await;
    assert_eq!((again.status, &again.body["id"]), (200, &json!(ids[2])));
    // Others are not concerned, and what empties the queue is let in.
    let theirs = fixture.bare("POST", &NATIVE.replace("mine", "theirs")).bearer_auth(THEIRS).json(&steps());
    assert_eq!(answer(theirs).await.status, 200);
    assert_eq!(fixture.post(&format!("{NATIVE}:cancel"), &json!({"filter": "done = true"})).await.status, 200);

    // It has room at once: nobody is refused by an old count.
    assert_eq!(fixture.post(&format!("{NATIVE}/{}:cancel", ids[0]), &json!({})).await.status, 200);
    let retry = json!({"requestId": "again"});
    let retried = fixture.post(&format!("{NATIVE}/{}:retry", ids[0]), &retry).await;
    let again = fixture.post(&format!("{NATIVE}/{}:retry", ids[0]), &retry).await;
    assert_eq!(again.body["answer"], "ALREADY_REQUESTED");
    assert_eq!(
        (again.status, &again.body["operation"]["id"]),
        (200, &retried.body["operation"]["id"]),
        "its answer was lost"
    );
    assert_eq!(fixture.post(&format!("{NATIVE}/{}:retry", ids[0]), &json!({})).await.error().2, "QUEUE_FULL");
    fixture.claim(kinds::demo_steps::KIND).await;
    assert_eq!(fixture.post(NATIVE, &steps()).await.status, 200);
    assert_eq!(fixture.post(NATIVE, &steps()).await.error().2, "QUEUE_FULL");

    // A limit of its own goes first.
    let mine: ProjectId = "mine".parse().expect("a project");
    let limits = ProjectLimits { queued: Some(4), running: Some(1) };
    fixture.store.set_project(&mine, limits, "operator:test").await.expect("set");
    assert_eq!(fixture.post(NATIVE, &steps()).await.status, 200);
    assert_eq!(fixture.post(NATIVE, &steps()).await.error().2, "QUEUE_FULL");
    let why = fixture.get(&format!("{NATIVE}/{}/why", ids[2])).await;
    assert_eq!(why.body["waitsFor"], "PROJECT_LIMIT", "{why:?}");
}
