//! Jobs run when their time has come, each instance once, over any number of keepers.

use futures_util::future::join_all;
use kinds::Parameters;
use kinds::storage_transfer::Schedule;
use operation::{OperationId, Resource};
use runtime::broker::Publisher;
use runtime::clock;
use runtime::kind_settings::{KindSettings, KindsConfig};
use safepoint_keeper::schedules::{round, run};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Actor, Address, Asked, PoolSettings, Requester, ResourceChange, Store};
use testkit::{Role, TestDatabase, actor, broker_settings, eventually, hourly, new_transfer_job, transfer_job};
use time::OffsetDateTime;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_mins(1);

struct Fixture {
    database: TestDatabase,
    /// Under the keeper's role.
    keeper: Store,
    store: Store,
    client: Client,
    publisher: Publisher,
    shutdown: CancellationToken,
}

impl Fixture {
    async fn new() -> Self {
        let (database, shutdown) = (TestDatabase::create().await, CancellationToken::new());
        Self {
            keeper: keeper_of(&database),
            store: database.store(),
            client: database.client().await,
            publisher: Publisher::start(broker_settings(), shutdown.clone()).expect("a URL"),
            shutdown,
            database,
        }
    }

    async fn job(&self, id: &str, schedule: Schedule) -> Resource {
        let mut new = new_transfer_job("p", id, Some(schedule));
        new.create_time -= Duration::from_hours(7 * 24);
        self.store.create_resource(&new).await.expect("made").expect("a free name")
    }

    async fn get(&self, id: &str) -> Resource {
        self.store.resource(&transfer_job("p", id)).await.expect("read").expect("there")
    }

    async fn change(&self, id: &str, state: &str, description: &str) -> bool {
        let seen = self.get(id).await;
        let mut content = seen.content.clone();
        content["description"] = json!(description);
        let next_run_time = if state == Resource::ENABLED { seen.next_run_time } else { None };
        let (state, verb, by) = (state.to_owned(), "UPDATE_TRANSFER_JOB".to_owned(), actor("tester"));
        let change = ResourceChange { state, content, next_run_time, verb, by };
        self.store.update_resource(&seen, &change).await.expect("changed").is_some()
    }

    async fn sql(&self, statement: &str) {
        self.client.batch_execute(statement).await.expect("executed");
    }

    /// As if the time of each had come so long ago.
    async fn come(&self, ago: &str) {
        self.sql(&format!(
            "UPDATE resources SET next_run_time = clock_timestamp() - interval '{ago}' WHERE state = 'ENABLED'"
        ))
        .await;
    }

    async fn round(&self) {
        let unreadable =
            round(&self.keeper, &self.publisher, &KindsConfig::default(), &self.shutdown).await.expect("a round");
        assert!(unreadable.is_empty(), "{unreadable:?}");
    }

    /// How many runs there are of each job.
    async fn runs(&self) -> BTreeMap<String, i64> {
        let query = "SELECT target, count(*) FROM operations GROUP BY 1";
        let rows = self.client.query(query, &[]).await.expect("counted");
        rows.iter().map(|row| (row.get::<_, String>(0).replace("transferJobs/", ""), row.get(1))).collect()
    }

    async fn all_ended(&self) {
        self.sql(
            "UPDATE operations SET state = 'FAILED', finish_time = clock_timestamp(), error_code = 13, error_message = 'x'
             WHERE NOT done",
        )
        .await;
    }
}

fn keeper_of(database: &TestDatabase) -> Store {
    Store::new(&database.url_as(Role::Keeper), PoolSettings::new("test").connections(2)).expect("a store")
}

fn is_soon(next: Option<OffsetDateTime>) -> bool {
    next.is_some_and(|next| next > clock::now() && next <= clock::now() + Duration::from_hours(1))
}

/// Four keepers, forty jobs, five instances of each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_instance_runs_once_over_four_keepers() {
    let fixture = Fixture::new().await;
    for number in 0..40 {
        fixture.job(&number.to_string(), hourly()).await;
    }
    let keepers: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(run(
                keeper_of(&fixture.database),
                fixture.publisher.clone(),
                KindsConfig::default(),
                fixture.shutdown.clone(),
            ))
        })
        .collect();
    for instance in 1..=5 {
        fixture.all_ended().await;
        fixture.come("1 second").await;
        let all_ran = "SELECT bool_and(next_run_time > clock_timestamp()) FROM resources";
        eventually("all have run", LIMIT, async || {
            fixture.client.query_one(all_ran, &[]).await.expect("a look").get::<_, bool>(0).then_some(())
        })
        .await;
        let runs = fixture.runs().await;
        assert!(runs.len() == 40 && runs.values().all(|count| *count == instance), "{instance}: {runs:?}");
    }
    fixture.shutdown.cancel();
    for keeper in join_all(keepers).await {
        keeper.expect("the loop ends");
    }
    // Nobody is left who could do more.
    assert!(fixture.runs().await.values().all(|count| *count == 5));
    let told =
        "SELECT count(*), count(DISTINCT request_id || resource), min(principal) FROM audit_log WHERE verb = 'CREATE'";
    let told = fixture.client.query_one(told, &[]).await.expect("a row");
    let told: (i64, i64, String) = (told.get(0), told.get(1), told.get(2));
    assert_eq!(told, (200, 200, "operator:keeper:schedule".to_owned()), "each with its instance");
}

/// All four at the same moment, again and again: no turn of theirs is missed by luck.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rounds_at_the_same_moment_run_nothing_twice() {
    let fixture = Fixture::new().await;
    for number in 0..10 {
        fixture.job(&number.to_string(), hourly()).await;
    }
    let (stores, kinds): (Vec<_>, _) = ((0..4).map(|_| keeper_of(&fixture.database)).collect(), KindsConfig::default());
    for instance in 1..=10 {
        fixture.all_ended().await;
        fixture.come("1 second").await;
        let rounds =
            join_all(stores.iter().map(|store| round(store, &fixture.publisher, &kinds, &fixture.shutdown))).await;
        assert!(rounds.iter().all(Result::is_ok), "{rounds:?}");
        let runs = fixture.runs().await;
        assert!(runs.len() == 10 && runs.values().all(|count| *count == instance), "{instance}: {runs:?}");
    }
}

#[tokio::test]
async fn after_an_outage_of_days_there_is_one_run_and_the_next_is_to_come() {
    let fixture = Fixture::new().await;
    fixture.job("a", hourly()).await;
    fixture.come("3 days").await;
    fixture.round().await;
    assert!(is_soon(fixture.get("a").await.next_run_time));
    fixture.all_ended().await;
    fixture.round().await;
    assert_eq!(fixture.runs().await, [("a".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_run_is_a_transfer_of_its_job_and_the_job_knows_it() {
    let fixture = Fixture::new().await;
    fixture.job("a", hourly()).await;
    fixture.come("1 second").await;
    fixture.round().await;
    let id = fixture.get("a").await.latest_operation.expect("a run");
    let run = fixture.store.get(&address(id)).await.expect("read").expect("there");
    let transfer = kinds::storage_transfer::StorageTransfer::from_spec(&run.spec).expect("a transfer");
    assert_eq!((transfer.job.as_deref(), run.collection.as_str()), (Some("transferJobs/a"), "transferOperations"));
    assert_eq!(kinds::storage_transfer::StorageTransfer { job: None, ..transfer }, testkit::transfer());
}

#[tokio::test]
async fn the_last_instance_runs_and_then_none() {
    let fixture = Fixture::new().await;
    // Made a week ago, to run until yesterday.
    let yesterday = clock::now().date().previous_day();
    fixture.job("a", Schedule { end_date: yesterday, ..hourly() }).await;
    fixture.come("1 day").await;
    fixture.round().await;
    assert_eq!((fixture.get("a").await.next_run_time, fixture.runs().await), (None, [("a".to_owned(), 1)].into()));
}

/// Who cancels Monday's run says nothing of Tuesday's.
#[tokio::test]
async fn a_cancelled_run_leaves_the_next_one() {
    let fixture = Fixture::new().await;
    let daily = Schedule { repeat_interval: None, ..hourly() };
    fixture.job("a", daily).await;
    fixture.come("1 second").await;
    fixture.round().await;
    let monday = fixture.get("a").await;
    let id = monday.latest_operation.expect("a run");
    let by = Requester { by: actor("tester"), reason: None, mode: operation::CancelMode::Now };
    let cancelled = fixture.store.cancel(&address(id), &by).await.expect("answered").expect("there");
    assert!(matches!(&cancelled, Asked::Recorded(operation) if operation.state == operation::State::Cancelled));
    let tuesday = monday.next_run_time.expect("a Tuesday");
    assert!(tuesday > clock::now() && tuesday <= clock::now() + Duration::from_hours(24));
    assert_eq!(fixture.get("a").await, monday, "the job is as it was");

    fixture.come("1 second").await;
    fixture.round().await;
    assert_ne!(fixture.get("a").await.latest_operation, Some(id));
    assert_eq!(fixture.runs().await, [("a".to_owned(), 2)].into());
}

#[tokio::test]
async fn a_job_whose_run_goes_on_is_passed_over() {
    let fixture = Fixture::new().await;
    fixture.job("a", hourly()).await;
    for _ in 0..3 {
        fixture.come("1 second").await;
        fixture.round().await;
    }
    assert_eq!(fixture.runs().await, [("a".to_owned(), 1)].into());
    assert!(is_soon(fixture.get("a").await.next_run_time));
    let metrics = runtime::metrics::render();
    for counted in ["{result=\"passed_over\"} 2", "{result=\"run\"} 1"] {
        assert!(metrics.contains(&format!("safepoint_schedule_instances_total{counted}")), "{metrics}");
    }
    assert!(metrics.contains("safepoint_schedule_lateness_seconds_count 1"), "{metrics}");
    // Paused is not ended.
    fixture
        .store
        .pause(&address(fixture.get("a").await.latest_operation.expect("a run")), &actor("t"))
        .await
        .expect("paused");
    fixture.come("1 second").await;
    fixture.round().await;
    assert_eq!(fixture.runs().await, [("a".to_owned(), 1)].into());

    fixture.all_ended().await;
    fixture.come("1 second").await;
    fixture.round().await;
    assert_eq!(fixture.runs().await, [("a".to_owned(), 2)].into());
}

#[tokio::test]
async fn disabled_and_deleted_jobs_never_run() {
    let fixture = Fixture::new().await;
    for id in ["disabled", "deleted", "enabled"] {
        fixture.job(id, hourly()).await;
    }
    fixture.come("1 second").await;
    assert!(fixture.change("disabled", "DISABLED", "").await);
    assert!(fixture.change("deleted", "DELETED", "").await);
    fixture.round().await;
    assert_eq!(fixture.runs().await, [("enabled".to_owned(), 1)].into());
    // Nor by a time that a mistake of ours would leave behind.
    for id in ["disabled", "deleted"] {
        let wrong = format!("UPDATE resources SET next_run_time = now() WHERE name = 'transferJobs/{id}'");
        assert!(fixture.client.batch_execute(&wrong).await.is_err());
    }
}

/// Nor those whose kind is switched off, or is for other projects.
#[tokio::test]
async fn jobs_of_a_kind_that_is_not_for_their_project_do_not_run() {
    let fixture = Fixture::new().await;
    fixture.job("one", hourly()).await;
    fixture.come("1 second").await;
    let off = KindSettings { enabled: Some(false), projects: None };
    let others = KindSettings { enabled: None, projects: Some(vec!["q".parse().expect("a project")]) };
    for settings in [off, others] {
        let mut kinds = KindsConfig::default();
        kinds.set(::kinds::storage_transfer::KIND, settings);
        round(&fixture.keeper, &fixture.publisher, &kinds, &fixture.shutdown).await.expect("a round");
        assert_eq!(fixture.runs().await, BTreeMap::new());
    }
    fixture.round().await;
    assert_eq!(fixture.runs().await, [("one".to_owned(), 1)].into());
}

/// It runs as it is now, or not at all: what a look has seen of it before is worth nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_changed_meanwhile_runs_as_its_new_self_or_not_at_all() {
    let fixture = Fixture::new().await;
    for number in 0..60 {
        fixture.job(&format!("{number:02}"), hourly()).await;
    }
    fixture.come("1 second").await;
    let (keeper, kinds) = (keeper_of(&fixture.database), KindsConfig::default());
    let (ran, changed) = tokio::join!(round(&keeper, &fixture.publisher, &kinds, &fixture.shutdown), async {
        let mut changed = BTreeMap::new();
        // Against the order in which the round goes.
        for number in (0..60).rev() {
            let id = format!("{number:02}");
            let status = if number % 2 == 0 { "DISABLED" } else { "DELETED" };
            let done = fixture.change(&id, status, "changed").await;
            changed.insert(id, done);
        }
        changed
    });
    ran.expect("a round");
    let (runs, mut before) = (fixture.runs().await, 0);
    for (id, changed) in changed {
        let job = fixture.get(&id).await;
        let ran = runs.get(&id).copied().unwrap_or_default();
        assert_eq!(ran, i64::from(job.latest_operation.is_some()), "{id}: a run, and a job that knows it");
        assert!(ran == 1 || changed, "{id}: neither changed nor run");
        before += ran;
    }
    fixture.round().await;
    assert_eq!(fixture.runs().await, runs, "what was switched off or deleted runs no more");
    assert!(before < 60, "trivial: all had run before they were changed");
}

/// A job of a newer version, or one that nobody of ours has written.
#[tokio::test]
async fn a_job_that_cannot_be_read_keeps_no_other_from_its_run() {
    let fixture = Fixture::new().await;
    for id in ["a", "b"] {
        fixture.job(id, hourly()).await;
    }
    fixture.come("1 second").await;
    fixture.sql("UPDATE resources SET content = '{}', next_run_time = now() - interval '1 day' WHERE name = 'transferJobs/a'").await;
    let unreadable =
        round(&fixture.keeper, &fixture.publisher, &KindsConfig::default(), &fixture.shutdown).await.expect("a round");
    assert_eq!(unreadable, ["p transferJobs/a".to_owned()].into());
    assert_eq!(fixture.runs().await, [("b".to_owned(), 1)].into());
}

/// Of a vendor that a newer version has.
#[tokio::test]
async fn a_resource_of_an_unknown_collection_is_left_alone() {
    let fixture = Fixture::new().await;
    fixture.job("a", hourly()).await;
    fixture
        .sql(
            "INSERT INTO resources (project_id, collection, name, state, content, create_time, next_run_time)
             VALUES ('p', 'newer', 'newer/a', 'ENABLED', '{}', now(), now() - interval '1 day')",
        )
        .await;
    fixture.come("1 second").await;
    let unreadable =
        round(&fixture.keeper, &fixture.publisher, &KindsConfig::default(), &fixture.shutdown).await.expect("a round");
    assert_eq!(unreadable, ["p newer/a".to_owned()].into());
    assert_eq!(fixture.runs().await, [("a".to_owned(), 1)].into());
    let untouched = "SELECT revision = 1 AND latest_operation IS NULL FROM resources WHERE collection = 'newer'";
    assert!(fixture.client.query_one(untouched, &[]).await.expect("a row").get::<_, bool>(0));
}

/// More than one page of them, and a full queue of its project keeps none of them out.
#[tokio::test]
async fn all_that_are_due_run_in_one_round_whatever_waits_already() {
    let fixture = Fixture::new().await;
    fixture.job("first", hourly()).await;
    fixture
        .sql(
            "INSERT INTO resources (project_id, collection, name, state, content, create_time)
             SELECT 'p', collection, 'transferJobs/' || n, 'ENABLED', content, create_time FROM resources, generate_series(1, 450) n;
             INSERT INTO projects (project_id, queued_limit) VALUES ('p', 1)",
        )
        .await;
    fixture.come("1 second").await;
    fixture.round().await;
    assert_eq!(fixture.runs().await.len(), 451);
}

fn address(id: OperationId) -> Address {
    Address { project: "p".parse().expect("a project"), collection: None, id }
}

/// The names of others in the audit log can't be the schedule's.
#[tokio::test]
async fn the_audit_log_tells_a_schedules_runs_from_those_that_somebody_asked_for() {
    let fixture = Fixture::new().await;
    fixture.job("a", hourly()).await;
    fixture.come("90 seconds").await;
    let instance = fixture.get("a").await.next_run_time.expect("a time");
    fixture.round().await;
    let page = fixture.store.audit_log(&"p".parse().expect("a project"), None, None, 1).await.expect("read");
    let entry = page.entries.first().expect("an entry");
    let format = time::format_description::well_known::Rfc3339;
    let by = Actor {
        principal: entry.principal.clone(),
        source_address: None,
        request_id: entry.request_id.clone().unwrap_or_default(),
    };
    let expected = Actor {
        principal: "operator:keeper:schedule".to_owned(),
        source_address: None,
        request_id: instance.format(&format).expect("a time"),
    };
    assert_eq!(
        (by, entry.source_address.as_deref(), entry.resource.as_deref()),
        (expected, None, Some("transferJobs/a"))
    );
}
