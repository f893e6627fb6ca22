//! Connections between two statements.

use crate::fixture::{Fixture, at, requester};
use futures_util::future::join_all;
use operation::OperationId;
use std::time::Duration;
use store::{Asked, PoolSettings, Store};
use testkit::eventually;
use tokio_postgres::Client;

const LIMIT: Duration = Duration::from_secs(30);
const NAME: &str = "few";

fn few(fixture: &Fixture, connections: u32) -> Store {
    Store::new(&fixture.database.url(), PoolSettings::new(NAME).connections(connections)).expect("a store")
}

/// How many of the test's connections there are of which this holds.
async fn count(client: &Client, holds: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = '{NAME}' AND {holds}"
    );
    client.query_one(&query, &[]).await.expect("counted").get(0)
}

#[tokio::test]
async fn many_statements_share_few_connections_and_closing_leaves_none() {
    let fixture = Fixture::new().await;
    let (store, client) = (few(&fixture, 2), fixture.database.client().await);
    let id = fixture.create().await;
    for _ in 0..3 {
        let address = at(id);
        for read in join_all((0..200).map(|_| store.get(&address))).await {
            assert_eq!(read.expect("read").expect("there").id, id);
        }
    }
    assert_eq!(count(&client, "true").await, 2);
    tokio::time::timeout(LIMIT, store.close()).await.expect("closed");
    eventually("no connection", LIMIT, async || (count(&client, "true").await == 0).then_some(())).await;
    store.get(&at(id)).await.expect_err("it is closed");
}

/// Holds an operation's row until it commits.
async fn hold(fixture: &Fixture, id: OperationId) -> Client {
    let client = fixture.database.client().await;
    client.batch_execute("BEGIN").await.expect("begun");
    client.query("SELECT FROM operations WHERE id = $1 FOR UPDATE", &[&id.as_uuid()]).await.expect("held");
    client
}

async fn until_one_waits_for_a_row(fixture: &Fixture) {
    let client = fixture.database.client().await;
    let waits = "wait_event_type = 'Lock'";
    eventually("a statement that waits", LIMIT, async || (count(&client, waits).await == 1).then_some(())).await;
}

/// The next statement gets its own answer, not that of one which its caller gave up.
#[tokio::test]
async fn a_connection_whose_statement_was_given_up_is_not_mixed_up() {
    let fixture = Fixture::new().await;
    let store = few(&fixture, 1);
    let (held, other) = (fixture.create().await, fixture.create().await);
    store.get(&at(held)).await.expect("read");
    let holder = hold(&fixture, held).await;
    let (address, requester) = (at(held), requester());
    tokio::select! {
        answer = store.cancel(&address, &requester) => panic!("{answer:?}"),
        () = until_one_waits_for_a_row(&fixture) => {}
    }
    holder.batch_execute("COMMIT").await.expect("let go");
    assert_eq!(store.get(&at(other)).await.expect("read").expect("there").id, other);
}

#[tokio::test]
async fn closing_waits_for_what_is_under_way() {
    let fixture = Fixture::new().await;
    let store = few(&fixture, 1);
    let held = fixture.create().await;
    let holder = hold(&fixture, held).await;
    let (address, requester) = (at(held), requester());
    let closed = async {
        until_one_waits_for_a_row(&fixture).await;
        // Closed from its first poll on, which is before the row is let go.
        let let_go = async { holder.batch_execute("COMMIT").await.expect("let go") };
        tokio::join!(biased; store.close(), let_go);
    };
    let both = async { tokio::join!(store.cancel(&address, &requester), closed).0 };
    let answer = tokio::time::timeout(LIMIT, both).await.expect("closed");
    assert!(matches!(answer, Ok(Some(Asked::Recorded(_)))), "{answer:?}");
}

#[tokio::test]
async fn a_connection_that_broke_fails_once() {
    let fixture = Fixture::new().await;
    let (store, client) = (few(&fixture, 1), fixture.database.client().await);
    let id = fixture.create().await;
    store.get(&at(id)).await.expect("read");
    // A CASE, lest others be ended before the filter has looked at them.
    let statement = "SELECT count(CASE WHEN datname = current_database() AND application_name = 'few'
                     THEN pg_terminate_backend(pid) END) FROM pg_stat_activity";
    let ended: i64 = client.query_one(statement, &[]).await.expect("ended").get(0);
    assert_eq!(ended, 1);
    // It may not have noticed.
    let _ = store.get(&at(id)).await;
    assert_eq!(store.get(&at(id)).await.expect("read").expect("there").id, id);
}
