//! Our rows, as Storage Transfer shows them.

use super::*;
use crate::operations::samples;
use kinds::Parameters;
use kinds::storage_transfer::StorageTransfer;
use serde_json::{Value, json};
use time::macros::datetime;

const ID: &str = "0193a5a0-0000-7000-8000-000000000001";

fn run() -> Operation {
    let transfer = StorageTransfer { job: Some("transferJobs/one".to_owned()), ..samples::transfer_job().transfer };
    Operation {
        collection: "transferOperations".to_owned(),
        kind: kinds::storage_transfer::KIND,
        target: "transferJobs/one".to_owned(),
        spec: transfer.to_spec(),
        ..samples::created()
    }
}

fn shown(run: Operation) -> Value {
    serde_json::to_value(operation(run)).unwrap()
}

#[test]
fn a_run_is_shown_field_for_field() {
    let name = format!("transferOperations/transferJobs-one-{ID}");
    let expected = json!({
        "name": name,
        "done": false,
        "metadata": {
            "@type": "type.googleapis.com/google.storagetransfer.v1.TransferOperation",
            "name": name,
            "projectId": "p",
            "transferSpec": {
                "gcsDataSource": {"bucketName": "exports", "path": "a/"},
                "gcsDataSink": {"bucketName": "sink"},
            },
            "notificationConfig": {"pubsubTopic": "projects/p/topics/ends", "payloadFormat": "JSON"},
            "status": "QUEUED",
            "counters": {},
            "transferJobName": "transferJobs/one",
        },
    });
    assert_eq!(shown(run()), expected);

    let running = Operation {
        state: State::Running,
        start_time: Some(datetime!(2026-11-23 07:00:01 UTC)),
        checkpoint: Some(json!({
            "cursor": "a/5",
            "counters": {"objectsFoundFromSource": 7, "bytesCopiedToSink": u64::MAX, "objectsFromSourceFailed": 0},
            "errors": [{"code": "NOT_FOUND", "count": 2, "examples": [{"url": "gs://exports/a/6", "details": "it is gone"}]}],
        })),
        ..run()
    };
    let metadata = &shown(running)["metadata"];
    assert_eq!(metadata["status"], "IN_PROGRESS");
    assert_eq!(metadata["startTime"], "2026-11-23T07:00:01.000000Z");
    assert_eq!(
        metadata["counters"],
        json!({"objectsFoundFromSource": "7", "bytesCopiedToSink": "18446744073709551615"})
    );
    let errors = json!([{
        "errorCode": "NOT_FOUND",
        "errorCount": "2",
        "errorLogEntries": [{"url": "gs://exports/a/6", "errorDetails": ["it is gone"]}],
    }]);
    assert_eq!(metadata["errorBreakdowns"], errors);
}

#[test]
fn each_end_is_told_in_its_own_way() {
    let ended = |state, code: Option<i32>| {
        shown(Operation {
            state,
            finish_time: Some(datetime!(2026-11-23 08:00 UTC)),
            error_code: code,
            error_message: code.map(|_| "why".to_owned()),
            ..run()
        })
    };
    let succeeded = ended(State::Succeeded, None);
    assert_eq!(succeeded["response"], json!({"@type": "type.googleapis.com/google.protobuf.Empty"}));
    assert_eq!((succeeded.get("error"), &succeeded["done"]), (None, &json!(true)));
    assert_eq!(succeeded["metadata"]["endTime"], "2026-11-23T08:00:00.000000Z");
    let cancelled = ended(State::Cancelled, Some(1));
    assert_eq!(cancelled["error"], json!({"code": 1, "message": "why"}));
    assert_eq!((cancelled.get("response"), &cancelled["metadata"]["status"]), (None, &json!("ABORTED")));
    let failed = ended(State::Failed, Some(7));
    assert_eq!(failed["error"], json!({"code": 7, "message": "why"}));
    assert_eq!(failed["metadata"]["status"], "FAILED");
}

#[test]
fn a_checkpoint_that_cannot_be_read_tells_nothing() {
    for checkpoint in [json!({"counters": "many"}), json!([]), json!({"newer": 1})] {
        assert_eq!(shown(Operation { checkpoint: Some(checkpoint), ..run() })["metadata"]["counters"], json!({}));
    }
}

#[test]
fn a_job_is_shown_field_for_field() {
    let mut stored = samples::stored_transfer_job();
    stored.latest_operation = Some(ID.parse().unwrap());
    let shown = serde_json::to_value(job(stored.clone())).unwrap();
    let expected = json!({
        "name": "transferJobs/one",
        "description": "words",
        "projectId": "p",
        "transferSpec": {
            "gcsDataSource": {"bucketName": "exports", "path": "a/"},
            "gcsDataSink": {"bucketName": "sink"},
        },
        "notificationConfig": {"pubsubTopic": "projects/p/topics/ends", "payloadFormat": "JSON"},
        "status": "ENABLED",
        "creationTime": "2026-11-23T07:00:00.500000Z",
        "lastModificationTime": "2026-11-23T07:00:00.500000Z",
        "latestOperationName": format!("transferOperations/transferJobs-one-{ID}"),
    });
    assert_eq!(shown, expected);
    stored.delete_time = Some(datetime!(2026-11-24 07:00 UTC));
    assert_eq!(serde_json::to_value(job(stored)).unwrap()["deletionTime"], "2026-11-24T07:00:00.000000Z");
}

#[test]
fn an_account_is_always_the_same_and_each_projects_own() {
    let account = |project: &str| service_account(&project.parse().unwrap());
    assert_eq!(account("p"), account("p"));
    assert_ne!(account("p").subject_id, account("q").subject_id);
    let shown = account("example.com:p");
    assert!(shown.account_email.ends_with("@storage-transfer.invalid") && shown.subject_id.len() == 20, "{shown:?}");
}
