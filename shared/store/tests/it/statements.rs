//! The statements fit the schema, and the schema holds what the statements promise.

use crate::fixture::{Fixture, actor, at, finished, project, requester, runnable, succeeded};
use futures_util::future::join_all;
use operation::State;
use safepoint_store::{Address, CreateRequest, Created, NewOperation, PoolSettings, STATEMENTS, Store};
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn every_statement_is_valid_against_the_migrated_schema() {
    let fixture = Fixture::new().await;
    let client = fixture.database.client().await;
    for (name, sql) in STATEMENTS {
        let prepared = client.prepare(&runnable(sql)).await;
        assert!(prepared.is_ok(), "sql/{name}.sql: {:?}", prepared.err());
    }
    let listed: BTreeSet<String> = STATEMENTS.iter().map(|(name, _)| format!("{name}.sql")).collect();
    let files: BTreeSet<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sql"))
        .expect("the folder of statements")
        .map(|file| file.expect("a file").file_name().into_string().expect("a plain name"))
        .collect();
    assert_eq!(listed, files, "a statement is missing in STATEMENTS, or has no file");
}

/// INV-22: no statement of a request finds an operation by its id alone.
#[test]
fn every_statement_of_a_request_names_the_project() {
    for (name, sql) in STATEMENTS.iter().filter(|(name, _)| {
        ["get", "get_to_cancel", "cancel", "pause", "resume", "delete", "retry", "why"].contains(name)
    }) {
        assert!(sql.replace("o.", "").contains("project_id = $1 AND id = $2"), "sql/{name}.sql");
    }
    let (_, together) =
        STATEMENTS.iter().find(|(name, _)| *name == "cancel_together").expect("a statement of this name");
    let whole = "o.id = i.id AND o.project_id IS NOT DISTINCT FROM i.project_id";
    assert_eq!(together.matches(whole).count(), 2, "where it takes the rows, and where it changes them");
}

/// INV-8, 13: some guards are held twice, by a statement and by a constraint or another statement, so that no row can show
/// that one is missing. They stand all the same.
#[test]
fn every_guard_stands_where_it_belongs() {
    for (name, guard) in [
        ("finish", "o.attempt = i.attempt AND o.nonce = i.nonce AND o.state = 'RUNNING'"),
        ("checkpoint", "o.attempt = i.attempt AND o.nonce = i.nonce AND o.state = 'RUNNING'"),
        ("commit_point", "attempt = $2 AND nonce = $3 AND state = 'RUNNING'"),
        ("claim", "o.state = 'PENDING' AND o.cancel_requested_at IS NULL AND EXISTS (SELECT FROM alive)"),
        ("claim", "o.id = numbered.id AND o.state = 'PENDING'"),
        ("sweep", "o.id = orphans.id AND o.state = 'RUNNING'"),
        ("compact", "SELECT pg_try_advisory_xact_lock(7350220573)"),
    ] {
        let (_, sql) = STATEMENTS.iter().find(|(listed, _)| *listed == name).expect("a statement of this name");
        assert!(sql.contains(guard), "sql/{name}.sql: {guard}");
    }
    let functions = include_str!("../../../../migrations/V8__partitions_for_other_roles.sql");
    for guard in [
        "SET LOCAL lock_timeout = '100ms'",
        "PERFORM pg_advisory_xact_lock(7350220573)",
        "LOCK TABLE ONLY operations IN ACCESS EXCLUSIVE MODE",
    ] {
        assert!(functions.contains(guard), "{guard}");
    }
}

/// INV-4, 5, 14: even a wrong statement can't store a row that says what is not so.
#[tokio::test]
async fn the_table_refuses_rows_that_cannot_be() {
    let fixture = Fixture::new().await;
    let client = fixture.database.client().await;
    for (what, change) in [
        ("done without an end", "state = 'SUCCEEDED', response = '{}'"),
        ("succeeded without a response", "state = 'SUCCEEDED', finish_time = now()"),
        ("failed without an error", "state = 'FAILED', finish_time = now()"),
        (
            "cancelled with another code",
            "state = 'CANCELLED', finish_time = now(), error_code = 2, error_message = 'x', cancel_requested_at = now(), cancel_requested_by = 'x'",
        ),
        (
            "cancelled without a request",
            "state = 'CANCELLED', finish_time = now(), error_code = 1, error_message = 'x'",
        ),
        (
            "failed with the code of a cancel",
            "state = 'FAILED', finish_time = now(), error_code = 1, error_message = 'x'",
        ),
        ("running without an owner", "state = 'RUNNING', attempt = 1"),
        ("waiting with a cancel", "cancel_requested_at = now(), cancel_requested_by = 'x'"),
        ("deleted at its end without a cancel", "delete_when_done = true"),
        ("an unknown state", "state = 'CANCELLING'"),
    ] {
        fixture.create().await;
        let refused = client.execute(&format!("UPDATE operations SET {change}"), &[]).await;
        let code = refused.err().and_then(|error| error.code().cloned());
        assert_eq!(code, Some(tokio_postgres::error::SqlState::CHECK_VIOLATION), "{what}");
    }
}

#[tokio::test]
async fn a_create_sent_twice_is_one_operation() {
    let fixture = Fixture::new().await;
    let id = runtime::clock::new_operation_id();
    let new = crate::fixture::new_operation(id, "p");
    assert!(matches!(fixture.store.create(&new).await.expect("created"), Created::New(_)));
    assert!(matches!(fixture.store.create(&new).await.expect("harmless"), Created::Before(_)));
    let page = fixture
        .store
        .list(&project("p"), &safepoint_store::ListFilter::default(), safepoint_store::Order::NewestFirst, None, 10)
        .await
        .expect("listed");
    assert_eq!(page.operations.len(), 1);
}

/// INV-3: one key is one operation, however often and however closely it is asked for; with another request it is
/// refused; in another project it is another key.
#[tokio::test]
async fn a_key_makes_one_operation() {
    let fixture = Fixture::new().await;
    let asked = |in_project: &str, fingerprint: u8| NewOperation {
        request: Some(CreateRequest { id: "key".to_owned(), fingerprint: [fingerprint; 32] }),
        ..crate::fixture::new_operation(runtime::clock::new_operation_id(), in_project)
    };
    let sent: Vec<_> = (0..20).map(|_| asked("p", 1)).collect();
    let created = join_all(sent.iter().map(|new| fixture.store.create(new))).await;
    let mut ids = BTreeSet::new();
    let mut first = 0;
    for created in created {
        match created.expect("answered") {
            Created::New(operation) => {
                first += 1;
                ids.insert(operation.id)
            }
            Created::Before(operation) => ids.insert(operation.id),
            Created::KeyTaken => panic!("the request is the same"),
        };
    }
    assert_eq!((first, ids.len()), (1, 1));
    assert!(matches!(fixture.store.create(&asked("p", 2)).await.expect("answered"), Created::KeyTaken));
    assert!(matches!(fixture.store.create(&asked("q", 1)).await.expect("answered"), Created::New(_)));
    let page = fixture
        .store
        .list(&project("p"), &safepoint_store::ListFilter::default(), safepoint_store::Order::NewestFirst, None, 10)
        .await
        .expect("listed");
    assert_eq!(page.operations.len(), 1);
    // Once the key is forgotten it is free.
    assert_eq!(fixture.store.forget_create_requests(Duration::from_hours(1), 10).await.expect("asked"), 0);
    assert_eq!(fixture.store.forget_create_requests(Duration::ZERO, 10).await.expect("forgotten"), 2);
    assert!(matches!(fixture.store.create(&asked("p", 2)).await.expect("answered"), Created::New(_)));
}

/// INV-26: a delete hides at once and does not cancel; the work ends unseen.
#[tokio::test]
async fn a_delete_hides_and_does_not_cancel() {
    let fixture = Fixture::new().await;
    let (id, worker) = (fixture.create().await, fixture.worker().await);
    let fence = fixture.claim_one(worker).await;
    assert!(fixture.store.delete(&at(id), &actor()).await.expect("deleted"));
    assert!(!fixture.store.delete(&at(id), &actor()).await.expect("answered"), "deleted twice");
    assert!(fixture.store.get(&at(id)).await.expect("read").is_none());
    assert!(nobody_sees(&fixture, &at(id)).await, "what is asked of it is not there");
    let settled = fixture.store.finish(&[finished(fence, succeeded())]).await.expect("written");
    assert_eq!(settled.first().map(|settled| settled.state), Some(State::Succeeded));
    assert!(fixture.store.get(&at(id)).await.expect("read").is_none(), "resurrected");
    // Nor where it stands paused.
    let id = fixture.create().await;
    fixture.store.pause(&at(id), &actor()).await.expect("answered");
    assert!(fixture.store.delete(&at(id), &actor()).await.expect("deleted"));
    assert!(nobody_sees(&fixture, &at(id)).await, "what is asked of it is not there");
}

async fn nobody_can_ask(fixture: &Fixture, address: &Address) -> bool {
    let store = &fixture.store;
    nobody_sees(fixture, address).await
        && store.get_to_cancel(address).await.expect("read").is_none()
        && store.cancel(address, &requester()).await.expect("answered").is_none()
        && store.cancel_and_delete(address, &requester()).await.expect("answered").is_none()
        && store.cancel_together(&[(address.clone(), requester())]).await.expect("answered").is_empty()
}

async fn nobody_sees(fixture: &Fixture, address: &Address) -> bool {
    let store = &fixture.store;
    store.get(address).await.expect("read").is_none()
        && store.pause(address, &actor()).await.expect("answered").is_none()
        && store.resume(address, &actor()).await.expect("answered").is_none()
        && store.delete_ended(address, &actor()).await.expect("answered").is_none()
        && !store.delete(address, &actor()).await.expect("answered")
}

/// INV-22: an operation is known by its own name alone, in its project and in its collection.
#[tokio::test]
async fn by_another_name_it_does_not_exist() {
    let fixture = Fixture::new().await;
    let running = fixture.create().await;
    fixture.claim_one(fixture.worker().await).await;
    let (waiting, paused) = (fixture.create().await, fixture.create().await);
    fixture.store.pause(&at(paused), &actor()).await.expect("answered");
    for id in [running, waiting, paused] {
        let before = fixture.get(id).await;
        for wrong in [
            Address { project: project("q"), ..at(id) },
            Address { collection: Some("alloydb/here".to_owned()), ..at(id) },
        ] {
            assert!(nobody_can_ask(&fixture, &wrong).await, "{wrong:?}");
        }
        assert_eq!(fixture.get(id).await.revision, before.revision, "nothing was changed");
        let named = Address { collection: Some("native".to_owned()), ..at(id) };
        assert!(fixture.store.cancel(&named, &requester()).await.expect("answered").is_some());
    }
}

#[tokio::test]
async fn partitions_are_made_once_and_take_the_rows_of_their_week() {
    let fixture = Fixture::new().await;
    let now = runtime::clock::now();
    let made = fixture.store.ensure_partitions(now, 3).await.expect("made");
    assert_eq!(made, 2, "the template has this week and the next");
    assert_eq!(fixture.store.ensure_partitions(now, 3).await.expect("looked"), 0);
    fixture.create().await;
    let client = fixture.database.client().await;
    let row = client.query_one("SELECT tableoid::regclass::text FROM operations", &[]).await.expect("one row");
    assert_ne!(row.get::<_, String>(0), "operations_default");
}

/// Replicas that run while the database is migrated fail a call or two, and go on.
#[tokio::test]
async fn a_column_that_is_added_under_way_is_survived() {
    let fixture = Fixture::new().await;
    let id = fixture.create().await;
    let store = Store::new(&fixture.database.url(), PoolSettings::new("test").connections(1)).expect("a store");
    assert!(store.get(&at(id)).await.expect("read").is_some());
    fixture.sql("ALTER TABLE operations ADD COLUMN of_a_newer_version text").await;
    let first = store.get(&at(id)).await.expect_err("its statement is of before");
    assert!(first.is_passing(), "{first:?}");
    assert!(store.get(&at(id)).await.expect("read by a new connection").is_some());
}
