//! INV-26: a delete hides for good, does not cancel by itself, and puts nothing that has not ended out of a cancel's reach.

use crate::fixture::{Fixture, actor, at, finished, project, requester, succeeded};
use operation::{OperationId, State};
use safepoint_store::{Asked, Deleted, Ending, ListFilter};

const ROUNDS: usize = 60;

async fn is_shown(fixture: &Fixture, id: OperationId) -> bool {
    fixture.store.get(&at(id)).await.expect("read").is_some()
}

/// How many operations a bulk cancel of everything selects, by its count and by its pages.
async fn selected(fixture: &Fixture) -> Vec<OperationId> {
    let (store, all) = (&fixture.store, ListFilter::default());
    let page = store.list_to_cancel(&project("p"), &all, None, 100).await.expect("listed");
    let count = store.count_to_cancel(&project("p"), &all, 100).await.expect("counted");
    assert_eq!(page.operations.len() as u64, count);
    page.operations.iter().map(|operation| operation.id).collect()
}

/// What the project's counts tell, as `STATE count`.
async fn counted(fixture: &Fixture) -> Vec<String> {
    let counts = fixture.store.counts(&project("p")).await.expect("counted");
    counts.iter().map(|count| format!("{} {}", count.state, count.count)).collect()
}

async fn verbs(fixture: &Fixture, id: OperationId) -> Vec<String> {
    let page = fixture.store.audit_log(&project("p"), Some(id), None, 100).await.expect("read");
    page.entries.into_iter().rev().map(|entry| entry.verb).collect()
}

#[tokio::test]
async fn hidden_running_operation_stays_within_reach_of_cancels() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for together in [false, true] {
        let id = fixture.create().await;
        let fence = fixture.claim_one(fixture.worker().await).await;
        assert!(store.delete(&at(id), &actor()).await.expect("deleted"));
        assert!(!is_shown(&fixture, id).await);
        for _ in 0..2 {
            assert_eq!((selected(&fixture).await, counted(&fixture).await), (vec![id], vec!["RUNNING 1".to_owned()]));
            store.compact_counts(100).await.expect("folded");
        }
        if together {
            let recorded = store.cancel_together(&[(at(id), requester())]).await.expect("answered");
            assert!(recorded.first().is_some_and(|operation| operation.to_be_told().is_some()), "its worker is told");
        } else {
            let asked = store.cancel(&at(id), &requester()).await.expect("answered");
            let Some(Asked::Recorded(operation)) = asked else { panic!("{asked:?}") };
            assert!(operation.to_be_told().is_some(), "its worker is told");
        }
        assert!(matches!(store.cancel(&at(id), &requester()).await, Ok(Some(Asked::Unchanged(_)))), "asked twice");
        assert!(!is_shown(&fixture, id).await, "resurrected by a cancel");
        let settled = store.finish(&[finished(fence, Ending::Cancelled)]).await.expect("written");
        assert_eq!(settled.first().map(|settled| settled.state), Some(State::Cancelled));
        assert!(matches!(store.cancel(&at(id), &requester()).await, Ok(None)), "it has ended, and was deleted");
        assert!(!is_shown(&fixture, id).await, "resurrected by its end");
        for _ in 0..2 {
            assert_eq!((selected(&fixture).await, counted(&fixture).await), (vec![], vec![]));
            store.compact_counts(100).await.expect("folded");
        }
    }
}

/// The same of what nobody runs: a cancel ends it at once.
#[tokio::test]
async fn hidden_waiting_and_paused_operations_are_cancelled_at_once() {
    let fixture = Fixture::new().await;
    let (waiting, paused) = (fixture.create().await, fixture.create().await);
    fixture.store.pause(&at(paused), &actor()).await.expect("answered");
    for id in [waiting, paused] {
        assert!(fixture.store.delete(&at(id), &actor()).await.expect("deleted"));
    }
    assert_eq!(selected(&fixture).await, [waiting, paused]);
    assert_eq!(counted(&fixture).await, ["PAUSED 1", "PENDING 1"]);
    for id in [waiting, paused] {
        let asked = fixture.store.cancel(&at(id), &requester()).await.expect("answered");
        assert!(matches!(&asked, Some(Asked::Recorded(operation)) if operation.state == State::Cancelled), "{asked:?}");
    }
    assert_eq!((selected(&fixture).await, counted(&fixture).await), (vec![], vec![]));
}

#[tokio::test]
async fn only_ended_operations_are_deleted_by_delete_ended() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let running = fixture.create().await;
    let fence = fixture.claim_one(fixture.worker().await).await;
    let (waiting, paused) = (fixture.create().await, fixture.create().await);
    store.pause(&at(paused), &actor()).await.expect("answered");
    for (id, state) in [(waiting, State::Pending), (paused, State::Paused), (running, State::Running)] {
        let refused = store.delete_ended(&at(id), &actor()).await.expect("answered");
        assert_eq!(refused, Some(Deleted::NotDone(state)));
        assert!(is_shown(&fixture, id).await);
        assert!(!verbs(&fixture, id).await.contains(&"DELETE".to_owned()));
    }
    store.finish(&[finished(fence, succeeded())]).await.expect("written");
    store.cancel(&at(waiting), &requester()).await.expect("answered");
    for id in [running, waiting] {
        assert!(matches!(store.delete_ended(&at(id), &actor()).await, Ok(Some(Deleted::Now))));
        assert!(!is_shown(&fixture, id).await);
        assert!(matches!(store.delete_ended(&at(id), &actor()).await, Ok(None)), "deleted twice");
    }
    assert_eq!(verbs(&fixture, waiting).await, ["CREATE", "CANCEL", "DELETE"]);
}

/// Whatever statement ends it hides it, and none before.
#[tokio::test]
async fn cancelled_and_deleted_operation_is_hidden_by_its_end() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for end in ["cancelled", "succeeded", "released", "swept", "reconciled"] {
        let id = fixture.create().await;
        let worker = fixture.worker().await;
        let fence = fixture.claim_one(worker).await;
        let asked = store.cancel_and_delete(&at(id), &requester()).await.expect("answered");
        let Some(Asked::Recorded(operation)) = asked else { panic!("{asked:?}") };
        assert!(operation.to_be_told().is_some() && operation.cancel.is_some(), "{operation:?}");
        assert!(matches!(store.cancel_and_delete(&at(id), &requester()).await, Ok(Some(Asked::Unchanged(_)))));
        assert!(is_shown(&fixture, id).await, "{end}: hidden while it runs");
        assert_eq!((selected(&fixture).await, counted(&fixture).await), (vec![id], vec!["RUNNING 1".to_owned()]));
        match end {
            "swept" => {
                fixture.expire(worker).await;
                store.sweep(10).await.expect("swept");
            }
            "reconciled" => drop(store.reconcile(worker, &[]).await.expect("given back")),
            _ => {
                let ending = match end {
                    "cancelled" => Ending::Cancelled,
                    "succeeded" => succeeded(),
                    _ => Ending::Released,
                };
                store.finish(&[finished(fence, ending)]).await.expect("written");
            }
        }
        assert!(!is_shown(&fixture, id).await, "{end}: shown after its end");
        assert_eq!((selected(&fixture).await, counted(&fixture).await), (vec![], vec![]), "{end}");
        assert!(matches!(store.cancel(&at(id), &requester()).await, Ok(None)), "{end}");
        assert_eq!(verbs(&fixture, id).await, ["CREATE", "CANCEL", "DELETE"], "{end}");
    }
    // Nobody runs it: it ends, and is hidden, in the same statement.
    for paused in [false, true] {
        let id = fixture.create().await;
        if paused {
            store.pause(&at(id), &actor()).await.expect("answered");
        }
        let asked = store.cancel_and_delete(&at(id), &requester()).await.expect("answered");
        assert!(matches!(&asked, Some(Asked::Recorded(operation)) if operation.state == State::Cancelled), "{asked:?}");
        assert!(!is_shown(&fixture, id).await);
    }
    assert_eq!(counted(&fixture).await, Vec::<String>::new());
}

/// Who asked for the cancel first stands in the receipt; the delete joins it.
#[tokio::test]
async fn delete_joins_an_earlier_cancel() {
    let fixture = Fixture::new().await;
    let id = fixture.create().await;
    let fence = fixture.claim_one(fixture.worker().await).await;
    fixture.store.cancel(&at(id), &requester()).await.expect("answered");
    let mut later = requester();
    (later.by, later.reason) = (testkit::actor("later"), None);
    assert!(matches!(fixture.store.cancel_and_delete(&at(id), &later).await, Ok(Some(Asked::Recorded(_)))));
    let cancel = fixture.get(id).await.cancel.expect("a receipt");
    assert_eq!((cancel.requested_by.as_str(), cancel.reason.as_deref()), ("tester", Some("because")));
    fixture.store.finish(&[finished(fence, Ending::Cancelled)]).await.expect("written");
    assert!(!is_shown(&fixture, id).await);
}

/// Whoever commits first: it has ended or it has not, it is hidden or the delete says why not.
#[tokio::test]
async fn delete_and_finish_at_once() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    for round in 0..ROUNDS {
        let id = fixture.create().await;
        let fence = fixture.claim_one(worker).await;
        let (address, ends, by) = (at(id), [finished(fence, succeeded())], actor());
        let finish = fixture.store.finish(&ends);
        if round % 2 == 0 {
            let (deleted, finish) = tokio::join!(fixture.store.delete_ended(&address, &by), finish);
            assert_eq!(finish.expect("written").len(), 1, "round {round}: the end was lost");
            let hidden = match deleted.expect("answered").expect("found") {
                Deleted::Now => true,
                Deleted::NotDone(state) => {
                    assert!(!state.is_done(), "round {round}: refused although it had ended");
                    false
                }
            };
            assert_eq!(is_shown(&fixture, id).await, !hidden, "round {round}");
        } else {
            let requester = requester();
            let (asked, finish) = tokio::join!(fixture.store.cancel_and_delete(&address, &requester), finish);
            assert_eq!(finish.expect("written").len(), 1, "round {round}: the end was lost");
            match asked.expect("answered").expect("found") {
                Asked::Recorded(_) => assert!(!is_shown(&fixture, id).await, "round {round}"),
                Asked::Unchanged(operation) => assert_eq!(operation.state, State::Succeeded, "round {round}"),
            }
        }
    }
}
