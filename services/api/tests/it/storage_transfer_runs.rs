//! Runs of Storage Transfer's jobs, field for field.

use crate::fixture::{Fixture, NATIVE, THEIRS, answer, transfer_job};
use operation::{Code, Failure, Progress};
use serde_json::{Value, json};
use std::time::Duration;
use store::{Claimed, Ending, Position};

const ONE: &str = "transferJobs/one";
const MISSING: (u16, &str, &str) = (404, "NOT_FOUND", "OPERATION_NOT_FOUND");

/// With a job `one`.
async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.post("/v1/transferJobs", &transfer_job(ONE)).await.status, 200);
    fixture
}

fn name(operation: &Value) -> String {
    operation["name"].as_str().expect("a name").to_owned()
}

async fn status(fixture: &Fixture, name: &str) -> String {
    let operation = fixture.get(&format!("/v1/{name}")).await;
    operation.body["metadata"]["status"].as_str().unwrap_or_else(|| panic!("{operation:?}")).to_owned()
}

async fn finish(fixture: &Fixture, claimed: &Claimed, ending: Ending) {
    fixture.finish(claimed, ending, Progress::default()).await;
}

fn failed() -> Ending {
    let failure = Failure::fatal(Code::NotFound, "3 of 7 objects were not transferred");
    Ending::Failed { failure, delay: Duration::ZERO }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_shown_field_for_field_from_its_start_to_its_end() {
    let fixture = fixture().await;
    let created = fixture.run_transfer(ONE).await;
    let name = name(&created);
    assert!(name.starts_with("transferOperations/transferJobs-one-"), "{name}");
    let expected = |status: &str| {
        json!({
            "name": name,
            "done": false,
            "metadata": {
                "@type": "type.googleapis.com/google.storagetransfer.v1.TransferOperation",
                "name": name,
                "projectId": "mine",
                "transferSpec": transfer_job(ONE)["transferSpec"],
                "status": status,
                "counters": {},
                "transferJobName": ONE,
            },
        })
    };
    assert_eq!(created, expected("QUEUED"));
    let job = fixture.get("/v1/transferJobs/one?projectId=mine").await.body;
    assert_eq!(job["latestOperationName"], name);

    let path = format!("/v1/{name}");
    let claimed = fixture.claim(kinds::storage_transfer::KIND).await;
    let checkpoint = json!({
        "cursor": "a/4",
        "counters": {"objectsFoundFromSource": 7, "objectsCopiedToSink": 4, "bytesCopiedToSink": 4096},
        "errors": [{"code": "NOT_FOUND", "count": 1, "examples": [{"url": "gs://exports/a/3", "details": "it is gone"}]}],
    });
    let position = Position {
        fence: claimed.fence,
        progress: Progress::default(),
        checkpoint: Some(checkpoint),
        items_per_second: None,
        safe_point: None,
    };
    fixture.store.checkpoint(&[position]).await.expect("stored");
    let mut running = expected("IN_PROGRESS");
    let seen = fixture.get(&path).await.body;
    running["metadata"]["startTime"] = seen["metadata"]["startTime"].clone();
    running["metadata"]["counters"] =
        json!({"objectsFoundFromSource": "7", "objectsCopiedToSink": "4", "bytesCopiedToSink": "4096"});
    running["metadata"]["errorBreakdowns"] = json!([{
        "errorCode": "NOT_FOUND", "errorCount": "1",
        "errorLogEntries": [{"url": "gs://exports/a/3", "errorDetails": ["it is gone"]}],
    }]);
    assert_eq!(seen, running);

    finish(&fixture, &claimed, Ending::Succeeded(json!({"objectsCopied": "4"}))).await;
    let done = fixture.get(&path).await.body;
    running["done"] = json!(true);
    running["metadata"]["status"] = json!("SUCCESS");
    running["metadata"]["endTime"] = done["metadata"]["endTime"].clone();
    running["response"] = json!({"@type": "type.googleapis.com/google.protobuf.Empty"});
    assert_eq!(done, running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_has_one_run_at_a_time() {
    let fixture = fixture().await;
    let first = name(&fixture.run_transfer(ONE).await);
    let run = async || fixture.post("/v1/transferJobs/one:run", &json!({"projectId": "mine"})).await;
    let refused = async || {
        let refused = run().await;
        assert_eq!(refused.error(), (409, "ABORTED", "TRANSFER_JOB_ACTIVE"));
        assert_eq!(refused.body["error"]["details"][0]["metadata"]["operation"], first);
        assert!(refused.message().contains(&first), "{}", refused.message());
    };
    refused().await;
    // Nor is it run while its run is paused, or is hidden from its user.
    assert_eq!(fixture.post(&format!("/v1/{first}:pause"), &json!({})).await.body, json!({}));
    refused().await;
    fixture.post(&format!("/v1/{first}:resume"), &json!({})).await;
    let claimed = fixture.claim(kinds::storage_transfer::KIND).await;
    fixture.hide(&claimed).await;
    assert_eq!(fixture.get(&format!("/v1/{first}")).await.error(), MISSING);
    refused().await;
    finish(&fixture, &claimed, failed()).await;
    assert_eq!(run().await.status, 200);
    // In the vendor's form of a body and of a path, and not in others.
    for (path, body, expected) in [
        ("/v1/transferJobs/one%3Arun", json!({"projectId": "mine", "jobName": ONE}), 409),
        ("/v1/transferJobs/one:run?alt=json&%24alt=json%3Benum-encoding%3Dint", json!({"project_id": "mine"}), 409),
        ("/v1/transferJobs/one:run", json!({"projectId": "mine", "jobName": "transferJobs/two"}), 400),
        ("/v1/transferJobs/one:run", json!({"projectId": "mine", "x": 1}), 400),
        ("/v1/transferJobs/one:run", json!({}), 400),
        ("/v1/transferJobs/none:run", json!({"projectId": "mine"}), 404),
    ] {
        let got = fixture.post(path, &body).await;
        assert_eq!(got.status, expected, "{path} {body}: {got:?}");
    }
    assert_eq!(fixture.count().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_who_run_a_job_at_once_one_does() {
    let fixture = fixture().await;
    let body = json!({"projectId": "mine"});
    let runs = (0..20).map(|_| fixture.post("/v1/transferJobs/one:run", &body));
    let answers = futures_util::future::join_all(runs).await;
    let (ran, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(ran.len(), 1);
    for refused in refused {
        assert_eq!(refused.error(), (409, "ABORTED", "TRANSFER_JOB_ACTIVE"));
        assert_eq!(refused.body["error"]["details"][0]["metadata"]["operation"], ran[0].body["name"]);
    }
    assert_eq!(fixture.count().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_change_a_job_at_once_none_undoes_what_another_did() {
    let fixture = fixture().await;
    for round in 0..10 {
        let topic = format!("projects/mine/topics/round-{round}");
        let patches = [
            json!({"description": round.to_string()}),
            json!({"status": if round % 2 == 0 { "DISABLED" } else { "ENABLED" }}),
            json!({"notificationConfig": {"pubsubTopic": topic, "payloadFormat": "JSON"}}),
        ];
        let patches = patches.map(|job| {
            let fixture = &fixture;
            let body = json!({"projectId": "mine", "transferJob": job});
            async move { fixture.patch("/v1/transferJobs/one", &body).await.status }
        });
        assert_eq!(futures_util::future::join_all(patches).await, [200; 3]);
        let job = fixture.get("/v1/transferJobs/one?projectId=mine").await.body;
        assert_eq!(job["description"], round.to_string(), "{job}");
        assert_eq!(job["status"], if round % 2 == 0 { "DISABLED" } else { "ENABLED" }, "{job}");
        assert_eq!(job["notificationConfig"]["pubsubTopic"], topic, "{job}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_job_runs_when_somebody_asks() {
    let fixture = Fixture::new().await;
    fixture.transfer_job(ONE, "status", json!("DISABLED")).await;
    fixture.run_transfer(ONE).await;
    assert_eq!(fixture.count().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_pauses_resumes_and_is_cancelled_as_its_status_allows() {
    let fixture = fixture().await;
    let name = name(&fixture.run_transfer(ONE).await);
    let ask = async |verb: &str| fixture.post(&format!("/v1/{name}:{verb}"), &json!({})).await;
    let goes = async |verb: &str, then: &str| {
        let answer = ask(verb).await;
        assert_eq!((answer.status, answer.body), (200, json!({})), "{verb}");
        assert_eq!(status(&fixture, &name).await, then, "{verb}");
    };
    let refused = async |verb: &str| {
        let before = status(&fixture, &name).await;
        let answer = ask(verb).await;
        assert_eq!(answer.error(), (400, "FAILED_PRECONDITION", "OPERATION_IN_OTHER_STATE"), "{verb}");
        assert_eq!(answer.body["error"]["details"][0]["metadata"]["status"], before);
        assert_eq!(status(&fixture, &name).await, before);
    };
    refused("resume").await;
    goes("pause", "PAUSED").await;
    refused("pause").await;
    goes("resume", "QUEUED").await;
    let claimed = fixture.claim(kinds::storage_transfer::KIND).await;
    refused("resume").await;
    goes("pause", "SUSPENDING").await;
    goes("pause", "SUSPENDING").await;
    goes("resume", "IN_PROGRESS").await;
    goes("pause", "SUSPENDING").await;
    finish(&fixture, &claimed, Ending::Paused).await;
    assert_eq!(status(&fixture, &name).await, "PAUSED");
    goes("resume", "QUEUED").await;
    let claimed = fixture.claim(kinds::storage_transfer::KIND).await;
    goes("cancel", "IN_PROGRESS").await;
    finish(&fixture, &claimed, Ending::Cancelled).await;
    let ended = fixture.get(&format!("/v1/{name}")).await.body;
    assert_eq!((&ended["done"], &ended["error"]["code"]), (&json!(true), &json!(1)));
    assert_eq!(ended["error"].as_object().map(serde_json::Map::len), Some(2), "{ended}");
    // A cancel of what has ended does nothing, and the job is as it was.
    goes("cancel", "ABORTED").await;
    refused("pause").await;
    refused("resume").await;
    assert_eq!(fixture.get(&format!("/v1/{name}")).await.body, ended);
    assert_eq!(fixture.get("/v1/transferJobs/one?projectId=mine").await.body["status"], "ENABLED");
    fixture.run_transfer(ONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verbs_take_every_body_that_clients_send_and_no_other() {
    let fixture = fixture().await;
    let name = name(&fixture.run_transfer(ONE).await);
    let cancel = |verb: &str| fixture.request("POST", &format!("/v1/{name}{verb}"));
    for (what, request) in [
        ("no body", cancel(":cancel")),
        ("an empty one with a type", cancel(":cancel").header("content-type", "application/json").body("")),
        ("an empty object", cancel(":cancel").json(&json!({}))),
        ("the name", cancel(":cancel").json(&json!({"name": name}))),
        ("an encoded colon", cancel("%3Acancel").body("{}")),
    ] {
        let answer = answer(request).await;
        assert_eq!((answer.status, answer.body), (200, json!({})), "{what}");
    }
    for verb in [":cancel", ":pause", ":resume"] {
        for body in [json!({"name": "transferOperations/x"}), json!({"reason": "x"}), json!([])] {
            let got = fixture.post(&format!("/v1/{name}{verb}"), &body).await;
            assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{verb} {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_vendor_has_not_either_says_so() {
    let fixture = fixture().await;
    let name = name(&fixture.run_transfer(ONE).await);
    let not_implemented = (501, "UNIMPLEMENTED", "METHOD_NOT_IMPLEMENTED");
    assert_eq!(fixture.delete(&format!("/v1/{name}")).await.error(), not_implemented);
    assert_eq!(fixture.post(&format!("/v1/{name}:wait"), &json!({})).await.error(), not_implemented);
    assert_eq!(fixture.get(&format!("/v1/{name}")).await.status, 200);
    // Its own way to try again is to run the job: a retry would be a second run beside it.
    let id = name.rsplit_once("one-").expect("an id").1;
    fixture.post(&format!("/v1/{name}:cancel"), &json!({})).await;
    let retried = fixture.post(&format!("{NATIVE}/{id}:retry"), &json!({})).await;
    assert_eq!(retried.error(), (400, "FAILED_PRECONDITION", "OPERATION_NOT_RETRYABLE"));
    assert_eq!(fixture.count().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_found_under_its_own_name_and_by_its_own_project_only() {
    let fixture = fixture().await;
    let name = name(&fixture.run_transfer(ONE).await);
    let id = name.rsplit_once("one-").expect("an id").1;
    let native = fixture.steps().await;
    let native = native.rsplit('/').next().expect("an id");
    let nobodys = "transferOperations/transferJobs-one-0193a5a0-0000-7000-8000-000000000001";
    let message = |name: &str| format!("Operation {name} not found");
    for wrong in [
        nobodys.to_owned(),
        format!("transferOperations/transferJobs-two-{id}"),
        format!("transferOperations/transferJobs-one-{native}"),
        format!("transferOperations/{id}"),
        format!("transferOperations/transferJobs-one-{}", id.to_uppercase()),
        format!("transferOperations/transferJobs-one-{id}/x"),
        "transferOperations/".to_owned(),
    ] {
        let got = fixture.get(&format!("/v1/{wrong}")).await;
        assert_eq!((got.error(), got.message()), (MISSING, message(&wrong).as_str()));
        let got = fixture.post(&format!("/v1/{wrong}:cancel"), &json!({})).await;
        assert_eq!(got.error(), MISSING, "{wrong}");
    }
    // Who may not act in its project is told what anybody is told of one that is not there.
    for (method, verb) in [("GET", ""), ("POST", ":cancel"), ("POST", ":pause"), ("POST", ":resume")] {
        for name in [name.as_str(), nobodys] {
            let got =
                answer(fixture.bare(method, &format!("/v1/{name}{verb}")).bearer_auth(THEIRS).body("{ not json")).await;
            assert_eq!((got.error(), got.message()), (MISSING, message(name).as_str()), "{method} {verb}");
        }
    }
    assert_eq!(status(&fixture, &name).await, "QUEUED", "nothing was changed");
    let theirs = "/v1/transferOperations?filter=%7B%22projectId%22%3A%22theirs%22%7D";
    assert_eq!(answer(fixture.bare("GET", theirs).bearer_auth(THEIRS)).await.body, json!({"operations": []}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_listed_by_every_key_newest_first() {
    let fixture = Fixture::new().await;
    let mut runs = Vec::new();
    for job in ["transferJobs/one", "transferJobs/two", "transferJobs/three"] {
        fixture.post("/v1/transferJobs", &transfer_job(job)).await;
        runs.push(fixture.run_transfer(job).await);
    }
    let claimed = fixture.claim(kinds::storage_transfer::KIND).await;
    finish(&fixture, &claimed, failed()).await;
    runs.push(fixture.run_transfer("transferJobs/one").await);
    let [first, second, third, again] = [0, 1, 2, 3].map(|index| name(&runs[index]));
    fixture.post(&format!("/v1/{second}:cancel"), &json!({})).await;
    fixture.post(&format!("/v1/{third}:pause"), &json!({})).await;
    // What is none of Storage Transfer's is not shown.
    fixture.export().await;
    let created = async |name: &str| {
        let id = &name[name.len() - 36..];
        fixture.get(&format!("{NATIVE}/{id}")).await.body["createTime"].as_str().expect("a time").to_owned()
    };
    let check = async |filter: Value, expected: &[&str]| {
        let page = fixture.list_transfers("transferOperations", &filter, "").await;
        assert_eq!(page.status, 200, "{filter}: {page:?}");
        let operations = page.body["operations"].as_array().expect("operations");
        let names: Vec<_> = operations.iter().map(|operation| operation["name"].as_str().expect("a name")).collect();
        assert_eq!(names, expected, "{filter}");
    };
    let (first, second, third, again) = (first.as_str(), second.as_str(), third.as_str(), again.as_str());
    check(json!({}), &[again, third, second, first]).await;
    check(json!({"jobNames": ["transferJobs/one"]}), &[again, first]).await;
    check(json!({"job_names": ["three", "one"]}), &[again, third, first]).await;
    check(json!({"jobNamePattern": "transferJobs/t*"}), &[third, second]).await;
    check(json!({"operationNames": [first, third]}), &[third, first]).await;
    check(json!({"operation_names": [second], "jobNames": ["one"]}), &[]).await;
    check(json!({"operationNamePattern": "transferOperations/transferJobs-one-*"}), &[again, first]).await;
    check(json!({"transferStatuses": ["queued"]}), &[again]).await;
    check(json!({"transfer_statuses": ["PAUSED", "Failed"]}), &[third, first]).await;
    check(json!({"transferStatuses": ["ABORTED"]}), &[second]).await;
    check(json!({"transferStatuses": ["SUCCESS", "IN_PROGRESS", "SUSPENDING"]}), &[]).await;
    check(json!({"minCreationTime": created(third).await}), &[again, third]).await;
    check(json!({"max_creation_time": created(second).await}), &[second, first]).await;
    check(json!({"minCreationTime": created(second).await, "maxCreationTime": created(third).await}), &[third, second])
        .await;
    let claimed = fixture.claim(kinds::storage_transfer::KIND).await;
    check(json!({"transferStatuses": ["IN_PROGRESS"]}), &[again]).await;
    fixture.post(&format!("/v1/{again}:pause"), &json!({})).await;
    check(json!({"transferStatuses": ["IN_PROGRESS"]}), &[]).await;
    check(json!({"transferStatuses": ["SUSPENDING"]}), &[again]).await;
    finish(&fixture, &claimed, Ending::Paused).await;

    for filter in [json!({}), json!({"jobNames": ["one", "two", "three"]}), json!({"jobNamePattern": "*"})] {
        let (mut walked, mut token) = (Vec::new(), String::new());
        loop {
            let page =
                fixture.list_transfers("transferOperations", &filter, &format!("&pageSize=1&pageToken={token}")).await;
            walked.extend(page.body["operations"].as_array().expect("operations").iter().map(name));
            match page.body["nextPageToken"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => break,
            }
        }
        assert_eq!(walked, [again, third, second, first], "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_that_are_wrong_name_the_key() {
    let fixture = Fixture::new().await;
    let invalid = (400, "INVALID_ARGUMENT", "INVALID_FIELD");
    let check = async |filter: Value, more: &str, field: &str| {
        let got = fixture.list_transfers("transferOperations", &filter, more).await;
        assert_eq!(got.error(), invalid, "{filter}");
        assert_eq!(got.body["error"]["details"][1]["fieldViolations"][0]["field"], field, "{filter}");
    };
    check(json!({"state": "x"}), "", "filter.state").await;
    check(json!({"jobNames": "x"}), "", "filter.jobNames").await;
    check(json!({"projectId": null}), "", "filter.projectId").await;
    check(json!({"projectId": ["mine"]}), "", "filter.projectId").await;
    check(json!({"transferStatuses": ["DONE"]}), "", "filter.transferStatuses[0]").await;
    check(json!({}), "&pageSize=x", "pageSize").await;
    check(json!({}), "&pageToken=x", "pageToken").await;
    for query in ["", "filter=", "filter=x", "filter=%5B%5D", "filter=done%3Dtrue"] {
        let got = fixture.get(&format!("/v1/transferOperations?{query}")).await;
        assert_eq!(got.error(), invalid, "{query}");
        assert_eq!(got.body["error"]["details"][1]["fieldViolations"][0]["field"], "filter", "{query}");
    }
    let whole = fixture.list_transfers("transferOperations", &json!({}), "&pageSize=100000").await;
    assert_eq!(whole.body, json!({"operations": []}), "too much is coerced");
    let partial = fixture.list_transfers("transferOperations", &json!({}), "&returnPartialSuccess=true").await;
    assert_eq!(partial.error(), (501, "UNIMPLEMENTED", "PARTIAL_SUCCESS_NOT_IMPLEMENTED"));
}

/// As Google's discovery client walks a list whose URI is too long: the token of the next page stands in the URI, the rest in
/// the form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_asked_for_by_a_form_has_pages() {
    let fixture = fixture().await;
    fixture.post("/v1/transferJobs", &transfer_job("transferJobs/two")).await;
    let runs = [name(&fixture.run_transfer("transferJobs/two").await), name(&fixture.run_transfer(ONE).await)];
    let mut token = String::new();
    for run in runs.iter().rev() {
        let request = fixture.request("POST", &format!("/v1/transferOperations?pageToken={token}"));
        let request = request.header("x-http-method-override", "GET");
        let form = "filter=%7B%22projectId%22%3A%22mine%22%7D&pageSize=1";
        let page = answer(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await.body;
        assert_eq!(page["operations"][0]["name"], *run, "{page}");
        token = page["nextPageToken"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(token, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_native_api_shows_a_run_with_all_that_is_known() {
    let fixture = fixture().await;
    let name = name(&fixture.run_transfer(ONE).await);
    let shown = fixture.get(&format!("{NATIVE}/{}", &name[name.len() - 36..])).await.body;
    assert_eq!((&shown["kind"], &shown["target"]), (&json!("storage.transfer"), &json!(ONE)));
    assert_eq!(shown["progress"]["unit"], "objects");
    assert_eq!(shown["spec"]["source"], json!({"bucket": {"bucket": "exports", "path": "a/"}}));
    assert_eq!(shown["spec"]["job"], ONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_native_api_transfers_without_a_job() {
    let fixture = Fixture::new().await;
    let spec = |member: &str, value: Value| {
        let mut spec = json!({
            "source": {"bucket": {"bucket": "exports", "path": "a/"}},
            "sink": {"bucket": {"bucket": "sink"}},
            "conditions": {"includePrefixes": ["x"], "minTimeElapsed": "1.500s", "modifiedSince": "2026-01-02T03:04:05Z"},
            "options": {"overwriteWhen": "NEVER", "delete": "fromSourceAfterTransfer"},
        });
        spec[member] = value;
        json!({"kind": "storage.transfer", "spec": spec})
    };
    let whole = spec("sink", json!({"folder": "/data/b/"}));
    let created = fixture.post(NATIVE, &whole).await;
    assert_eq!(created.status, 200, "{created:?}");
    let mut expected = whole["spec"].clone();
    expected["kind"] = json!("storage.transfer");
    expected["sink"] = json!({"folder": "/data/b"});
    expected["conditions"]["minTimeElapsed"] = json!("1.500000000s");
    assert_eq!((&created.body["spec"], &created.body["target"]), (&expected, &json!("/data/b")));
    assert!(fixture.list_transfers("transferOperations", &json!({}), "").await.body["operations"] == json!([]));
    for (member, value, field) in [
        ("source", Value::Null, "spec.source"),
        ("source", json!({"folder": "/data/a", "httpList": "https://x/"}), "spec.source.httpList"),
        ("source", json!({"bucket": {"bucket": "nobodys"}}), "spec.source.bucket.bucket"),
        ("source", json!({"s3": {"bucket": "exports"}}), "spec.source.s3.bucket"),
        ("source", json!({"bucket": {"bucket": "sink"}}), "spec.sink"),
        ("sink", json!({"folder": "/etc"}), "spec.sink.folder"),
        ("sink", json!({"bucket": {"bucket": "sink", "path": "a"}}), "spec.sink.bucket.path"),
        ("conditions", json!({"excludePrefixes": ["/a"]}), "spec.conditions.excludePrefixes[0]"),
        ("conditions", json!({"maxTimeElapsed": "1h"}), "spec.conditions.maxTimeElapsed"),
        ("options", json!({"delete": "all"}), "spec.options.delete"),
        ("job", json!("transferJobs/one"), "spec.job"),
        ("notification", json!({}), "spec.notification"),
    ] {
        let got = fixture.post(NATIVE, &spec(member, value.clone())).await;
        assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"), "{member} {value}");
        let violations = got.body["error"]["details"][1]["fieldViolations"].as_array().expect("violations");
        assert!(violations.iter().any(|violation| violation["field"] == field), "{member} {value}: {got:?}");
    }
    let timed = spec("options", json!({"delete": "uniqueInSink"}));
    assert!(
        fixture
            .post(NATIVE, &timed)
            .await
            .message()
            .contains("spec.options.delete: does not go with conditions on times")
    );
    assert_eq!(fixture.count().await, 1);
}
