//! Whatever falls silent, each call ends by this process's own clock, and the pool has all its places again (INV-34, INV-29).

use crate::fixture::{Fixture, actor, at};
use futures_util::future::join_all;
use operation::OperationId;
use safepoint_store::{PoolSettings, Store, StoreError};
use std::pin::pin;
use std::time::Duration;
use testkit::{Mode, Proxy, eventually};
use tokio::time::timeout;

/// Far above all bounds: what exceeds it hangs.
const LIMIT: Duration = Duration::from_secs(30);
const POOL: &str = "deadlines";
const CONNECTIONS: u32 = 2;

struct Silence {
    fixture: Fixture,
    link: Proxy,
    store: Store,
    operation: OperationId,
}

impl Silence {
    async fn new(connections: u32) -> Self {
        let fixture = Fixture::new().await;
        let link = Proxy::to(fixture.database.address()).await;
        let mut url: url::Url = fixture.database.url().parse().expect("a URL");
        url.set_port(Some(link.address().port())).expect("a port");
        let settings = PoolSettings::new(POOL).connections(connections).statement_timeout(Duration::from_secs(3));
        let store = Store::new(url.as_str(), settings).expect("a store");
        let operation = fixture.create().await;
        Self { fixture, link, store, operation }
    }

    /// How many sessions of the pool wait for a lock.
    async fn waiting(&self) -> i64 {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'deadlines' AND wait_event_type = 'Lock'";
        self.fixture.client.query_one(waiting, &[]).await.expect("a count").get(0)
    }

    /// All places of the pool can be used at the same time: as many statements as it has connections wait for one row.
    async fn is_full(&self, connections: u32) {
        let full = async || self.all_wait(connections).await.then_some(());
        eventually("all places of the pool in use", LIMIT, full).await;
    }

    async fn all_wait(&self, connections: u32) -> bool {
        let address = at(self.fixture.create().await);
        let holder = self.fixture.database.client().await;
        holder.batch_execute("BEGIN; SELECT FROM operations FOR UPDATE").await.expect("locked");
        let actor = actor();
        let mut pauses = pin!(join_all((0..connections).map(|_| self.store.pause(&address, &actor))));
        let all = async || (self.waiting().await == i64::from(connections)).then_some(());
        tokio::select! {
            // Too slow: the first to come waits no longer for the row.
            _ = &mut pauses => return false,
            () = eventually("all waiting", LIMIT, all) => {}
        }
        holder.batch_execute("COMMIT").await.expect("unlocked");
        pauses.await.into_iter().for_each(|paused| assert!(paused.expect("answered").is_some()));
        true
    }

    /// A call that fails, if it fails, does so in time and with what passes.
    async fn answered(&self) {
        let answer = async || match timeout(LIMIT, self.store.get(&at(self.operation))).await.expect("no call hangs") {
            Ok(found) => Some(found.expect("there")),
            Err(error) => {
                assert!(error.is_passing(), "{error:?}");
                None
            }
        };
        eventually("an answer", LIMIT, answer).await;
    }
}

fn passes<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    let error = answer.expect_err("no answer came");
    assert!(error.is_passing(), "{error:?}");
}

/// Connections that were used a moment ago are not pinged first: the deadline of the statement ends the call.
#[tokio::test]
async fn silent_connections_are_given_up_and_replaced() {
    let silence = Silence::new(CONNECTIONS).await;
    for _ in 0..2 {
        silence.is_full(CONNECTIONS).await;
        silence.link.silence();
        silence.answered().await;
    }
    silence.is_full(CONNECTIONS).await;
}

/// The statement is on its way when the peer falls silent: the server's own limit is not heard of.
#[tokio::test]
async fn a_statement_whose_answer_never_comes_ends_by_its_deadline() {
    let silence = Silence::new(1).await;
    silence.answered().await;
    let holder = silence.fixture.database.client().await;
    holder.batch_execute("BEGIN; SELECT FROM operations FOR UPDATE").await.expect("locked");
    let (address, actor) = (at(silence.operation), actor());
    let swallowed = async {
        eventually("a statement that waits", LIMIT, async || (silence.waiting().await == 1).then_some(())).await;
        silence.link.silence();
    };
    let (paused, ()) = tokio::join!(timeout(LIMIT, silence.store.pause(&address, &actor)), swallowed);
    passes(paused.expect("the call does not hang"));
    holder.batch_execute("COMMIT").await.expect("unlocked");
    silence.is_full(1).await;
}

/// A backend that is stopped keeps its connection, and TCP acknowledges for it.
#[tokio::test]
async fn frozen_sessions_are_replaced() {
    let silence = Silence::new(CONNECTIONS).await;
    silence.is_full(CONNECTIONS).await;
    let frozen = silence.fixture.database.freeze(POOL).await;
    assert_eq!(frozen.count(), CONNECTIONS as usize);
    silence.answered().await;
    silence.is_full(CONNECTIONS).await;
    drop(frozen);
    silence.is_full(CONNECTIONS).await;
}

/// A caller that goes away half way takes no place of the pool with it, also when the end of its statement is never heard of.
#[tokio::test]
async fn a_dropped_call_leaves_its_place_to_the_next() {
    let silence = Silence::new(1).await;
    let holder = silence.fixture.database.client().await;
    holder.batch_execute("BEGIN; SELECT FROM operations FOR UPDATE").await.expect("locked");
    for dropped in 1..=3 {
        let (address, actor) = (at(silence.operation), actor());
        tokio::select! {
            paused = silence.store.pause(&address, &actor) => panic!("the row is locked: {paused:?}"),
            () = eventually("a statement that waits", LIMIT, async || (silence.waiting().await > 0).then_some(())) => {
                silence.link.silence();
            }
        }
        let read = silence.store.get(&address).await;
        assert!(read.expect("the only place is free").is_some(), "after {dropped} dropped calls");
        eventually("the session's end", LIMIT, async || (silence.waiting().await == 0).then_some(())).await;
    }
    holder.batch_execute("COMMIT").await.expect("unlocked");
    silence.is_full(1).await;
}

/// Also the making of a connection ends in time, and leaves its place.
#[tokio::test]
async fn a_database_that_never_greets_is_unavailable() {
    let silence = Silence::new(1).await;
    silence.link.set(Mode::Blackhole);
    for _ in 0..2 {
        passes(timeout(LIMIT, silence.store.ping()).await.expect("the call does not hang"));
    }
    silence.link.mend();
    silence.is_full(1).await;
}

/// Closing a pool waits for no silent peer.
#[tokio::test]
async fn a_pool_of_silent_connections_can_be_closed() {
    let silence = Silence::new(CONNECTIONS).await;
    silence.is_full(CONNECTIONS).await;
    silence.link.silence();
    timeout(LIMIT, silence.store.close()).await.expect("closed");
    passes(silence.store.ping().await);
}

/// A migrator has no pool: its deadlines are its own.
#[tokio::test]
async fn migrating_a_silent_database_fails() {
    let silence = Silence::new(1).await;
    silence.link.set(Mode::Blackhole);
    let mut url: url::Url = silence.fixture.database.url().parse().expect("a URL");
    url.set_port(Some(silence.link.address().port())).expect("a port");
    let migrated = timeout(LIMIT, safepoint_store::migrate(url.as_str())).await.expect("it does not hang");
    assert!(matches!(migrated, Err(safepoint_store::MigrateError::Silent)), "{migrated:?}");
}
