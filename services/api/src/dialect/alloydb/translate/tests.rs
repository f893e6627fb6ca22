use super::*;
use crate::operations::CancelReceipt;
use crate::operations::samples;
use kinds::Parameters;
use kinds::postgres_export::CsvFormat;
use runtime::config::{Bucket, Cluster, ClusterTls, Config};
use serde_json::{Value, json};
use time::macros::datetime;

const CLUSTER: &str = "projects/p/locations/l/clusters/main";

fn stored() -> Operation {
    let csv = CsvFormat { select_query: "SELECT 1".to_owned(), delimiter: ',', quote: '"', escape: '"' };
    let export = PostgresExport {
        cluster: CLUSTER.to_owned(),
        server: None,
        database: "shop".to_owned(),
        bucket: "exports".to_owned(),
        object: "a/b.csv".to_owned(),
        format: ExportFormat::Csv(csv),
    };
    Operation {
        collection: "alloydb/l".to_owned(),
        kind: kinds::postgres_export::KIND,
        target: CLUSTER.to_owned(),
        spec: export.to_spec(),
        ..samples::created()
    }
}

fn receipt() -> CancelReceipt {
    CancelReceipt {
        mode: Some(operation::CancelMode::Now),
        requested_at: datetime!(2026-11-23 07:01 UTC),
        requested_by: "demo".to_owned(),
        reason: None,
        delivered_at: None,
        delivered_by: None,
        observed_at: None,
        safe_point: None,
        stopped_at: None,
        cleanup: None,
        ended_by: None,
    }
}

fn shown(operation: Operation) -> Value {
    serde_json::to_value(super::operation(operation)).unwrap()
}

#[test]
fn a_waiting_operation_has_neither_error_nor_response() {
    assert_eq!(
        shown(stored()),
        json!({
            "name": "projects/p/locations/l/operations/operation-0193a5a0-0000-7000-8000-000000000001",
            "metadata": {
                "@type": "type.googleapis.com/google.cloud.alloydb.v1.OperationMetadata",
                "createTime": "2026-11-23T07:00:00.500000Z",
                "target": CLUSTER,
                "verb": "export",
                "statusMessage": "Waiting for a worker",
                "requestedCancellation": false,
                "apiVersion": "v1",
            },
            "done": false,
        })
    );
}

#[test]
fn a_finished_one_says_where_its_object_is() {
    let operation = Operation {
        state: State::Succeeded,
        finish_time: Some(datetime!(2026-11-23 07:02 UTC)),
        response: Some(json!({})),
        items_done: 5_000_000,
        items_total: Some(4_999_000),
        bytes_done: 488_000_000,
        ..stored()
    };
    let shown = shown(operation);
    assert_eq!(
        shown["response"],
        json!({
            "@type": "type.googleapis.com/google.cloud.alloydb.v1.ExportClusterResponse",
            "gcsDestination": {"uri": "gs://exports/a/b.csv"},
        })
    );
    assert_eq!(shown["done"], true);
    assert_eq!(shown["metadata"]["endTime"], "2026-11-23T07:02:00.000000Z");
    assert_eq!(shown["metadata"]["statusMessage"], "Done: 5,000,000 rows, 488 MB written");
    assert_eq!(shown.get("error"), None);
}

#[test]
fn a_cancelled_one_has_code_1_and_no_status() {
    let operation = Operation {
        state: State::Cancelled,
        start_time: Some(datetime!(2026-11-23 07:00:01 UTC)),
        finish_time: Some(datetime!(2026-11-23 07:02 UTC)),
        error_code: Some(1),
        error_message: Some("The operation was cancelled.".to_owned()),
        cancel: Some(CancelReceipt { safe_point: Some("part uploaded".to_owned()), ..receipt() }),
        ..stored()
    };
    let shown = shown(operation);
    assert_eq!(shown["error"], json!({"code": 1, "message": "The operation was cancelled."}));
    assert_eq!(shown["metadata"]["requestedCancellation"], true);
    assert_eq!(shown["metadata"]["statusMessage"], "Cancelled at a safe point");
    assert_eq!(shown.get("response"), None);
}

#[test]
fn the_status_message_tells_how_far_it_is() {
    let check = |operation: Operation, expected: &str| assert_eq!(status_message(&operation), expected);
    let running = || Operation { state: State::Running, start_time: Some(datetime!(2026-11-23 07:01 UTC)), ..stored() };
    check(running(), "Running");
    check(
        Operation { items_done: 1_200_000, bytes_done: 116_400_000, ..running() },
        "Running: 1,200,000 rows, 116 MB written",
    );
    check(
        Operation { items_done: 1_200_000, items_total: Some(5_000_000), bytes_done: 116_400_000, ..running() },
        "Running: 1,200,000 of about 5,000,000 rows, 116 MB written",
    );
    check(Operation { cancel: Some(receipt()), items_done: 7, ..running() }, "Cancelling");
    check(Operation { failures: 2, ..stored() }, "Waiting for a worker after 2 failed attempts");
    let cancelled = || Operation { state: State::Cancelled, cancel: Some(receipt()), ..stored() };
    check(cancelled(), "Cancelled before it ran");
    check(Operation { start_time: running().start_time, ..cancelled() }, "Cancelled");
    check(
        Operation { state: State::Succeeded, cancel: Some(receipt()), ..running() },
        "Done (completed before the cancel took effect)",
    );
}

#[test]
fn ids_are_found_only_as_they_are_minted() {
    let check = |text: &str, found: bool| assert_eq!(operation_id(text).is_some(), found, "{text}");
    check("operation-0193a5a0-0000-7000-8000-000000000001", true);
    for other in [
        "",
        "operation-",
        "0193a5a0-0000-7000-8000-000000000001",
        "operation-0193A5A0-0000-7000-8000-000000000001",
        "operation-0193a5a0000070008000000000000001",
        "operation-{0193a5a0-0000-7000-8000-000000000001}",
        "operation-0193a5a0-0000-7000-8000-000000000001 ",
        "operation-operation-0193a5a0-0000-7000-8000-000000000001",
    ] {
        check(other, false);
    }
}

fn judged(body: &str) -> Result<PostgresExport, String> {
    let config = Config {
        clusters: vec![Cluster {
            name: CLUSTER.to_owned(),
            host: String::new(),
            port: 5432,
            user: String::new(),
            host_addresses: Vec::new(),
            tls: ClusterTls::Disable,
            ca_file: None,
            password_env: None,
            password: None,
        }],
        buckets: vec![Bucket::new("b", "", vec!["p".parse().unwrap()])],
        ..Config::default()
    };
    let mut violations = Violations::default();
    let fields = crate::wire::fields::Fields::parse(body.as_bytes()).map_err(|error| error.to_string())?;
    let request = wire::ExportClusterRequest::read(fields, &mut violations);
    let catalog = Catalog::new(&config).unwrap();
    export(request, &ClusterName::parse(CLUSTER).unwrap(), &catalog, violations).map_err(|error| error.to_string())
}

#[test]
fn an_export_is_taken_with_its_defaults() {
    let export = judged(
        r#"{"database":"d","gcsDestination":{"uri":"gs://b/o"},"csvExportOptions":{"selectQuery":"SELECT 1;"}}"#,
    );
    let csv = CsvFormat { select_query: "SELECT 1".to_owned(), delimiter: ',', quote: '"', escape: '"' };
    assert_eq!(export.unwrap().format, ExportFormat::Csv(csv));
    let export = judged(
        r#"{"name":"projects/p/locations/l/clusters/main","database":"d","gcs_destination":{"uri":"gs://b/o"},
            "csv_export_options":{"select_query":"TABLE t","field_delimiter":"09","quote_character":"27","escapeCharacter":"5C"}}"#,
    );
    let csv = CsvFormat { select_query: "TABLE t".to_owned(), delimiter: '\t', quote: '\'', escape: '\\' };
    assert_eq!(export.unwrap().format, ExportFormat::Csv(csv));
    let export = judged(
        r#"{"database":"d","gcsDestination":{"uri":"gs://b/o"},
            "sqlExportOptions":{"tables":["a"],"schemaOnly":false,"cleanTargetObjects":true,"ifExistTargetObjects":true}}"#,
    );
    let sql = SqlDump {
        tables: vec!["a".to_owned()],
        schema_only: false,
        clean_target_objects: true,
        if_exist_target_objects: true,
    };
    assert_eq!(export.unwrap().format, ExportFormat::Sql(sql));
    let export = judged(r#"{"database":"d","gcsDestination":{"uri":"gs://b/o"},"sqlExportOptions":{}}"#);
    assert_eq!(export.unwrap().format, ExportFormat::Sql(SqlDump::default()));
}

#[test]
fn all_that_is_wrong_with_an_export_is_told_at_once() {
    let check =
        |body: &str, expected: &str| assert_eq!(judged(body), Err(format!("INVALID_ARGUMENT: {expected}")), "{body}");
    check(
        "{}",
        "database: is required; gcsDestination.uri: is required; \
         csvExportOptions: is required, or sqlExportOptions: exactly one of them",
    );
    check(
        r#"{"name":"projects/p/locations/l/clusters/other","database":"d","gcsDestination":{"uri":"gs://b/o"},
            "csvExportOptions":{"selectQuery":"SELECT 1"},"sqlExportOptions":{}}"#,
        "name: differs from the name in the path; \
         sqlExportOptions: excludes csvExportOptions: exactly one of them is required",
    );
    check(
        r#"{"database":7,"gcsDestination":{"uri":"gs://b/"},"csvExportOptions":{"selectQuerry":"SELECT 1","fieldDelimiter":"2C2C"},"x":1}"#,
        "database: must be a string, not a number; csvExportOptions.selectQuerry: is not a field of this message; \
         x: is not a field of this message; gcsDestination.uri: names no object: the form is gs://bucket/object; \
         csvExportOptions.fieldDelimiter: must be one character in hexadecimal ASCII code: two digits, 00 to 7F, such as 2C; \
         csvExportOptions.selectQuery: is required",
    );
    check(
        r#"{"database":"d","gcsDestination":{"uri":"gs://b/o"},"sqlExportOptions":{"tables":[""],"ifExistTargetObjects":true}}"#,
        "sqlExportOptions.tables[0]: is empty; sqlExportOptions.ifExistTargetObjects: \
         needs cleanTargetObjects: without DROP there is nothing to make conditional",
    );
}
