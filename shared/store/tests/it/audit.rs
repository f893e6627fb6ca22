//! Who changed what: one entry for each change that somebody asked for, and none for what changed nothing.

use crate::fixture::{Fixture, actor, at, finished, new_operation, project, requester};
use operation::{CancelMode, OperationId};
use runtime::clock;
use safepoint_store::{AuditEntry, CreateRequest, Ending, NewOperation, ProjectLimits, Requester, Retry, StoredToken};
use std::time::Duration;

/// Verbs and results, in the order in which they came.
async fn told(fixture: &Fixture, operation: Option<OperationId>) -> Vec<(String, String)> {
    let page = fixture.store.audit_log(&project("p"), operation, None, 100).await.expect("read");
    let told = |entry: AuditEntry| (entry.verb, entry.result.unwrap_or_default());
    page.entries.into_iter().rev().map(told).collect()
}

fn owned(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(verb, result)| ((*verb).to_owned(), (*result).to_owned())).collect()
}

/// Each is written with the change and only with it.
#[tokio::test]
async fn each_change_has_one_entry_and_what_changes_nothing_has_none() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let asked = |fingerprint| NewOperation {
        request: Some(CreateRequest { id: "key".to_owned(), fingerprint: [fingerprint; 32] }),
        ..new_operation(clock::new_operation_id(), "p")
    };
    let new = asked(1);
    let id = new.id;
    for again in [new, asked(1), asked(2)] {
        store.create(&again).await.expect("answered");
    }
    for _ in 0..2 {
        store.pause(&at(id), &actor()).await.expect("answered");
    }
    for _ in 0..2 {
        store.resume(&at(id), &actor()).await.expect("answered");
    }
    let worker = fixture.worker().await;
    let fence = fixture.claim_one(worker).await;
    let soft = Requester { mode: CancelMode::AfterCurrentItem, ..requester() };
    for requester in [&soft, &soft, &requester(), &requester()] {
        store.cancel(&at(id), requester).await.expect("answered");
    }
    store.finish(&[finished(fence, Ending::Cancelled)]).await.expect("written");
    store.cancel(&at(id), &requester()).await.expect("answered");
    let retry = Retry { id: clock::new_operation_id(), trace_parent: None, request: None, by: actor() };
    for _ in 0..2 {
        store.retry(&at(id), &retry).await.expect("answered");
        store.delete(&at(id), &actor()).await.expect("answered");
    }
    // By another name there is nothing, and nothing is told.
    let elsewhere = safepoint_store::Address { project: project("q"), ..at(retry.id) };
    store.cancel(&elsewhere, &requester()).await.expect("answered");
    store.delete(&elsewhere, &actor()).await.expect("answered");
    store.cancel(&at(retry.id), &requester()).await.expect("answered");

    let life = [
        ("CREATE", "PENDING"),
        ("PAUSE", "PAUSED"),
        ("RESUME", "PENDING"),
        ("CANCEL", "RUNNING"),
        ("CANCEL", "RUNNING"),
    ];
    assert_eq!(told(&fixture, Some(id)).await, owned(&[life.as_slice(), &[("DELETE", "CANCELLED")]].concat()));
    assert_eq!(told(&fixture, Some(retry.id)).await, owned(&[("RETRY", "PENDING"), ("CANCEL", "CANCELLED")]));
    assert_eq!(told(&fixture, None).await.len(), 8);
    assert!(store.audit_log(&project("q"), None, None, 10).await.expect("read").entries.is_empty());
    let elsewhere = store.audit_log(&project("q"), Some(id), None, 10).await.expect("read");
    assert!(elsewhere.entries.is_empty(), "another project's");

    let entries = store.audit_log(&project("p"), Some(id), None, 1).await.expect("read").entries;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(
        (entry.principal.as_str(), entry.source_address.as_deref(), entry.request_id.as_deref(), entry.operation),
        ("tester", Some("127.0.0.1"), Some("request-1"), Some(id))
    );
}

#[tokio::test]
async fn pages_go_back_in_time_and_miss_nothing() {
    let fixture = Fixture::new().await;
    let mut created = Vec::new();
    for _ in 0..7 {
        created.push(fixture.create().await);
        fixture.create_in("q").await;
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = fixture.store.audit_log(&project("p"), None, before, 3).await.expect("read");
        seen.extend(page.entries.iter().filter_map(|entry| entry.operation));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    created.reverse();
    assert_eq!(seen, created);
}

#[tokio::test]
async fn what_operators_do_to_a_project_is_told_too() {
    let fixture = Fixture::new().await;
    let token = StoredToken {
        name: "ci".to_owned(),
        sha256: vec![7; 32],
        projects: vec!["p".to_owned(), "q".to_owned()],
        scopes: vec!["operations.read".to_owned(), "operations.write".to_owned()],
        expires_in: None,
    };
    for _ in 0..2 {
        fixture.store.create_token(&token, "operator:root").await.expect("answered");
    }
    for _ in 0..2 {
        fixture.store.revoke_token("ci", "operator:root").await.expect("answered");
    }
    let limits = ProjectLimits { queued: Some(10), running: None };
    fixture.store.set_project(&project("p"), limits, "operator:root").await.expect("set");
    let expected = [
        ("CREATE_TOKEN", "operations.read operations.write"),
        ("REVOKE_TOKEN", ""),
        ("SET_LIMITS", "queued 10, running -"),
    ];
    assert_eq!(told(&fixture, None).await, owned(&expected));
    let theirs = fixture.store.audit_log(&project("q"), None, None, 10).await.expect("read").entries;
    assert_eq!(theirs.len(), 2);
    assert!(theirs.iter().all(|entry| entry.resource.as_deref() == Some("ci") && entry.principal == "operator:root"));
}

#[tokio::test]
async fn nobody_rewrites_it_and_only_what_is_old_goes() {
    let fixture = Fixture::new().await;
    for days in [500, 401, 399] {
        let entry = format!(
            "INSERT INTO audit_log (time, project_id, principal, verb)
             VALUES (now() - interval '{days} days', 'p', 'somebody', 'CREATE')"
        );
        fixture.sql(&entry).await;
    }
    for rewriting in ["UPDATE audit_log SET principal = 'nobody'", "TRUNCATE audit_log"] {
        let refused = fixture.client.batch_execute(rewriting).await.expect_err(rewriting);
        assert!(refused.as_db_error().is_some_and(|error| error.message().contains("append-only")), "{refused}");
    }
    let (days, kept) = (Duration::from_hours(24), Duration::from_hours(24) * 400);
    assert_eq!(fixture.store.forget_audit_log(kept, 1).await.expect("asked"), 1);
    assert_eq!(fixture.store.forget_audit_log(kept, 10).await.expect("asked"), 1);
    assert_eq!(fixture.store.forget_audit_log(kept, 10).await.expect("asked"), 0);
    assert_eq!(fixture.store.forget_audit_log(days, 10).await.expect("asked"), 1);
}
