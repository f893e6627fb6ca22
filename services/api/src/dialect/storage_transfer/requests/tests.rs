//! What is asked of jobs, by what is read and by what is wrong.

use super::*;
use crate::dialect::storage_transfer::transfer_spec::tests::judged;
use serde_json::{Value, json};

fn spec() -> Value {
    json!({"gcsDataSource": {"bucketName": "exports"}, "gcsDataSink": {"bucketName": "sink"}})
}

fn folders() -> Value {
    json!({"posixDataSource": {"rootDirectory": "/data/a"}, "gcsDataSink": {"bucketName": "sink"}})
}

/// A job with one member changed; null takes it away.
fn job(name: &str, value: Value) -> Value {
    let mut body = json!({"transferSpec": spec(), "status": "ENABLED"});
    body[name] = value;
    body
}

fn created(body: &Value) -> Result<Created, String> {
    judged(body, create).map(|created| created.expect("a whole one"))
}

#[test]
fn a_job_is_read_whole() {
    let notification = json!({"pubsubTopic": "projects/p/topics/ends", "payloadFormat": "JSON"});
    let read = created(&json!({
        "name": "transferJobs/one",
        "description": "words",
        "transferSpec": spec(),
        "notificationConfig": notification,
        "loggingConfig": {},
        "schedule": {"scheduleStartDate": {"year": 2027, "month": 1, "day": 2}},
        "status": 2,
        "creationTime": "2026-01-02T03:04:05Z",
        "latestOperationName": "transferOperations/x",
    }))
    .unwrap();
    assert_eq!(read.name.as_ref().map(JobName::as_str), Some("transferJobs/one"));
    assert_eq!((read.status, read.job.description.as_str()), (JobStatus::Disabled, "words"));
    assert!(read.job.schedule.is_some());
    assert_eq!(read.job.transfer.notification.map(|told| told.topic).as_deref(), Some("projects/p/topics/ends"));
    let bare = created(&job("schedule", json!({}))).unwrap();
    assert_eq!((bare.name, bare.status, bare.job.schedule), (None, JobStatus::Enabled, None));
}

#[test]
fn names_fit_what_is_transferred() {
    let named = |name: &str, spec: Value| {
        let mut body = job("name", json!(name));
        body["transferSpec"] = spec;
        created(&body).map(|created| created.name.map(String::from))
    };
    for (name, spec) in [("transferJobs/a", spec()), ("transferJobs/aOPI", spec()), ("transferJobs/OPI1", folders())] {
        assert_eq!(named(name, spec), Ok(Some(name.to_owned())));
    }
    for (name, spec, expected) in [
        ("transferJobs/OPI1", spec(), "name: must not begin with transferJobs/OPI"),
        ("transferJobs/1", folders(), "name: must begin with transferJobs/OPI"),
        ("1", spec(), "name: must be transferJobs/ and letters"),
        ("transferJobs/a/b", spec(), "name: must be transferJobs/ and letters"),
    ] {
        let error = named(name, spec).unwrap_err();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn jobs_that_are_wrong_name_the_field() {
    for (name, value, expected) in [
        ("status", Value::Null, "INVALID_ARGUMENT: status: is required"),
        ("status", json!("STATUS_UNSPECIFIED"), "INVALID_ARGUMENT: status: is required"),
        ("status", json!("DELETED"), "INVALID_ARGUMENT: status: must be ENABLED or DISABLED"),
        ("status", json!("enabled"), "INVALID_ARGUMENT: status: must be one of ENABLED, DISABLED, DELETED"),
        ("status", json!(4), "INVALID_ARGUMENT: status: must be one of"),
        ("transferSpec", Value::Null, "INVALID_ARGUMENT: transferSpec: is required"),
        ("transferSpec", json!({}), "INVALID_ARGUMENT: transferSpec.gcsDataSource: needs exactly one source"),
        ("description", json!("ä".repeat(513)), "INVALID_ARGUMENT: description: is longer than 1,024 bytes"),
        ("notificationConfig", json!({}), "INVALID_ARGUMENT: notificationConfig.pubsubTopic: is required"),
        ("schedule", json!({"repeatInterval": "1s"}), "INVALID_ARGUMENT: schedule.scheduleStartDate: is required"),
        ("jobName", json!("x"), "INVALID_ARGUMENT: jobName: is not a field of this message"),
        ("serviceAccount", json!("x@y"), "UNIMPLEMENTED: serviceAccount: is not implemented"),
        ("eventStream", json!({"name": "x"}), "UNIMPLEMENTED: eventStream: is not implemented: use a schedule"),
        (
            "loggingConfig",
            json!({"logActions": ["COPY"]}),
            "UNIMPLEMENTED: loggingConfig.logActions: is not implemented",
        ),
        ("loggingConfig", json!({"logActionStates": [1]}), "UNIMPLEMENTED: loggingConfig.logActionStates: is not"),
        (
            "loggingConfig",
            json!({"enableOnpremGcsTransferLogs": true}),
            "UNIMPLEMENTED: loggingConfig.enableOnpremGcsTransferLogs: is not",
        ),
        (
            "loggingConfig",
            json!({"logActions": ["READ"]}),
            "INVALID_ARGUMENT: loggingConfig.logActions[0]: must be one of",
        ),
    ] {
        let error = created(&job(name, value.clone())).unwrap_err();
        assert!(error.starts_with(expected), "{name} {value}: {error}");
    }
    let mut replicates = job("replicationSpec", json!({"gcsDataSink": {}}));
    replicates["transferSpec"] = Value::Null;
    let error = judged(&replicates, create).unwrap_err();
    assert!(error.starts_with("UNIMPLEMENTED: replicationSpec: is not implemented"), "{error}");
}

fn patched(mask: Option<&str>, job: &Value) -> Result<TransferJobPatch, String> {
    let mut body = json!({"transferJob": job});
    if let Some(mask) = mask {
        body["updateTransferJobFieldMask"] = json!(mask);
    }
    let name = "transferJobs/one".parse().unwrap();
    judged(&body, |fields, judge| patch(fields, &name, judge))
}

#[test]
fn a_mask_that_names_more_than_there_can_be_is_refused_with_one_sentence() {
    let told = patched(Some(&",".repeat(2_000)), &json!({})).unwrap_err();
    assert_eq!(told.matches("updateTransferJobFieldMask").count(), 1, "{told}");
    assert!(told.contains("names more than 32 fields"), "{told}");
    assert!(patched(Some(&["description"; 32].join(",")), &json!({"description": "a"})).is_ok());
}

#[test]
fn a_mask_names_what_is_changed() {
    // A job as it was read, sent back with one thing changed.
    let whole = json!({
        "name": "transferJobs/one", "projectId": "p", "description": "new", "status": "DISABLED", "transferSpec": spec(),
        "notificationConfig": {"whatever": 1}, "schedule": {"scheduleStartDate": {}}, "creationTime": "2026-01-02T03:04:05Z",
    });
    let read = patched(Some("description"), &whole).unwrap();
    assert_eq!(read.description.as_deref(), Some("new"));
    assert!(read.transfer.is_none() && read.notification.is_none() && read.status.is_none());
    for mask in ["transferSpec,status", "transfer_spec, status", "status,transferSpec,status"] {
        let read = patched(Some(mask), &whole).unwrap();
        assert!(read.transfer.is_some() && read.description.is_none(), "{mask}");
        assert_eq!(read.status, Some(JobStatus::Disabled), "{mask}");
    }
    // What the mask names and the job has not is taken away.
    let read = patched(Some("description,notificationConfig,loggingConfig"), &json!({})).unwrap();
    assert_eq!((read.description.as_deref(), read.notification), (Some(""), Some(None)));
    // Without a mask: what is there.
    let read = patched(None, &json!({"description": "new", "status": 3, "name": "transferJobs/one"})).unwrap();
    assert_eq!((read.description.as_deref(), read.status), (Some("new"), Some(JobStatus::Deleted)));
    assert!(read.transfer.is_none() && read.notification.is_none());
}

#[test]
fn patches_that_are_wrong_name_the_field() {
    for (mask, job, expected) in [
        (Some("schedule"), json!({}), "updateTransferJobFieldMask: names \"schedule\": what can be changed"),
        (Some("name"), json!({}), "updateTransferJobFieldMask: names \"name\""),
        (Some("*"), json!({}), "updateTransferJobFieldMask: names \"*\""),
        (Some("transferSpec.gcsDataSink"), json!({}), "updateTransferJobFieldMask: names \"transferSpec.gcsDataSink\""),
        (Some("description,"), json!({}), "updateTransferJobFieldMask: names \"\""),
        (Some("transferSpec"), json!({}), "transferJob.transferSpec: is required, as a whole"),
        (
            Some("transferSpec"),
            json!({"transferSpec": {"gcsDataSink": {"bucketName": "sink"}}}),
            "transferJob.transferSpec.gcsDataSource: needs exactly one source",
        ),
        (
            Some("transferSpec"),
            json!({"transferSpec": folders()}),
            "transferJob.transferSpec: does not fit the job's name",
        ),
        (Some("status"), json!({}), "transferJob.status: is required"),
        (Some("status"), json!({"status": "GONE"}), "transferJob.status: must be one of"),
        (Some("description"), json!({"name": "transferJobs/two"}), "transferJob.name: is not transferJobs/one"),
        (Some("description"), json!({"projectId": "q"}), "transferJob.projectId: is not p"),
        (Some("description"), json!({"words": "x"}), "transferJob.words: is not a field of this message"),
        (None, json!({"schedule": {}}), "transferJob.schedule: cannot be changed"),
    ] {
        let error = patched(mask, &job).unwrap_err();
        assert!(error.contains(expected), "{mask:?} {job}: {error}");
    }
    let error =
        judged(&json!({}), |fields, judge| patch(fields, &"transferJobs/one".parse().unwrap(), judge)).unwrap_err();
    assert!(error.contains("transferJob: is required"), "{error}");
}
