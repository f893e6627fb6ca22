//! Exports through the AlloyDB dialect.

use safepoint_testkit::System;
use serde_json::json;
use std::process::Command;

#[tokio::test]
async fn a_csv_export_completes_and_its_trace_is_told() {
    let system = System::start(1, 4).await;
    system
        .customer()
        .await
        .batch_execute("CREATE TABLE t AS SELECT g, 'row ' || g FROM generate_series(1, 50000) g")
        .await
        .expect("filled");
    let name = system.export_csv("SELECT * FROM t ORDER BY 1", "t.csv").await;
    let done = system.until(&name, "done", |operation| operation["done"] == true).await;
    assert_eq!(done["state"], "SUCCEEDED", "{done}");
    assert_eq!(done["progress"]["itemsDone"], "50000");
    let written = std::fs::read_to_string(system.bucket.join("t.csv")).expect("the object");
    assert!(written.lines().eq((1..=50000).map(|g| format!("{g},row {g}"))), "every row, in order");
    let (status, operation) = system.call("GET", &format!("/v1/{name}"), None).await;
    assert_eq!((status, &operation["response"]["gcsDestination"]["uri"]), (200, &json!("gs://exports/t.csv")));
}

#[tokio::test]
async fn an_sql_export_restores_into_an_equal_database() {
    let system = System::start(1, 4).await;
    let fill = "CREATE TABLE t (id int PRIMARY KEY, note text);
                INSERT INTO t SELECT g, repeat('é\"''\\', g % 7) FROM generate_series(1, 2000) g;
                CREATE VIEW v AS SELECT count(*) FROM t";
    system.customer().await.batch_execute(fill).await.expect("filled");
    let body = json!({
        "database": system.customer.name(),
        "gcsDestination": { "uri": "gs://exports/dump.sql" },
        "sqlExportOptions": {},
    });
    let (status, operation) =
        system.call("POST", "/v1/projects/p/locations/here/clusters/main:export", Some(&body)).await;
    assert_eq!(status, 200, "{operation}");
    let name = operation["name"].as_str().expect("a name");
    let done = system.until(name, "done", |operation| operation["done"] == true).await;
    assert_eq!(done["state"], "SUCCEEDED", "{done}");
    let target = safepoint_testkit::TestDatabase::create_empty().await;
    let restored = Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(system.bucket.join("dump.sql"))
        .arg(target.url())
        .output()
        .expect("psql");
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let sum = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM t";
    let (source, copy) = (system.customer().await, target.client().await);
    let row = async |client: &tokio_postgres::Client| {
        let row = client.query_one(sum, &[]).await.expect("a row");
        (row.get::<_, i64>(0), row.get::<_, String>(1))
    };
    assert_eq!(row(&source).await, row(&copy).await);
}
