//! What a project may have at a time.

use crate::fixture::{Fixture, actor, at, failed, finished, project, requester, succeeded};
use futures_util::future::join_all;
use kinds::Parameters;
use kinds::operations_cancel::CancelOperations;
use operation::{CancelMode, ListFilter};
use runtime::clock;
use safepoint_store::{ListedProject, NewOperation, ProjectLimits};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::eventually;

impl Fixture {
    async fn limit(&self, in_project: &str, queued: Option<u32>, running: Option<u32>) {
        let limits = ProjectLimits { queued, running };
        self.store.set_project(&project(in_project), limits, "operator:test").await.expect("set");
    }

    async fn bulk_cancel(&self, in_project: &str) {
        let spec = CancelOperations {
            filter: ListFilter::default(),
            requested_by: "tester".to_owned(),
            reason: None,
            mode: CancelMode::Now,
        };
        let new = NewOperation {
            spec: spec.to_spec(),
            ..crate::fixture::new_operation(clock::new_operation_id(), in_project)
        };
        self.store.create(&new).await.expect("created");
    }
}

#[tokio::test]
async fn no_more_of_a_project_run_than_may_and_others_go_on() {
    let fixture = Fixture::new().await;
    fixture.limit("p", None, Some(3)).await;
    for _ in 0..10 {
        fixture.create().await;
        fixture.create_in("q").await;
    }
    fixture.bulk_cancel("p").await;
    let worker = fixture.worker().await;
    let claim = fixture.store.claim(worker, &kinds::demo_steps::KIND, 20, "").await.expect("claimed");
    let of = |name: &str| claim.operations.iter().filter(|claimed| claimed.project == project(name)).count();
    assert_eq!((of("p"), of("q"), claim.held_back), (3, 10, true));
    // Nothing of it runs more, whoever asks; but what stops others always does.
    let other = fixture.worker().await;
    let none = fixture.store.claim(other, &kinds::demo_steps::KIND, 20, "").await.expect("claimed");
    assert_eq!((none.operations.len(), none.held_back), (0, true));
    let cancels = fixture.store.claim(other, &kinds::operations_cancel::KIND, 1, "").await.expect("claimed");
    assert_eq!((cancels.operations.len(), cancels.held_back), (1, false));

    let fence = claim.operations.iter().find(|claimed| claimed.project == project("p")).expect("one").fence;
    fixture.store.finish(&[finished(fence, succeeded())]).await.expect("written");
    let next = fixture.store.claim(other, &kinds::demo_steps::KIND, 20, "").await.expect("claimed");
    assert_eq!((next.operations.len(), next.held_back), (1, true));
    fixture.limit("p", None, Some(5)).await;
    assert_eq!(fixture.claim(other, 20).await.len(), 2);
    fixture.limit("p", None, None).await;
    let rest = fixture.store.claim(other, &kinds::demo_steps::KIND, 20, "").await.expect("claimed");
    assert_eq!((rest.operations.len(), rest.held_back), (4, false));
}

/// However many workers claim at once, and of whatever kinds: what runs is counted by one of them at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_holds_over_many_workers_at_once() {
    let fixture = Fixture::new().await;
    fixture.limit("p", None, Some(4)).await;
    let mut claims = Vec::new();
    for kind in [kinds::demo_steps::KIND, kinds::postgres_export::KIND] {
        for _ in 0..50 {
            fixture.create().await;
        }
        for _ in 0..4 {
            claims.push((fixture.worker().await, kind.clone()));
        }
    }
    fixture
        .sql("UPDATE operations SET kind = 'postgres.export' WHERE id IN (SELECT id FROM operations LIMIT 50)")
        .await;
    let (mut done, mut most) = (0, 0);
    while done < 100 {
        let asked = join_all(claims.iter().map(|(worker, kind)| fixture.store.claim(*worker, kind, 3, ""))).await;
        let claimed: Vec<_> = asked.into_iter().flat_map(|claim| claim.expect("claimed").operations).collect();
        let row = fixture.client.query_one("SELECT count(*) FROM operations WHERE state = 'RUNNING'", &[]).await;
        most = most.max(row.expect("a count").get::<_, i64>(0));
        let ends: Vec<_> = claimed.iter().map(|claimed| finished(claimed.fence, succeeded())).collect();
        done += fixture.store.finish(&ends).await.expect("written").len();
    }
    assert_eq!(most, 4);
}

/// A claim whose snapshot does not show what another one has just begun takes nothing of that project.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_counts_what_was_passes_the_project_over() {
    let fixture = Fixture::new().await;
    fixture.limit("p", None, Some(1)).await;
    fixture.create().await;
    let (first, second) = (fixture.worker().await, fixture.worker().await);
    // Holds the second claim after its snapshot was taken, before it locks the project: at its worker's row.
    let held = fixture.database.client().await;
    held.batch_execute(&format!("BEGIN; SELECT FROM workers WHERE id = '{second}' FOR UPDATE")).await.expect("held");
    let store = fixture.store.clone();
    let claim = tokio::spawn(async move { store.claim(second, &kinds::demo_steps::KIND, 1, "").await });
    eventually("a claim that waits", Duration::from_secs(30), async || {
        let waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        fixture.client.query_opt(waiting, &[]).await.expect("read")
    })
    .await;
    let urgent = NewOperation { priority: 1, ..crate::fixture::new_operation(clock::new_operation_id(), "p") };
    fixture.store.create(&urgent).await.expect("created");
    assert_eq!(fixture.claim_one(first).await.id, urgent.id);
    held.batch_execute("COMMIT").await.expect("let go");
    let claim = claim.await.expect("no panic").expect("claimed");
    assert_eq!((claim.operations.len(), claim.held_back, claim.passed_over), (0, false, true));
}

/// Projects that may not run more do not hide those behind them; nor does what is overdue take the place of what is not.
#[tokio::test]
async fn the_look_goes_on_behind_projects_that_are_full() {
    let fixture = Fixture::new().await;
    for number in 0..100 {
        let name = format!("full-{number:03}");
        fixture.limit(&name, None, Some(0)).await;
        fixture.create_in(&name).await;
    }
    fixture.create_in("z").await;
    let worker = fixture.worker().await;
    let claim = fixture.store.claim(worker, &kinds::demo_steps::KIND, 1, "").await.expect("claimed");
    assert_eq!((claim.operations.len(), claim.held_back, claim.look_on.as_deref()), (0, true, Some("full-099")));
    let behind = fixture.store.claim(worker, &kinds::demo_steps::KIND, 1, "full-099").await.expect("claimed");
    assert_eq!((behind.operations.len(), behind.look_on), (1, None));

    fixture.limit("p", None, Some(1)).await;
    let deadline = Some(clock::now() - Duration::from_secs(1));
    let late = NewOperation { deadline, priority: 5, ..crate::fixture::new_operation(clock::new_operation_id(), "p") };
    fixture.store.create(&late).await.expect("created");
    let id = fixture.create().await;
    let claim = fixture.store.claim(worker, &kinds::demo_steps::KIND, 1, "p").await.expect("claimed");
    assert_eq!(claim.operations.iter().map(|claimed| claimed.fence.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn what_waits_is_counted_whether_a_list_shows_it_or_not() {
    let fixture = Fixture::new().await;
    let queue = async || {
        let queue = fixture.store.project_queue(&project("p")).await.expect("counted");
        (queue.queued, queue.limit)
    };
    assert_eq!(queue().await, (0, None));
    fixture.limit("p", Some(5), None).await;
    let (paused, hidden, cancelled) = (fixture.create().await, fixture.create().await, fixture.create().await);
    fixture.create_in("q").await;
    fixture.bulk_cancel("p").await;
    fixture.store.pause(&at(paused), &actor()).await.expect("answered");
    fixture.store.delete(&at(hidden), &actor()).await.expect("answered");
    fixture.store.cancel(&at(cancelled), &requester()).await.expect("answered");
    assert_eq!(queue().await, (2, Some(5)));
    fixture.store.compact_counts(1_000).await.expect("folded");
    assert_eq!(queue().await, (2, Some(5)));
    let fence = fixture.claim_one(fixture.worker().await).await;
    assert_eq!(queue().await, (1, Some(5)));
    fixture.store.finish(&[finished(fence, failed(true))]).await.expect("written");
    assert_eq!(queue().await, (2, Some(5)), "what is tried again waits");

    let listed = fixture.store.list_projects().await.expect("listed");
    let by_name: BTreeMap<_, _> = listed.iter().map(|project| (project.project.as_str(), project)).collect();
    let limits = ProjectLimits { queued: Some(5), running: None };
    let expected = ListedProject { project: "p".to_owned(), limits, queued: 2, running: 0 };
    assert_eq!(by_name.get("p"), Some(&&expected));
    assert_eq!(by_name.get("q").map(|project| (project.limits, project.queued)), Some((ProjectLimits::default(), 1)));
}
