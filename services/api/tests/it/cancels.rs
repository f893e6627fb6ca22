//! Many cancels at the same moment.

use crate::fixture::{Fixture, NATIVE};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(30);

/// Each is recorded once, whoever asks along with it and however often.
#[tokio::test]
async fn each_of_many_is_recorded_once() {
    let fixture = Fixture::new().await;
    let paths = waiting(&fixture, 20).await;
    let answers = join_all(paths.iter().chain(&paths).map(|path| cancel(&fixture, path))).await;
    for wanted in ["RECORDED", "ALREADY_DONE"] {
        assert_eq!(answers.iter().filter(|answer| *answer == wanted).count(), paths.len(), "{answers:?}");
    }
    let client = fixture.database.as_ref().expect("a database").client().await;
    let told = "SELECT operation_id::text FROM audit_log WHERE verb = 'CANCEL' AND result = 'CANCELLED'";
    let entries = client.query(told, &[]).await.expect("read");
    assert_eq!(entries.len(), paths.len(), "one entry each");
    // An unknown one among them is told by itself.
    let unknown = format!("{NATIVE}/{}", runtime::clock::new_operation_id());
    let (unknown, nothing) = (format!("{unknown}:cancel"), json!({}));
    let answers = join_all((0..5).map(|_| fixture.post(&unknown, &nothing))).await;
    assert!(answers.iter().all(|answer| answer.status == 404), "{answers:?}");
}

async fn waiting(fixture: &Fixture, count: usize) -> Vec<String> {
    join_all((0..count).map(|_| fixture.steps())).await
}

/// Cancels what waits; returns the answer's word.
async fn cancel(fixture: &Fixture, path: &str) -> String {
    let answer = fixture.post(&format!("{path}:cancel"), &json!({})).await;
    assert_eq!((answer.status, &answer.body["operation"]["state"]), (200, &json!("CANCELLED")), "{answer:?}");
    answer.body["answer"].as_str().expect("a word").to_owned()
}

/// A row that another transaction holds makes its own cancel wait, and no other. Those that come while two wait share a
/// statement.
#[tokio::test]
async fn a_row_that_is_held_holds_up_its_own_cancel_alone() {
    let fixture = Fixture::new().await;
    let paths = waiting(&fixture, 23).await;
    let (held, free) = paths.split_at(3);
    let database = fixture.database.as_ref().expect("a database");
    let (holder, client) = (database.client().await, database.client().await);
    let id = |path: &String| path.rsplit_once('/').expect("a path").1.to_owned();
    holder.batch_execute("BEGIN").await.expect("begun");
    for path in held {
        let lock = "SELECT FROM operations WHERE id = $1::text::uuid FOR UPDATE";
        holder.execute(lock, &[&id(path)]).await.expect("locked");
    }
    let waiting = join_all(held.iter().map(|path| cancel(&fixture, path)));
    let others = async {
        eventually("three wait for a row", LIMIT, async || {
            let waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
            (client.execute(waits, &[]).await.expect("read") == 3).then_some(())
        })
        .await;
        join_all(free.iter().map(|path| cancel(&fixture, path))).await;
        holder.batch_execute("COMMIT").await.expect("committed");
    };
    tokio::join!(waiting, others);
    let transactions =
        "SELECT xmin::text FROM audit_log WHERE verb = 'CANCEL' AND operation_id = ANY($1::text[]::uuid[])";
    let of = async |paths: &[String]| -> BTreeSet<String> {
        let ids: Vec<String> = paths.iter().map(id).collect();
        let rows = client.query(transactions, &[&ids]).await.expect("read");
        assert_eq!(rows.len(), paths.len(), "one entry each");
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(of(held).await.len(), held.len(), "each by itself");
    assert!(of(free).await.len() < free.len(), "together");
}
