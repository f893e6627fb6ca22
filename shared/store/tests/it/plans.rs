//! How the database finds the rows: each statement is planned once a connection, perhaps while the table is empty.

use crate::fixture::{Fixture, runnable};
use safepoint_store::STATEMENTS;

/// What looks for rows by their ids, and by which index.
const BY_ID: [(&str, &[&str]); 22] = [
    // The index of a project's ids is as good where the statement knows the project.
    ("get", &["_pkey", "_project_id_id_idx"]),
    ("get_to_cancel", &["_pkey", "_project_id_id_idx"]),
    ("cancel", &["_pkey", "_project_id_id_idx"]),
    ("cancel_together", &["_pkey"]),
    ("pause", &["_pkey", "_project_id_id_idx"]),
    ("resume", &["_pkey", "_project_id_id_idx"]),
    ("delete", &["_pkey", "_project_id_id_idx"]),
    ("retry", &["_pkey", "_project_id_id_idx"]),
    // And what runs of the project.
    ("why", &["_pkey", "_project_id_id_idx", "_project_id_idx"]),
    ("checkpoint", &["_pkey"]),
    ("commit_point", &["_pkey"]),
    ("finish", &["_pkey"]),
    ("requests", &["_pkey"]),
    ("changed", &["_pkey"]),
    ("ended", &["_pkey"]),
    ("project_of_operation", &["_pkey"]),
    ("notified", &["_pkey"]),
    ("get_resource", &["resources_pkey"]),
    ("update_resource", &["resources_pkey"]),
    ("run_resource", &["resources_pkey"]),
    ("skip_resource", &["resources_pkey"]),
    ("resource_to_run", &["_pkey"]),
];

/// What looks for rows that wait or run.
const BY_STATE: [(&str, &[&str]); 13] = [
    ("waiting", &["_kind_project_id_priority_id_idx"]),
    ("claim", &["_kind_project_id_priority_id_idx", "_project_id_idx", "_pkey"]),
    ("renew", &["_worker_id_idx"]),
    ("sweep", &["_worker_id_idx", "_pkey"]),
    ("reconcile", &["_worker_id_idx"]),
    ("retire", &["_worker_id_idx"]),
    ("fail_overdue", &["_deadline_idx", "_pkey"]),
    // The moves of a second or so: all of them are read.
    (
        "queue",
        &[
            "_kind_project_id_priority_id_idx",
            "_worker_id_idx",
            "_project_id_idx",
            "operation_counts_of_queue",
            "operation_moves",
        ],
    ),
    ("to_notify", &["_finish_time_idx", "_pkey"]),
    ("list_resources", &["resources_pkey"]),
    ("due_resources", &["resources_due", "_pkey"]),
    ("forget_resources", &["resources_deleted", "resources_pkey"]),
    ("expire", &["_kind_finish_time_idx", "_pkey", "operation_labels_by_operation"]),
];

/// What counts, and by which index: never by a look at operations.
const BY_COUNTS: [(&str, &[&str]); 2] = [
    ("counts", &["operation_counts_pkey", "operation_moves_by_project"]),
    ("compact", &["operation_moves_by_project"]),
];

/// Whatever the statistics say: a row is found by its id and not by a walk through an index of what runs, and what has
/// ended is never walked through.
#[tokio::test]
async fn each_statement_has_its_index() {
    let fixture = Fixture::new().await;
    for filled in [false, true] {
        if filled {
            let worker = fixture.worker().await;
            for _ in 0..50 {
                fixture.create().await;
            }
            assert_eq!(fixture.claim(worker, 25).await.len(), 25);
            fixture.sql("ANALYZE operations").await;
        }
        for (name, served_by) in BY_ID.into_iter().chain(BY_STATE).chain(BY_COUNTS) {
            for index in indexes(&fixture, name).await {
                let served = served_by.iter().any(|suffix| index.ends_with(suffix));
                assert!(served, "sql/{name}.sql, the table {}: {index}", if filled { "filled" } else { "empty" });
            }
        }
    }
}

/// The indexes by which the plan reads operations, their counts, and resources, or the table where it reads all of it. Planned as the
/// product's connections do.
async fn indexes(fixture: &Fixture, name: &str) -> Vec<String> {
    let (_, sql) = STATEMENTS.iter().find(|(listed, _)| *listed == name).expect("a statement of this name");
    let client = fixture.database.client().await;
    for (setting, value) in safepoint_store::PLANNING {
        client.batch_execute(&format!("SET {setting} = {value}")).await.expect("set");
    }
    let sql = runnable(sql);
    client.batch_execute(&format!("PREPARE {name} AS {sql}")).await.expect("prepared");
    let types = "SELECT unnest(parameter_types)::text FROM pg_prepared_statements";
    let arguments: Vec<String> = client
        .query(types, &[])
        .await
        .expect("the types")
        .iter()
        .map(|row| match row.get::<_, &str>(0) {
            // An id of this week, so that its partition is not pruned.
            "uuid" => format!("'{}'", runtime::clock::new_operation_id().as_uuid()),
            "uuid[]" => format!("ARRAY['{}'::uuid]", runtime::clock::new_operation_id().as_uuid()),
            of => format!("NULL::{of}"),
        })
        .collect();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    let plan = client.query(&format!("EXPLAIN EXECUTE {name}{arguments}"), &[]).await.expect("a plan");
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let indexes: Vec<String> = plan.iter().filter_map(|line| scanned(line)).collect();
    assert!(!indexes.is_empty(), "{name}: {plan:#?}");
    indexes
}

/// `Index Scan using operations_2026w48_pkey on operations_2026w48 o` reads by `operations_2026w48_pkey`.
fn scanned(line: &str) -> Option<String> {
    // By its very place.
    if line.contains("Tid Scan") {
        return None;
    }
    let (_, of) = line.split_once("Scan using ").or_else(|| line.split_once("Scan on "))?;
    let name = of.split_whitespace().next()?;
    ["operation", "resources"].iter().any(|ours| name.starts_with(ours)).then(|| name.to_owned())
}
