//! What a failover makes of statements passes by itself: the caller is told to try again, and the pool finds the new server.

use crate::fixture::{Fixture, actor, at, new_operation};
use runtime::clock;
use safepoint_store::{PoolSettings, Store};
use std::collections::HashSet;
use std::time::Duration;
use testkit::{Proxy, Replicated, eventually};

const LIMIT: Duration = Duration::from_secs(30);

/// What a failover, a restart, a pooler in between or a full disk say passes; what is wrong with the statement does not.
#[tokio::test]
async fn errors_of_a_failover_pass_and_errors_of_a_statement_do_not() {
    let fixture = Fixture::new().await;
    let id = fixture.create().await;
    let passing = [
        "25006", "25P02", "25P03", "57P01", "57P02", "57P03", "57P05", "57014", "08000", "08003", "08006", "08P01",
        "53100", "53200", "53300", "40001", "40P01", "40003", "55000", "55P03", "58030", "26000", "42P05", "28P01",
    ];
    let final_ones = ["22P05", "23514", "23505", "42703", "42P01", "42501", "54000", "P0001", "XX000", "0A000"];
    for (code, expected) in passing.map(|code| (code, true)).into_iter().chain(final_ones.map(|code| (code, false))) {
        fixture.database.refuse_writes(code, "true").await;
        let error = fixture.store.pause(&at(id), &actor()).await.expect_err("refused");
        assert_eq!((error.is_passing(), error.sqlstate().as_deref()), (expected, Some(code)), "{error:?}");
        // Whatever it was, the pool works on.
        assert!(fixture.store.get(&at(id)).await.expect("read").is_some(), "{code}");
    }
    fixture.database.allow_writes().await;
    assert!(fixture.store.pause(&at(id), &actor()).await.expect("paused").is_some());
}

/// The first write that is told so is enough: no session that was opened before is used again.
#[tokio::test]
async fn sessions_of_a_read_only_server_leave_the_pool() {
    let fixture = Fixture::new().await;
    let id = fixture.create().await;
    let store = Store::new(&fixture.database.url(), PoolSettings::new("failover").connections(3)).expect("a store");
    let pids = async || {
        let sessions = "SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'failover'";
        let rows = fixture.client.query(sessions, &[]).await.expect("sessions");
        rows.iter().map(|row| row.get(0)).collect::<HashSet<i32>>()
    };
    let address = at(id);
    let work = async || futures_util::future::join_all((0..6).map(|_| store.get(&address))).await;
    work().await;
    let before = eventually("three sessions", LIMIT, async || {
        work().await;
        Some(pids().await).filter(|pids| pids.len() == 3)
    })
    .await;
    fixture.database.refuse_writes("25006", "true").await;
    store.pause(&at(id), &actor()).await.expect_err("refused");
    fixture.database.allow_writes().await;
    eventually("only new sessions", LIMIT, async || {
        work().await.into_iter().for_each(|read| assert!(read.expect("read").is_some()));
        pids().await.is_disjoint(&before).then_some(())
    })
    .await;
}

/// A server that takes no writes is no database of ours, also for reads, which could be old.
#[tokio::test]
async fn a_read_only_database_is_unavailable_until_it_takes_writes() {
    let fixture = Fixture::new().await;
    let id = fixture.create().await;
    fixture.database.set_read_only(true).await;
    let created = fixture.store.create(&new_operation(clock::new_operation_id(), "p")).await;
    assert!(created.expect_err("nothing can be written").is_passing());
    let read = fixture.store.get(&at(id)).await;
    assert!(read.expect_err("who knows how old this is").is_passing());
    fixture.database.set_read_only(false).await;
    let again = async || fixture.store.create(&new_operation(clock::new_operation_id(), "p")).await.ok();
    eventually("a create", LIMIT, again).await;
    assert!(fixture.store.get(&at(id)).await.expect("read").is_some());
}

/// A failover as it is: the address leads to the standby, which is promoted some time later.
#[tokio::test]
async fn a_standby_is_used_once_it_is_promoted() {
    let pair = Replicated::start();
    safepoint_store::migrate(&pair.primary_url()).await.expect("migrated");
    let link = Proxy::to(pair.primary()).await;
    let store = Store::new(&pair.url(&link), PoolSettings::new("failover").connections(2)).expect("a store");
    let (before, after) = (clock::new_operation_id(), clock::new_operation_id());
    store.create(&new_operation(before, "p")).await.expect("created");
    pair.wait_until_replicated().await;
    link.lead_to(pair.standby());
    pair.stop_primary();
    let created = store.create(&new_operation(after, "p")).await;
    assert!(created.expect_err("the standby takes no writes").is_passing());
    let read = store.get(&at(before)).await;
    assert!(read.expect_err("the standby may be behind").is_passing());
    pair.promote().await;
    let again = async || store.create(&new_operation(after, "p")).await.ok();
    eventually("a create", LIMIT, again).await;
    assert!(store.get(&at(before)).await.expect("read").is_some(), "what was replicated is there");
}
