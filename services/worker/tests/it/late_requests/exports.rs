//! Exports.

use super::{FORMER, Store, befall, is_fenced, is_refused, soon};
use crate::postgres_export::world::{Run, World};
use operation::{CleanupStatus, Code};
use testkit::Conditions;

/// A query whose answer differs from attempt to attempt: one that fits one request, and one that needs an upload.
const SMALL: &str = "SELECT pg_backend_pid()";
const LARGE: &str = "SELECT pg_backend_pid(), repeat('x', 1000) FROM generate_series(1, 9000)";

fn into(store: &Store, run: Run) -> Run {
    Run { bucket: store.bucket("exports"), ..run }
}

/// The line of the request that makes an object visible.
fn publishes(query: &str, object: &str) -> String {
    match query {
        SMALL => format!("PUT /data/prefix/{object}"),
        _ => format!("POST /data/prefix/{object}?uploadId"),
    }
}

/// The instance (C4): the store holds the request of attempt 1, attempt 2 succeeds, the request is executed.
#[tokio::test]
async fn a_late_request_of_a_former_attempt_does_not_replace_the_export() {
    let Some(store) = Store::start().await else { return };
    let world = World::new().await;
    for (number, (query, former, stands)) in [SMALL, LARGE]
        .into_iter()
        .flat_map(|query| {
            FORMER.into_iter().flat_map(move |former| [false, true].map(|stands| (query, former, stands)))
        })
        .enumerate()
    {
        let name = format!("{number}.csv");
        if stands {
            store.put(&name, "of another time").await;
        }
        let first = into(&store, world.csv(query, &name).await);
        let held = store.front.hold(&publishes(query, &name));
        let (task, clock) = (first.start(), first.clock.clone());
        soon(held.arrived()).await;
        befall(former, &clock, &held).await;
        // The upload of the first attempt must not save the second: its abort is refused.
        store.front.fail(&format!("DELETE /data/prefix/{name}?uploadId"), 403);
        let second = into(&store, world.again(first).await);
        second.succeeds().await;
        let whole = store.object(&name).await.unwrap();
        let late = soon(held.release()).await;
        is_refused(late);
        assert!(store.object(&name).await.unwrap() == whole, "{number} {former:?}: attempt 2's object was replaced");
        is_fenced(task).await;
    }
}

/// Where a store ignores conditions, an upload of a former attempt is gone before the next one begins.
#[tokio::test]
async fn an_upload_that_was_aborted_cannot_be_completed_late() {
    let Some(store) = Store::start().await else { return };
    let world = World::new().await;
    store.front.set_conditions(Conditions::Ignored);
    let first = into(&store, world.csv(LARGE, "x.csv").await);
    let held = store.front.hold(&publishes(LARGE, "x.csv"));
    let task = first.start();
    soon(held.arrived()).await;
    let second = into(&store, world.again(first).await);
    second.succeeds().await;
    let whole = store.object("x.csv").await.unwrap();
    is_refused(soon(held.release()).await);
    assert!(store.object("x.csv").await.unwrap() == whole);
    is_fenced(task).await;
}

/// And where it cannot be aborted, the next attempt of a bucket without conditions does not go on.
#[tokio::test]
async fn without_conditions_a_former_upload_must_be_gone() {
    let Some(store) = Store::start().await else { return };
    let world = World::new().await;
    let first = into(&store, world.csv(LARGE, "x.csv").await);
    let held = store.front.hold(&publishes(LARGE, "x.csv"));
    let task = first.start();
    soon(held.arrived()).await;
    let mut second = into(&store, world.again(first).await);
    second.bucket.conditional_writes = false;
    store.front.fail("DELETE /data/prefix/x.csv?uploadId", 403);
    let failure = second.fails().await;
    assert!(failure.retryable && failure.message.contains("earlier attempt"), "{failure}");
    task.abort();
    soon(held.hung_up()).await;
}

/// An answer that is lost, or an error after which nobody knows: the object is looked at, and written once.
#[tokio::test]
async fn an_export_whose_answer_is_lost_has_succeeded() {
    let Some(store) = Store::start().await else { return };
    let world = World::new().await;
    for (number, query) in [SMALL, LARGE].into_iter().enumerate() {
        for stands in [false, true] {
            let name = format!("{number}{stands}.csv");
            if stands {
                store.put(&name, "of another time").await;
            }
            let line = publishes(query, &name);
            store.front.lose_answer(&line);
            into(&store, world.csv(query, &name).await).succeeds().await;
            assert_eq!(store.front.requests(&line).len(), 1, "{name} was published once");
            assert_ne!(store.object(&name).await.unwrap(), "of another time");
        }
    }
}

/// The HTTP client repeats nothing by itself: between two writes lies a look at the destination.
#[tokio::test]
async fn no_write_is_repeated_without_a_look() {
    let Some(store) = Store::start().await else { return };
    let world = World::new().await;
    for (number, query) in [SMALL, LARGE].into_iter().enumerate() {
        let name = format!("{number}.csv");
        let line = publishes(query, &name);
        store.front.fail(&line, 503);
        into(&store, world.csv(query, &name).await).succeeds().await;
        let (head, write) = (format!("HEAD /data/prefix/{name}"), &line);
        let seen: Vec<_> = store.front.requests("").into_iter().filter(|request| request.contains(&name)).collect();
        let seen: Vec<_> =
            seen.iter().filter(|line| line.starts_with(&head) || line.starts_with(write.as_str())).collect();
        let order: Vec<_> = seen.iter().map(|line| line.starts_with(&head)).collect();
        assert_eq!(order, [true, false, true, false], "{seen:?}");
        assert!(
            seen.iter().filter(|line| line.starts_with(write.as_str())).all(|line| line.ends_with("if-none-match: *"))
        );
    }
}

/// A worker that loses its lease while the store is in trouble sends nothing more.
#[tokio::test]
async fn nothing_is_sent_again_without_the_lease() {
    let Some(store) = Store::start().await else { return };
    let world = World::new().await;
    let run = into(&store, world.csv(SMALL, "x.csv").await);
    let before = store.front.hold("HEAD /data/prefix/x.csv");
    store.front.fail("PUT /data/prefix/x.csv", 503);
    let task = run.start();
    soon(before.arrived()).await;
    let between = store.front.hold("HEAD /data/prefix/x.csv");
    before.release().await;
    soon(between.arrived()).await;
    befall(super::Former::LosesItsLease, &run.clock, &between).await;
    is_fenced(task).await;
    assert_eq!(store.front.requests("PUT ").len(), 1);
    assert_eq!(store.object("x.csv").await, None);
    assert_eq!(run.attempt.cleanup().unwrap().status, CleanupStatus::Unknown);
}

/// An export replaces what another program put there meanwhile: the last writer wins, for as long as it holds its lease.
#[tokio::test]
async fn what_appears_meanwhile_is_replaced() {
    let Some(store) = Store::start().await else { return };
    let world = World::new().await;
    for query in [SMALL, LARGE] {
        let line = publishes(query, "x.csv");
        let run = into(&store, world.csv(query, "x.csv").await);
        let held = store.front.hold(&line);
        let task = run.start();
        soon(held.arrived()).await;
        store.put("x.csv", "of another program").await;
        assert_eq!(held.release().await, 412);
        soon(task).await.unwrap().unwrap();
        assert_ne!(store.object("x.csv").await.unwrap(), "of another program");
        store.delete("x.csv").await;
    }
}

/// A store that refuses conditions is not written to without them, unless the configuration says so.
#[tokio::test]
async fn a_store_without_conditions_is_used_only_if_configured() {
    let Some(store) = Store::start().await else { return };
    let world = World::new().await;
    store.front.set_conditions(Conditions::Refused);
    for query in [SMALL, LARGE] {
        let failure = into(&store, world.csv(query, "x.csv").await).fails().await;
        assert_eq!((failure.code, failure.retryable), (Code::FailedPrecondition, false), "{failure}");
        assert!(failure.message.contains("conditional_writes"), "{failure}");
        assert_eq!(store.object("x.csv").await, None);
        let mut run = into(&store, world.csv(query, "x.csv").await);
        run.bucket.conditional_writes = false;
        run.succeeds().await;
        assert!(store.object("x.csv").await.is_some());
        store.delete("x.csv").await;
    }
}

/// Credentials that may write and not read can make an object, and are told what they lack to replace one.
#[tokio::test]
async fn credentials_that_cannot_read_create_and_do_not_replace() {
    let Some(store) = Store::start().await else { return };
    let world = World::new().await;
    let hidden = || store.front.fail("HEAD /data/prefix/x.csv", 403);
    hidden();
    into(&store, world.csv(SMALL, "x.csv").await).succeeds().await;
    let whole = store.object("x.csv").await.unwrap();
    hidden();
    hidden();
    let failure = into(&store, world.csv(SMALL, "x.csv").await).fails().await;
    assert_eq!((failure.code, failure.retryable), (Code::PermissionDenied, false), "{failure}");
    assert!(failure.message.contains("s3:GetObject"), "{failure}");
    assert_eq!(store.object("x.csv").await.unwrap(), whole);
}
