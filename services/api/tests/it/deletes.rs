//! Deletes of what has not ended (INV-26), by our own API and by the vendors'.

use crate::fixture::{Answer, Fixture, LOCATION, NATIVE, answer, transfer_job};
use crate::issuer::{TestIssuer, rsa, sign};
use operation::Progress;
use serde_json::{Value, json};
use store::Ending;

const MISSING: (u16, &str, &str) = (404, "NOT_FOUND", "OPERATION_NOT_FOUND");

async fn cancel(fixture: &Fixture, path: &str) -> Answer {
    fixture.post(&format!("{path}:cancel"), &json!({})).await
}

/// How many operations a cancel of all that has not ended selects.
async fn selected(fixture: &Fixture) -> Value {
    let body = json!({"filter": "done = false", "dryRun": true});
    fixture.post(&format!("{NATIVE}:cancel"), &body).await.body["matching"].clone()
}

async fn counts(fixture: &Fixture) -> Value {
    fixture.get(&format!("{NATIVE}:counts")).await.body["counts"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn native_delete_of_what_has_not_ended_is_refused() {
    let fixture = Fixture::new().await;
    let path = fixture.steps().await;
    let refused = async |state: &str| {
        for query in ["", "?cancel=false", "?cancel="] {
            let got = fixture.delete(&format!("{path}{query}")).await;
            if query == "?cancel=" {
                assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));
                continue;
            }
            assert_eq!(got.error(), (400, "FAILED_PRECONDITION", "OPERATION_NOT_DONE"), "{query}");
            assert_eq!(got.body["error"]["details"][0]["metadata"]["state"], state);
            assert!(got.message().contains(state) && got.message().contains("?cancel=true"), "{}", got.message());
        }
        assert_eq!(fixture.get(&path).await.body["state"], state, "it is shown as before");
    };
    refused("PENDING").await;
    fixture.post(&format!("{path}:pause"), &json!({})).await;
    refused("PAUSED").await;
    fixture.post(&format!("{path}:resume"), &json!({})).await;
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    refused("RUNNING").await;
    assert_eq!(cancel(&fixture, &path).await.body["answer"], "RECORDED");
    refused("RUNNING").await;
    fixture.finish(&claimed, Ending::Cancelled, Progress::default()).await;
    for query in ["?cancel=maybe", "?cancel=1", "?force=true"] {
        let got = fixture.delete(&format!("{path}{query}")).await;
        assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{query}");
    }
    let deleted = fixture.delete(&path).await;
    assert_eq!((deleted.status, deleted.body), (200, json!({})));
    assert_eq!(fixture.delete(&path).await.error(), MISSING);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn native_delete_with_cancel_cancels_and_hides_at_the_end() {
    let fixture = Fixture::new().await;
    // Nobody runs it: at once.
    let waiting = fixture.steps().await;
    let deleted = fixture.delete(&format!("{waiting}?cancel=true")).await;
    assert_eq!((deleted.status, deleted.body), (200, json!({})));
    assert_eq!(fixture.get(&waiting).await.error(), MISSING);
    assert_eq!(cancel(&fixture, &waiting).await.error(), MISSING);
    // Its worker runs it: when that has stopped.
    let path = fixture.steps().await;
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    for _ in 0..2 {
        assert_eq!(fixture.delete(&format!("{path}?cancel=true")).await.status, 200);
    }
    let shown = fixture.get(&path).await.body;
    assert_eq!((&shown["state"], &shown["cancel"]["requestedBy"]), (&json!("RUNNING"), &json!("me")), "{shown}");
    assert_eq!(cancel(&fixture, &path).await.body["answer"], "ALREADY_REQUESTED");
    assert_eq!(selected(&fixture).await, "1");
    fixture.finish(&claimed, Ending::Cancelled, Progress::default()).await;
    for got in [fixture.get(&path).await, cancel(&fixture, &path).await, fixture.delete(&path).await] {
        assert_eq!(got.error(), MISSING);
    }
    assert_eq!((fixture.get(NATIVE).await.body, counts(&fixture).await), (json!({"operations": []}), json!([])));
    // What has ended is deleted as it is.
    let path = fixture.steps().await;
    let claimed = fixture.claim(kinds::demo_steps::KIND).await;
    fixture.finish(&claimed, Ending::Succeeded(json!({})), Progress::default()).await;
    assert_eq!(fixture.delete(&format!("{path}?cancel=true")).await.status, 200);
    assert_eq!(fixture.get(&path).await.error(), MISSING);
    let nobody = format!("{NATIVE}/{}?cancel=true", runtime::clock::new_operation_id());
    assert_eq!(fixture.delete(&nobody).await.error(), MISSING);
}

/// A cancel needs its scope, whatever method asks for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_with_cancel_needs_both_scopes() {
    let corp = TestIssuer::start("corp", &[rsa()]).await;
    let fixture = Fixture::with_issuers(&[&corp]).await;
    let path = fixture.steps().await;
    let delete = async |scopes: &str| {
        let mut claims = corp.claims();
        claims["scope"] = scopes.into();
        answer(fixture.bare("DELETE", &format!("{path}?cancel=true")).bearer_auth(sign(&rsa(), &claims))).await
    };
    for lacking in ["operations.delete", "operations.cancel"] {
        let got = delete(lacking).await;
        assert_eq!(got.error(), (403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "{lacking}");
        assert_eq!(fixture.get(&path).await.body["state"], "PENDING");
    }
    assert_eq!(delete("operations.delete operations.cancel").await.status, 200);
    assert_eq!(fixture.get(&path).await.error(), MISSING);
}

/// The vendor's delete hides and does not cancel; the work stays within reach until it has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_export_that_was_deleted_can_still_be_cancelled() {
    let fixture = Fixture::new().await;
    let name = fixture.export().await["name"].as_str().expect("a name").to_owned();
    let claimed = fixture.claim(kinds::postgres_export::KIND).await;
    let path = format!("/v1/{name}");
    assert_eq!(fixture.delete(&path).await.status, 200);
    assert_eq!(fixture.get(&path).await.error(), MISSING);
    assert_eq!(fixture.get(&format!("{LOCATION}/operations")).await.body, json!({"operations": []}));
    assert_eq!(selected(&fixture).await, "1");
    let running = json!([{"kind": "postgres.export", "state": "RUNNING", "count": "1"}]);
    assert_eq!(counts(&fixture).await, running);
    for _ in 0..2 {
        let cancelled = cancel(&fixture, &path).await;
        assert_eq!((cancelled.status, cancelled.body), (200, json!({})));
    }
    // Our own API reaches it too, and shows in its answer what it has reached.
    let native = format!("{NATIVE}/{}", claimed.fence.id);
    let again = cancel(&fixture, &native).await;
    assert_eq!(
        (&again.body["answer"], &again.body["operation"]["state"]),
        (&json!("ALREADY_REQUESTED"), &json!("RUNNING"))
    );
    assert_eq!(fixture.get(&native).await.error(), MISSING);
    for verb in ["pause", "resume", "retry", "wait"] {
        assert_eq!(fixture.post(&format!("{native}:{verb}"), &json!({})).await.error(), MISSING, "{verb}");
    }
    fixture.finish(&claimed, Ending::Cancelled, Progress::default()).await;
    assert_eq!(cancel(&fixture, &path).await.error(), MISSING);
    assert_eq!((selected(&fixture).await, counts(&fixture).await), (json!("0"), json!([])));
}

/// A run that an earlier version let its user delete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_transfer_that_was_deleted_can_still_be_cancelled() {
    let fixture = Fixture::new().await;
    fixture.post("/v1/transferJobs", &transfer_job("transferJobs/one")).await;
    let path = format!("/v1/{}", fixture.run_transfer("transferJobs/one").await["name"].as_str().expect("a name"));
    let claimed = fixture.claim(kinds::storage_transfer::KIND).await;
    fixture.hide(&claimed).await;
    for verb in ["pause", "resume"] {
        assert_eq!(fixture.post(&format!("{path}:{verb}"), &json!({})).await.error(), MISSING, "{verb}");
    }
    assert_eq!(fixture.get(&path).await.error(), MISSING);
    let cancelled = cancel(&fixture, &path).await;
    assert_eq!((cancelled.status, cancelled.body), (200, json!({})));
    fixture.finish(&claimed, Ending::Cancelled, Progress::default()).await;
    assert_eq!(cancel(&fixture, &path).await.error(), MISSING);
}

/// Deleting a job takes nothing from its run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_of_a_deleted_transfer_job_is_shown_and_can_be_cancelled() {
    let fixture = Fixture::new().await;
    fixture.post("/v1/transferJobs", &transfer_job("transferJobs/one")).await;
    let path = format!("/v1/{}", fixture.run_transfer("transferJobs/one").await["name"].as_str().expect("a name"));
    let claimed = fixture.claim(kinds::storage_transfer::KIND).await;
    assert_eq!(fixture.delete("/v1/transferJobs/one?projectId=mine").await.status, 200);
    assert_eq!(fixture.get(&path).await.body["done"], false);
    assert_eq!(cancel(&fixture, &path).await.status, 200);
    fixture.finish(&claimed, Ending::Cancelled, Progress::default()).await;
    assert_eq!(fixture.get(&path).await.body["metadata"]["status"], "ABORTED");
}
