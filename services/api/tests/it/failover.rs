//! While the database fails over, callers are told to try again; afterwards the same process serves them.

use crate::fixture::{Answer, Fixture, NATIVE};
use serde_json::json;
use std::time::Duration;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(30);

async fn create(fixture: &Fixture) -> Answer {
    fixture.post(NATIVE, &json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 0}})).await
}

fn told_to_try_again(answer: &Answer) {
    assert_eq!(answer.error(), (503, "UNAVAILABLE", "DATABASE_UNAVAILABLE"));
}

/// INV-1, and no 500: nothing is wrong with the call, nor with us.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_a_failover_refuses_is_to_be_tried_again() {
    let fixture = Fixture::new().await;
    let path = fixture.steps().await;
    let database = fixture.database.as_ref().expect("a database");
    for code in ["25006", "25P02", "57P01", "57P03", "08006", "53100", "40001", "55000"] {
        database.refuse_writes(code, "true").await;
        told_to_try_again(&create(&fixture).await);
        told_to_try_again(&fixture.post(&format!("{path}:cancel"), &json!({})).await);
        told_to_try_again(&fixture.post(&format!("{path}:pause"), &json!({})).await);
        told_to_try_again(&fixture.delete(&format!("{path}?cancel=true")).await);
        assert_eq!(fixture.get(&path).await.status, 200, "what can be read is read: {code}");
        database.allow_writes().await;
        assert_eq!(create(&fixture).await.status, 200, "{code}");
    }
    assert_eq!(fixture.post(&format!("{path}:cancel"), &json!({})).await.status, 200);
}

/// The server that answers is the wrong one: it is not read from, either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_serves_nobody_until_it_takes_writes() {
    let fixture = Fixture::new().await;
    let path = fixture.steps().await;
    let database = fixture.database.as_ref().expect("a database");
    database.set_read_only(true).await;
    told_to_try_again(&create(&fixture).await);
    told_to_try_again(&fixture.get(&path).await);
    database.set_read_only(false).await;
    let served = async || (create(&fixture).await.status == 200).then_some(());
    eventually("a create", LIMIT, served).await;
    assert_eq!(fixture.get(&path).await.status, 200);
}

/// All sessions of the api's pool are frozen, and stay so: new ones take their places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_sessions_are_replaced_under_the_callers() {
    let fixture = Fixture::new().await;
    let path = fixture.steps().await;
    let calls = async || futures_util::future::join_all((0..16).map(|_| fixture.get(&path))).await;
    calls().await;
    let frozen = fixture.database.as_ref().expect("a database").freeze("test").await;
    let all_answered = async || calls().await.iter().all(|answer| answer.status == 200).then_some(());
    eventually("answers", LIMIT, all_answered).await;
    assert_eq!(fixture.post(&format!("{path}:cancel"), &json!({})).await.status, 200);
    drop(frozen);
}
