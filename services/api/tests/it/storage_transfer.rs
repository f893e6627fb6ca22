//! Storage Transfer's jobs, field for field.

use crate::fixture::{Answer, Fixture, THEIRS, answer, transfer_job};
use serde_json::{Value, json};

const ONE: &str = "transferJobs/one";
const PATH: &str = "/v1/transferJobs/one?projectId=mine";
const INVALID: (u16, &str, &str) = (400, "INVALID_ARGUMENT", "INVALID_FIELD");

fn names(page: &Answer) -> Vec<&str> {
    assert_eq!(page.status, 200, "{page:?}");
    let jobs = page.body["transferJobs"].as_array().expect("jobs");
    jobs.iter().map(|job| job["name"].as_str().expect("a name")).collect()
}

fn patch(job: &Value, mask: &str) -> Value {
    json!({"projectId": "mine", "transferJob": job, "updateTransferJobFieldMask": mask})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_shown_as_it_was_made() {
    let fixture = Fixture::new().await;
    let mut body = transfer_job(ONE);
    body["description"] = json!("words");
    body["schedule"] = json!({"scheduleStartDate": {"year": 2099, "month": 2, "day": 28}, "repeatInterval": "7200s"});
    body["notificationConfig"] = json!({"pubsubTopic": "projects/mine/topics/ends", "payloadFormat": "JSON"});
    let made = fixture.post("/v1/transferJobs", &body).await;
    assert_eq!(made.status, 200, "{made:?}");
    for time in ["creationTime", "lastModificationTime"] {
        body[time] = made.body[time].clone();
        assert!(body[time].as_str().is_some_and(|time| time.ends_with('Z')), "{made:?}");
    }
    assert_eq!(made.body, body);
    assert_eq!(fixture.get(PATH).await.body, body);
    // As Google's two clients write it: with the words of the enums as numbers, and with a name of the service's own.
    let other = fixture
        .post(
            "/v1/transferJobs?%24alt=json%3Benum-encoding%3Dint",
            &json!({
                "project_id": "mine",
                "status": 2,
                "transfer_spec": {
                    "posix_data_source": {"root_directory": "/data/a"},
                    "posix_data_sink": {"root_directory": "/data/b"},
                    "transfer_options": {"overwrite_when": 1},
                },
            }),
        )
        .await;
    assert_eq!(other.body["status"], "DISABLED", "{other:?}");
    assert_eq!(other.body["transferSpec"]["transferOptions"], json!({"overwriteWhen": "DIFFERENT"}));
    let name = other.body["name"].as_str().expect("a name");
    let number = name.strip_prefix("transferJobs/OPI").expect("a job of folders");
    assert!(!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
    assert_eq!(fixture.get(&format!("/v1/{name}?projectId=mine")).await.body, other.body);
    let buckets = fixture.transfer_job("", "description", Value::Null).await;
    let name = buckets.body["name"].as_str().expect("a name");
    assert!(name.bytes().skip("transferJobs/".len()).all(|byte| byte.is_ascii_digit()), "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_taken_once_even_by_a_deleted_job() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.post("/v1/transferJobs", &transfer_job(ONE)).await.status, 200);
    let taken = fixture.post("/v1/transferJobs", &transfer_job(ONE)).await;
    assert_eq!(taken.error(), (409, "ALREADY_EXISTS", "TRANSFER_JOB_EXISTS"));
    assert_eq!(taken.body["error"]["details"][0]["metadata"]["transferJob"], ONE);
    assert_eq!(fixture.delete(PATH).await.status, 200);
    let taken = fixture.post("/v1/transferJobs", &transfer_job(ONE)).await;
    assert_eq!(taken.error(), (409, "ALREADY_EXISTS", "TRANSFER_JOB_EXISTS"));
    // Names are each project's own.
    let mut theirs = transfer_job(ONE);
    theirs["projectId"] = json!("theirs");
    theirs["transferSpec"]["gcsDataSource"]["bucketName"] = json!("secret-exports");
    let made = answer(fixture.bare("POST", "/v1/transferJobs").bearer_auth(THEIRS).json(&theirs)).await;
    assert_eq!(made.body["projectId"], "theirs", "{made:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_changes_what_its_mask_names() {
    let fixture = Fixture::new().await;
    let made = fixture.transfer_job(ONE, "description", json!("old")).await.body;
    let patched =
        fixture.patch(PATH, &patch(&json!({"description": "new", "status": "DISABLED"}), "description")).await;
    assert_eq!(patched.status, 200, "{patched:?}");
    let mut expected = made.clone();
    expected["description"] = json!("new");
    expected["lastModificationTime"] = patched.body["lastModificationTime"].clone();
    assert_eq!(patched.body, expected);
    assert_ne!(patched.body["lastModificationTime"], made["lastModificationTime"]);
    assert_eq!(fixture.get(PATH).await.body, expected);
    // A job as it was read, sent back; in the form of either client.
    let mut whole = expected.clone();
    whole["status"] = json!(2);
    whole["transferSpec"]["objectConditions"] = json!({"includePrefixes": ["x"]});
    let patched = fixture.patch(PATH, &patch(&whole, "status,transfer_spec")).await;
    assert_eq!(patched.body["status"], "DISABLED", "{patched:?}");
    assert_eq!(patched.body["transferSpec"]["objectConditions"], json!({"includePrefixes": ["x"]}));
    for (body, field) in [
        (patch(&json!({}), "schedule"), "updateTransferJobFieldMask"),
        (patch(&json!({"transferSpec": {}}), "transferSpec"), "transferJob.transferSpec.gcsDataSource"),
        (patch(&json!({"name": "transferJobs/two"}), "description"), "transferJob.name"),
        (json!({"projectId": "mine"}), "transferJob"),
        (json!({"transferJob": {}}), "projectId"),
        (json!({"projectId": "mine", "transferJob": {}, "mask": "x"}), "mask"),
    ] {
        let got = fixture.patch(PATH, &body).await;
        assert_eq!(got.error(), INVALID, "{body}");
        assert!(got.message().contains(&format!("{field}: ")), "{body}: {}", got.message());
    }
    let missing = fixture.patch("/v1/transferJobs/none", &patch(&json!({}), "description")).await;
    assert_eq!(missing.error(), (404, "NOT_FOUND", "TRANSFER_JOB_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_job_is_shown_to_who_asks_and_never_changes_again() {
    let fixture = Fixture::new().await;
    fixture.post("/v1/transferJobs", &transfer_job(ONE)).await;
    fixture.post("/v1/transferJobs", &transfer_job("transferJobs/two")).await;
    for _ in 0..2 {
        let deleted = fixture.delete(PATH).await;
        assert_eq!((deleted.status, deleted.body), (200, json!({})));
    }
    let shown = fixture.get(PATH).await.body;
    assert_eq!(shown["status"], "DELETED");
    assert!(shown["deletionTime"].is_string(), "{shown}");
    // By a patch as well.
    let by_patch = fixture.patch("/v1/transferJobs/two", &patch(&json!({"status": "DELETED"}), "status")).await;
    assert_eq!(by_patch.body["status"], "DELETED", "{by_patch:?}");
    let deleted = (400, "FAILED_PRECONDITION", "TRANSFER_JOB_DELETED");
    assert_eq!(fixture.patch(PATH, &patch(&json!({}), "description")).await.error(), deleted);
    assert_eq!(fixture.patch(PATH, &patch(&json!({"status": "ENABLED"}), "status")).await.error(), deleted);
    assert_eq!(fixture.post("/v1/transferJobs/one:run", &json!({"projectId": "mine"})).await.error(), deleted);
    assert_eq!(fixture.get(PATH).await.body, shown);
    assert_eq!(fixture.count().await, 0);
    assert!(names(&fixture.list_transfers("transferJobs", &json!({}), "").await).is_empty());
    let all = fixture.list_transfers("transferJobs", &json!({"jobStatuses": ["deleted"]}), "").await;
    assert_eq!(names(&all), [ONE, "transferJobs/two"]);
    let missing = fixture.delete("/v1/transferJobs/none?projectId=mine").await;
    assert_eq!(missing.error(), (404, "NOT_FOUND", "TRANSFER_JOB_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_listed_by_every_key_and_page_by_page() {
    let fixture = Fixture::new().await;
    for (name, source, status) in [
        ("c", "exports", "ENABLED"),
        ("a", "exports", "DISABLED"),
        ("b", "sink", "ENABLED"),
        ("d", "exports", "ENABLED"),
    ] {
        let mut body = transfer_job(&format!("transferJobs/{name}"));
        body["status"] = json!(status);
        body["transferSpec"]["gcsDataSource"]["bucketName"] = json!(source);
        body["transferSpec"]["gcsDataSink"]["bucketName"] = json!(if source == "sink" { "exports" } else { "sink" });
        assert_eq!(fixture.post("/v1/transferJobs", &body).await.status, 200);
    }
    fixture.delete("/v1/transferJobs/d?projectId=mine").await;
    let check = async |filter: Value, expected: &[&str]| {
        let page = fixture.list_transfers("transferJobs", &filter, "").await;
        let found: Vec<_> = names(&page).iter().map(|name| name.replace("transferJobs/", "")).collect();
        assert_eq!(found, expected, "{filter}");
    };
    check(json!({}), &["a", "b", "c"]).await;
    check(json!({"jobNames": ["transferJobs/c", "a", "transferJobs/nobodys"]}), &["a", "c"]).await;
    check(json!({"job_names": ["d"], "job_statuses": ["DELETED", "enabled"]}), &["d"]).await;
    check(json!({"jobStatuses": ["disabled"]}), &["a"]).await;
    check(json!({"sourceBucket": "sink"}), &["b"]).await;
    check(json!({"sinkBucket": "sink", "jobStatuses": ["ENABLED", "DISABLED", "DELETED"]}), &["a", "c", "d"]).await;
    check(json!({"dataBackend": "QUERY_REPLICATION_CONFIGS"}), &[]).await;
    for filter in [json!({}), json!({"sinkBucket": "sink"})] {
        let (mut walked, mut token) = (Vec::new(), String::new());
        loop {
            let page = fixture.list_transfers("transferJobs", &filter, &format!("&pageSize=1&pageToken={token}")).await;
            walked.extend(names(&page).iter().map(|name| (*name).to_owned()));
            match page.body["nextPageToken"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => break,
            }
        }
        let all = fixture.list_transfers("transferJobs", &filter, "").await;
        assert_eq!(walked, names(&all), "{filter}");
        let other = json!({"jobNames": ["a"]});
        let wrong = fixture.list_transfers("transferJobs", &other, &format!("&pageToken={token}")).await;
        assert_eq!(wrong.error(), INVALID);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_are_wrong_name_the_field_and_make_nothing() {
    let fixture = Fixture::new().await;
    let check = async |member: &str, value: Value, code: (u16, &str, &str), field: &str| {
        let got = fixture.transfer_job(ONE, member, value.clone()).await;
        assert_eq!(got.error(), code, "{member} {value}");
        let told = got.body["error"]["details"][1]["fieldViolations"][0]["field"].as_str();
        assert_eq!(told, Some(field), "{member} {value}: {got:?}");
    };
    let spec = |name: &str, value: Value| {
        let mut spec = transfer_job(ONE)["transferSpec"].clone();
        spec[name] = value;
        spec
    };
    let source = |value: Value| spec("gcsDataSource", value);
    check("projectId", Value::Null, INVALID, "projectId").await;
    check("projectId", json!(5), INVALID, "projectId").await;
    check("status", Value::Null, INVALID, "status").await;
    check("name", json!("transferJobs/OPI1"), INVALID, "name").await;
    check("transferSpec", source(json!({"bucketName": "nobodys"})), INVALID, "transferSpec.gcsDataSource.bucketName")
        .await;
    check(
        "transferSpec",
        source(json!({"bucketName": "secret-exports"})),
        INVALID,
        "transferSpec.gcsDataSource.bucketName",
    )
    .await;
    check("transferSpec", source(json!({"bucketName": "sink"})), INVALID, "transferSpec.gcsDataSink").await;
    let folder = spec("posixDataSource", json!({"rootDirectory": "/etc"}));
    check("transferSpec", folder, INVALID, "transferSpec.posixDataSource.rootDirectory").await;
    check("transferSpec", spec("sink", json!({})), INVALID, "transferSpec.sink").await;
    let topic = json!({"pubsubTopic": "projects/theirs/topics/ends", "payloadFormat": "JSON"});
    check("notificationConfig", topic, INVALID, "notificationConfig.pubsubTopic").await;
    check("schedule", json!({"endTimeOfDay": {}}), INVALID, "schedule.scheduleStartDate").await;
    let not_ours = (501, "UNIMPLEMENTED", "FIELD_NOT_IMPLEMENTED");
    check("eventStream", json!({"name": "x"}), not_ours, "eventStream").await;
    check(
        "transferSpec",
        spec("transferManifest", json!({"location": "x"})),
        not_ours,
        "transferSpec.transferManifest",
    )
    .await;
    assert!(names(&fixture.list_transfers("transferJobs", &json!({}), "").await).is_empty());
    let no_json = answer(fixture.request("POST", "/v1/transferJobs").body("{")).await;
    assert_eq!(no_json.error(), INVALID);
    for (path, field) in [
        ("/v1/transferJobs", "filter"),
        ("/v1/transferJobs?filter=%7B%7D", "filter.projectId"),
        ("/v1/transferJobs?filter=projectId%3Dmine", "filter"),
        ("/v1/transferJobs?filter=%7B%22projectId%22%3A%22mine%22%2C%22x%22%3A1%7D", "filter.x"),
        ("/v1/transferJobs?filter=%7B%22projectId%22%3A%22mine%22%7D&pageSize=-1", "pageSize"),
        ("/v1/transferJobs?filter=%7B%22projectId%22%3A%22mine%22%7D&pageToken=x", "pageToken"),
        ("/v1/transferJobs/one", "projectId"),
        ("/v1/transferJobs/one?projectId=", "projectId"),
    ] {
        let got = fixture.get(path).await;
        assert_eq!(got.error(), INVALID, "{path}");
        assert_eq!(got.body["error"]["details"][1]["fieldViolations"][0]["field"], field, "{path}");
    }
    for name in ["one%2Ftwo", "one/two", "", "%FF", "one%00", "..%2F..%2Fetc", "one:frobnicate"] {
        let got = fixture.get(&format!("/v1/transferJobs/{name}?projectId=mine")).await;
        assert_eq!(got.error(), (404, "NOT_FOUND", "TRANSFER_JOB_NOT_FOUND"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_another_project_cannot_be_told_from_none() {
    let fixture = Fixture::new().await;
    fixture.post("/v1/transferJobs", &transfer_job(ONE)).await;
    let theirs = async |method: &str, path: &str, body: &Value| {
        answer(fixture.bare(method, path).bearer_auth(THEIRS).json(body)).await
    };
    for project in ["mine", "none"] {
        let named = json!({"projectId": project, "transferJob": {}, "updateTransferJobFieldMask": "description"});
        let filter = format!("/v1/transferJobs?filter=%7B%22projectId%22%3A%22{project}%22%7D");
        for (method, path, body) in [
            ("GET", format!("/v1/{ONE}?projectId={project}"), &json!({})),
            ("DELETE", format!("/v1/{ONE}?projectId={project}"), &json!({})),
            ("PATCH", format!("/v1/{ONE}"), &named),
            ("POST", format!("/v1/{ONE}:run"), &json!({"projectId": project})),
            ("POST", "/v1/transferJobs".to_owned(), &json!({"projectId": project, "anything": "wrong"})),
            ("GET", filter, &json!({})),
        ] {
            let got = theirs(method, &path, body).await;
            assert_eq!(got.error(), (403, "PERMISSION_DENIED", "PERMISSION_DENIED"), "{method} {path}");
            let message = format!("the token has no permission in the project {project}, or it does not exist");
            assert_eq!(got.message(), message);
        }
    }
    let own = theirs("GET", &format!("/v1/{ONE}?projectId=theirs"), &json!({})).await;
    assert_eq!(own.error(), (404, "NOT_FOUND", "TRANSFER_JOB_NOT_FOUND"));
    assert_eq!(fixture.get(PATH).await.body["status"], "ENABLED", "nothing was changed");
    assert_eq!(fixture.count().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_is_the_projects_own() {
    let fixture = Fixture::new().await;
    let account = fixture.get("/v1/googleServiceAccounts/mine").await.body;
    assert_eq!(fixture.get("/v1/googleServiceAccounts/mine").await.body, account);
    assert_ne!(fixture.get("/v1/googleServiceAccounts/example.com%3Aproj").await.body, account);
    assert!(account["accountEmail"].as_str().is_some_and(|email| email.contains('@')), "{account}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_a_job_is_in_the_audit_log() {
    let fixture = Fixture::new().await;
    fixture.post("/v1/transferJobs", &transfer_job(ONE)).await;
    fixture.patch(PATH, &patch(&json!({"description": "new"}), "description")).await;
    fixture.run_transfer(ONE).await;
    fixture.delete(PATH).await;
    let client = fixture.database.as_ref().expect("a database").client().await;
    let rows = client
        .query("SELECT verb, resource, result, principal FROM audit_log ORDER BY sequence", &[])
        .await
        .expect("entries");
    let entries: Vec<_> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let entry = |verb: &str, result: &str| {
        let text = |text: &str| text.to_owned();
        (text(verb), text(ONE), text(result), text("me"))
    };
    let expected: [(String, String, String, String); 4] = [
        entry("CREATE_TRANSFER_JOB", "ENABLED"),
        entry("UPDATE_TRANSFER_JOB", "ENABLED"),
        entry("CREATE", "PENDING"),
        entry("DELETE_TRANSFER_JOB", "DELETED"),
    ];
    assert_eq!(entries, expected);
}
