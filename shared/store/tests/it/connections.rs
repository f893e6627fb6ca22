//! Connections between two statements.

use crate::fixture::{Fixture, at, requester};
use futures_util::future::join_all;
use std::time::Duration;
use store::{PoolSettings, Store};
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

/// The next statement gets its own answer, not that of one which its caller gave up.
#[tokio::test]
async fn a_connection_whose_statement_was_given_up_is_not_mixed_up() {
    let fixture = Fixture::new().await;
    let (store, client) = (few(&fixture, 1), fixture.database.client().await);
    let (held, other) = (fixture.create().await, fixture.create().await);
    store.get(&at(held)).await.expect("read");
    client.batch_execute("BEGIN").await.expect("begun");
    client.query("SELECT FROM operations WHERE id = $1 FOR UPDATE", &[&held.as_uuid()]).await.expect("held");
    let watcher = fixture.database.client().await;
    let waits = eventually("a statement that waits", LIMIT, async || {
        (count(&watcher, "wait_event_type = 'Lock'").await == 1).then_some(())
    });
    let (address, requester) = (at(held), requester());
    tokio::select! {
        answer = store.cancel(&address, &requester) => panic!("{answer:?}"),
        () = waits => {}
    }
    client.batch_execute("COMMIT").await.expect("let go");
    assert_eq!(store.get(&at(other)).await.expect("read").expect("there").id, other);
}

#[tokio::test]
async fn a_connection_that_broke_fails_once() {
    let fixture = Fixture::new().await;
    let (store, client) = (few(&fixture, 1), fixture.database.client().await);
    let id = fixture.create().await;
    store.get(&at(id)).await.expect("read");
    let ended = count(&client, "CASE WHEN application_name = 'few' THEN pg_terminate_backend(pid) END").await;
    assert_eq!(ended, 1);
    // It may not have noticed.
    let _ = store.get(&at(id)).await;
    assert_eq!(store.get(&at(id)).await.expect("read").expect("there").id, id);
}
