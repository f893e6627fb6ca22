//! Each key of the two filters.

use super::*;
use crate::operations::samples;
use kinds::storage_transfer::{BucketPath, StorageTransfer};
use operation::{OperationId, State};

const ID: &str = "0193a5a0-0000-7000-8000-000000000001";

fn read<T>(text: &str, of: impl FnOnce(Fields, &mut Violations) -> T) -> Result<T, String> {
    let mut violations = Violations::default();
    let filter = of(Fields::of_parameter("filter", text).unwrap(), &mut violations);
    violations.into_result().map(|()| filter).map_err(|error| error.to_string())
}

fn operations(text: &str) -> OperationFilter {
    read(text, of_operations).expect(text)
}

fn listed() -> ListFilter {
    ListFilter { collection: Some("transferOperations".to_owned()), ..ListFilter::default() }
}

#[test]
fn what_an_index_serves_is_listed() {
    let check = |text: &str, expected: Option<ListFilter>| assert_eq!(operations(text).listed, expected, "{text}");
    check("{}", Some(listed()));
    let targets = vec!["transferJobs/a".to_owned(), "transferJobs/OPIb".to_owned()];
    check(r#"{"jobNames":["transferJobs/a","OPIb"]}"#, Some(ListFilter { targets: targets.clone(), ..listed() }));
    check(r#"{"job_names":["a","OPIb"]}"#, Some(ListFilter { targets, ..listed() }));
    check(r#"{"jobNames":[],"operationNames":[],"transferStatuses":[]}"#, Some(listed()));
    let ids = vec![ID.parse::<OperationId>().unwrap()];
    for name in ["", "transferOperations/"] {
        let text = format!(r#"{{"operationNames":["{name}transferJobs-a-{ID}"]}}"#);
        check(&text, Some(ListFilter { ids: ids.clone(), ..listed() }));
    }
    // What has not ended is few.
    for text in [r#"{"transferStatuses":["in_progress","QUEUED","Suspending"]}"#, r#"{"transfer_statuses":["PAUSED"]}"#]
    {
        check(text, Some(ListFilter { done: Some(false), ..listed() }));
    }
    check(r#"{"transferStatuses":["PAUSED","FAILED"]}"#, Some(listed()));
    let created_from = Some(datetime!(2026-11-23 06:00 UTC));
    check(r#"{"minCreationTime":"2026-11-23T07:00:00+01:00"}"#, Some(ListFilter { created_from, ..listed() }));
    let created_before = Some(datetime!(2026-11-23 06:00:00.000001 UTC));
    check(r#"{"max_creation_time":"2026-11-23T06:00:00Z"}"#, Some(ListFilter { created_before, ..listed() }));
    check(r#"{"minCreationTime":"0001-01-01T00:00:00Z","maxCreationTime":"9999-01-01T00:00:00Z"}"#, Some(listed()));
    check(r#"{"minCreationTime":"9999-01-01T00:00:00Z"}"#, None);
    check(r#"{"maxCreationTime":"1969-01-01T00:00:00Z"}"#, None);
}

#[test]
fn the_rest_is_looked_at_in_each_row() {
    let pending = Operation { target: "transferJobs/abc".to_owned(), ..samples::created() };
    let check = |text: &str, operation: &Operation, expected: bool| {
        assert_eq!(operations(text).kept.keeps(operation), expected, "{text} {:?}", operation.state);
    };
    assert!(operations("{}").kept.keeps_all());
    for (text, expected) in [
        (r#"{"jobNamePattern":"transferJobs/a*"}"#.to_owned(), true),
        (r#"{"jobNamePattern":"a*"}"#.to_owned(), false),
        (r#"{"job_name_pattern":"*"}"#.to_owned(), true),
        (r#"{"operationNamePattern":"transferOperations/transferJobs-abc-*"}"#.to_owned(), true),
        (r#"{"operationNamePattern":"transferOperations/transferJobs-ab-*"}"#.to_owned(), false),
        (format!(r#"{{"operationNames":["transferJobs-abc-{ID}"]}}"#), true),
        // The id of an operation under another job's name is nobody's.
        (format!(r#"{{"operationNames":["transferJobs-ab-{ID}"]}}"#), false),
    ] {
        assert!(!operations(&text).kept.keeps_all(), "{text}");
        check(&text, &pending, expected);
    }
    let running = Operation { state: State::Running, ..pending.clone() };
    let suspending = Operation { pause_requested_at: Some(running.create_time), ..running.clone() };
    let cancelled = Operation { state: State::Cancelled, ..pending.clone() };
    let in_progress = r#"{"transferStatuses":["IN_PROGRESS"]}"#;
    let others = r#"{"transferStatuses":["queued","suspending","aborted"]}"#;
    for (operation, is_in_progress) in [(&pending, false), (&running, true), (&suspending, false), (&cancelled, false)]
    {
        check(in_progress, operation, is_in_progress);
        check(others, operation, !is_in_progress);
    }
    let all = r#"{"transferStatuses":["IN_PROGRESS","PAUSED","SUCCESS","FAILED","ABORTED","QUEUED","SUSPENDING"]}"#;
    assert!(operations(all).kept.keeps_all());
}

#[test]
fn jobs_are_shown_unless_they_are_deleted() {
    let filter = |text: &str| read(text, of_jobs).expect(text);
    let listed = |text: &str| filter(text).listed.map(|listed| (listed.names, listed.states));
    let states = |states: [&str; 2]| states.map(str::to_owned).to_vec();
    let both = states(["ENABLED", "DISABLED"]);
    assert_eq!(listed("{}"), Some((None, both.clone())));
    let names = vec!["transferJobs/a".to_owned(), "transferJobs/b".to_owned()];
    assert_eq!(listed(r#"{"jobNames":["transferJobs/a","b"]}"#), Some((Some(names), both)));
    let text = r#"{"job_statuses":["deleted","Enabled"]}"#;
    assert_eq!(listed(text), Some((None, states(["DELETED", "ENABLED"]))));
    assert_eq!(listed(r#"{"dataBackend":"QUERY_REPLICATION_CONFIGS"}"#), None, "no job replicates");
    let stored = samples::stored_transfer_job();
    for (text, expected) in [
        (r#"{"sourceBucket":"exports"}"#, true),
        (r#"{"sourceBucket":"sink"}"#, false),
        (r#"{"sink_bucket":"sink","source_bucket":"exports"}"#, true),
        (r#"{"sinkBucket":"exports"}"#, false),
    ] {
        assert_eq!(filter(text).keeps(&stored), expected, "{text}");
        assert!(!filter(text).keeps_all());
    }
    let mut folders = samples::stored_transfer_job();
    folders.job.transfer = StorageTransfer {
        sink: TransferSink::Bucket(BucketPath { bucket: "sink".to_owned(), path: String::new() }),
        ..samples::transfer_of_folders()
    };
    assert!(
        filter(r#"{"sinkBucket":"sink"}"#).keeps(&folders) && !filter(r#"{"sourceBucket":"sink"}"#).keeps(&folders)
    );
}

#[test]
fn what_is_wrong_is_named() {
    let many = format!("{{\"jobNames\":[{}]}}", vec!["\"a\""; 257].join(","));
    for (text, expected) in [
        (r#"{"jobName":"a"}"#, "filter.jobName: is not a field of this message"),
        (r#"{"jobNames":"a"}"#, "filter.jobNames: must be a list of strings"),
        (r#"{"jobNames":["a",1]}"#, "filter.jobNames[1]: must be a string"),
        (r#"{"jobNames":["a b"]}"#, "filter.jobNames[0]: is no name of such"),
        (many.as_str(), "filter.jobNames: holds more than 256 names"),
        (r#"{"operationNames":["x"]}"#, "filter.operationNames[0]: is no name of such"),
        (r#"{"transferStatuses":["RUNNING"]}"#, "filter.transferStatuses[0]: must be one of QUEUED, IN_PROGRESS"),
        (r#"{"minCreationTime":"yesterday"}"#, "filter.minCreationTime: must be an RFC 3339 time"),
        (r#"{"minCreationTime":5}"#, "filter.minCreationTime: must be a string"),
        (r#"{"jobNamePattern":["*"]}"#, "filter.jobNamePattern: must be a string"),
        (r#"{"jobNames":["a"],"job_names":["a"]}"#, "filter.jobNames: is given twice"),
    ] {
        let error = read(text, of_operations).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
    for (text, expected) in [
        (r#"{"jobNamePattern":"*"}"#, "filter.jobNamePattern: is not a field of this message"),
        (r#"{"jobStatuses":["RUNNING"]}"#, "filter.jobStatuses[0]: must be ENABLED, DISABLED or DELETED"),
        (r#"{"jobStatuses":"ENABLED"}"#, "filter.jobStatuses: must be a list of strings"),
        (r#"{"dataBackend":"OTHER"}"#, "filter.dataBackend: must be QUERY_REPLICATION_CONFIGS"),
    ] {
        let error = read(text, of_jobs).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_star_stands_for_any_characters() {
    for (pattern, name, expect) in [
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("*", "abc", true),
        ("a*", "abc", true),
        ("*c", "abc", true),
        ("a*c", "abc", true),
        ("a*c", "ac", true),
        ("ab*bc", "abc", false),
        ("a*b*c", "aXbYc", true),
        ("a*b*c", "acb", false),
        ("*b*", "abc", true),
        ("**", "abc", true),
        ("a*a", "a", false),
        ("*ab", "abab", true),
        ("A*", "abc", false),
    ] {
        assert_eq!(matches(pattern, name), expect, "{pattern} {name}");
    }
}
