//! Resources: changed by who has seen them as they stand, run once, and gone a while after they were deleted.

use crate::fixture::{Fixture, actor, finished, project, succeeded};
use futures_util::future::join_all;
use kinds::Parameters;
use kinds::demo_steps::{self, DemoSteps};
use kinds::storage_transfer::OPERATIONS;
use operation::{OperationId, Resource, RetryPolicy, State};
use runtime::clock;
use safepoint_store::{
    AuditEntry, NewResource, PoolSettings, ResourceAddress, ResourceChange, ResourceFilter, ResourceRun, Store,
};
use serde_json::json;
use std::time::Duration;
use testkit::{Role, hourly, new_transfer_job, transfer, transfer_job};
use time::OffsetDateTime;

const HOUR: time::Duration = time::Duration::HOUR;

const COLLECTION: &str = "transferJobs";

async fn create(store: &Store, id: &str) -> Resource {
    store.create_resource(&new_transfer_job("p", id, Some(hourly()))).await.expect("made").expect("a free name")
}

async fn get(store: &Store, id: &str) -> Option<Resource> {
    store.resource(&transfer_job("p", id)).await.expect("read")
}

fn id(resource: &Resource) -> String {
    resource.name.replace("transferJobs/", "")
}

fn change(seen: &Resource, state: &str) -> ResourceChange {
    ResourceChange {
        state: state.to_owned(),
        content: seen.content.clone(),
        next_run_time: None,
        verb: if state == "DELETED" { "DELETE_TRANSFER_JOB" } else { "UPDATE_TRANSFER_JOB" }.to_owned(),
        by: actor(),
    }
}

fn run() -> ResourceRun {
    ResourceRun {
        id: clock::new_operation_id(),
        collection: OPERATIONS.to_owned(),
        spec: transfer().to_spec(),
        next_run_time: None,
        retry: RetryPolicy::default(),
        trace_parent: None,
        by: actor(),
    }
}

/// By SQL, as if the time had come or gone by.
async fn set_next_run(fixture: &Fixture, id: &str, ago: &str) {
    let set = format!(
        "UPDATE resources SET next_run_time = clock_timestamp() - interval '{ago}' WHERE name = 'transferJobs/{id}'"
    );
    fixture.sql(&set).await;
}

async fn due(store: &Store) -> Vec<(String, bool)> {
    let page = store.due_resources(None, 100).await.expect("looked");
    assert!(page.unreadable.is_empty() && page.next.is_none(), "{page:?}");
    page.resources.iter().map(|due| (id(&due.resource), due.latest_ended)).collect()
}

async fn end(fixture: &Fixture, id: OperationId) {
    let worker = fixture.worker().await;
    let claimed = fixture.store.claim(worker, &kinds::storage_transfer::KIND, 1, "").await.expect("claimed").operations;
    assert_eq!(claimed[0].fence.id, id);
    assert_eq!(fixture.store.finish(&[finished(claimed[0].fence, succeeded())]).await.expect("written").len(), 1);
}

#[tokio::test]
async fn a_name_is_taken_once_in_a_project_and_for_good() {
    let fixture = Fixture::new().await;
    let new = new_transfer_job("p", "a", Some(hourly()));
    let made = fixture.store.create_resource(&new).await.expect("made").expect("a free name");
    assert_eq!(
        (&made.project, &made.name, made.state.as_str(), made.revision),
        (&new.address.project, &new.address.name, "ENABLED", 1)
    );
    assert_eq!((&made.content, made.latest_operation, made.delete_time), (&new.content, None, None));
    assert!(
        (made.create_time - new.create_time).abs() < time::Duration::MILLISECOND,
        "it counts from when it was made"
    );
    assert_eq!(get(&fixture.store, "a").await.as_ref(), Some(&made));
    assert!(fixture.store.create_resource(&new).await.expect("answered").is_none());
    assert!(fixture.store.create_resource(&new_transfer_job("q", "a", None)).await.expect("answered").is_some());
    let gone = change(&made, "DELETED");
    fixture.store.update_resource(&made, &gone).await.expect("changed").expect("as it was seen");
    assert!(fixture.store.create_resource(&new).await.expect("answered").is_none(), "taken, though deleted");
    assert_eq!(fixture.store.resource(&transfer_job("r", "a")).await.expect("read"), None);
}

/// What each collection holds is its own affair: another vendor's states and content, and its kind of operations.
#[tokio::test]
async fn collections_know_nothing_of_one_another() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    create(store, "a").await;
    let address =
        ResourceAddress { collection: "notes".to_owned(), name: "notes/a".to_owned(), ..transfer_job("p", "a") };
    let content = json!(["anything", 1, null]);
    let new = NewResource {
        address: address.clone(),
        state: "OPEN".to_owned(),
        content: content.clone(),
        verb: "CREATE_NOTE".to_owned(),
        ..new_transfer_job("p", "a", None)
    };
    let made = store.create_resource(&new).await.expect("made").expect("a free name");
    assert_eq!((made.collection.as_str(), made.state.as_str(), &made.content), ("notes", "OPEN", &content));
    let asked = ResourceRun { collection: "readings".to_owned(), spec: DemoSteps::new(1, 1).to_spec(), ..run() };
    let ran = store.run_resource(&made, &asked).await.expect("run").expect("as it was seen");
    assert_eq!((ran.collection.as_str(), ran.kind, ran.target.as_str()), ("readings", demo_steps::KIND, "notes/a"));
    let any = |state: &str| ResourceFilter { names: None, name_pattern: None, states: vec![state.to_owned()] };
    for (collection, state, count) in [("notes", "OPEN", 1), ("notes", "ENABLED", 0), (COLLECTION, "ENABLED", 1)] {
        let listed = store.resources(&project("p"), collection, &any(state), None, 10).await.expect("listed");
        assert_eq!(listed.len(), count, "{collection} {state}");
    }
    let seen = store.resource(&address).await.expect("read").expect("there");
    let on = ResourceChange { next_run_time: Some(clock::now() - HOUR), ..change(&seen, "ENABLED") };
    store.update_resource(&seen, &on).await.expect("changed").expect("as it was seen");
    set_next_run(&fixture, "a", "1 minute").await;
    let page = store.due_resources(None, 10).await.expect("looked");
    let due: Vec<_> = page.resources.iter().map(|due| due.resource.collection.as_str()).collect();
    assert_eq!(due, ["notes", COLLECTION], "of all, the longest waiting first");
    let seen = store.resource(&address).await.expect("read").expect("there");
    store.update_resource(&seen, &change(&seen, "DELETED")).await.expect("changed").expect("as it was seen");
    assert_eq!(store.forget_resources(COLLECTION, Duration::ZERO, 10).await.expect("asked"), 0);
    assert_eq!(store.forget_resources("notes", Duration::ZERO, 10).await.expect("asked"), 1);
    for wrong in [
        NewResource { address: ResourceAddress { name: "others/a".to_owned(), ..address }, ..new.clone() },
        NewResource { next_run_time: Some(clock::now()), ..new },
    ] {
        assert!(store.create_resource(&wrong).await.is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn only_who_has_seen_a_job_as_it_stands_changes_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let seen = create(store, "a").await;
    let next = OffsetDateTime::from_unix_timestamp(2_000_000_000).expect("a time");
    let mut changed = change(&seen, "ENABLED");
    changed.content["description"] = json!("nightly");
    changed.next_run_time = Some(next);
    let now = store.update_resource(&seen, &changed).await.expect("changed").expect("as it was seen");
    assert_eq!((&now.content, now.next_run_time, now.revision), (&changed.content, Some(next), 2));
    assert!(now.update_time > seen.update_time && now.create_time == seen.create_time);
    // Of the same view, whatever it wants: nothing.
    for status in ["DISABLED", "DELETED"] {
        assert_eq!(store.update_resource(&seen, &change(&seen, status)).await.expect("answered"), None);
    }
    assert!(store.run_resource(&seen, &run()).await.expect("answered").is_none());
    assert!(!store.skip_resource(&seen, None).await.expect("answered"));
    assert_eq!(get(store, "a").await, Some(now.clone()));

    let off = store.update_resource(&now, &change(&now, "DISABLED")).await.expect("changed");
    let off = off.expect("as it was seen");
    assert_eq!((off.state.as_str(), off.next_run_time), ("DISABLED", None));
    let gone = store.update_resource(&off, &change(&off, "DELETED")).await.expect("changed");
    let gone = gone.expect("as it was seen");
    assert!(gone.state == "DELETED" && gone.delete_time.is_some());
    // For good, even for who has seen that.
    assert_eq!(store.update_resource(&gone, &change(&gone, "ENABLED")).await.expect("answered"), None);
    assert!(store.run_resource(&gone, &run()).await.expect("answered").is_none());
    assert_eq!(get(store, "a").await, Some(gone));
}

#[tokio::test]
async fn a_list_shows_what_is_asked_for_by_name_each_once() {
    let fixture = Fixture::new().await;
    for id in ["a1", "a2", "a_b", "axb", "b%1", "OPI7"].map(|id| id.replace('%', "~")) {
        create(&fixture.store, &id).await;
    }
    fixture.store.create_resource(&new_transfer_job("q", "a1", None)).await.expect("made");
    for (id, status) in [("a2", "DISABLED"), ("b~1", "DELETED")] {
        let seen = get(&fixture.store, id).await.expect("there");
        fixture.store.update_resource(&seen, &change(&seen, status)).await.expect("changed").expect("as seen");
    }
    let all = ["ENABLED", "DISABLED", "DELETED"];
    let walk = async |names: Option<&[&str]>, pattern: Option<&str>, states: &[&str], page: u32| {
        let filter = ResourceFilter {
            names: names.map(|ids| ids.iter().map(|id| format!("transferJobs/{id}")).collect()),
            name_pattern: pattern.map(ToOwned::to_owned),
            states: states.iter().map(|state| (*state).to_owned()).collect(),
        };
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let jobs = fixture
                .store
                .resources(&project("p"), COLLECTION, &filter, after.as_deref(), page)
                .await
                .expect("listed");
            assert!(jobs.len() <= page as usize);
            let Some(last) = jobs.last() else { return seen };
            after = Some(last.name.clone());
            seen.extend(jobs.iter().map(id));
        }
    };
    for page in [1, 4, 100] {
        assert_eq!(walk(None, None, &all, page).await, ["OPI7", "a1", "a2", "a_b", "axb", "b~1"], "pages of {page}");
    }
    assert_eq!(walk(None, None, &all[..1], 2).await, ["OPI7", "a1", "a_b", "axb"]);
    assert_eq!(walk(None, None, &all[1..], 2).await, ["a2", "b~1"]);
    assert_eq!(walk(Some(&["a2", "a1", "c"]), None, &all, 100).await, ["a1", "a2"]);
    assert_eq!(walk(None, Some("transferJobs/a*"), &all, 100).await, ["a1", "a2", "a_b", "axb"]);
    assert_eq!(walk(None, Some("transferJobs/a_b"), &all, 100).await, ["a_b"], "no wildcard of SQL's");
    assert_eq!(walk(None, Some("*1"), &all, 100).await, ["a1", "b~1"]);
    assert_eq!(walk(Some(&[]), None, &all, 100).await, [""; 0]);
}

#[tokio::test]
async fn a_run_is_an_operation_and_the_job_that_names_it() {
    let fixture = Fixture::new().await;
    let seen = create(&fixture.store, "a").await;
    let next = seen.create_time + HOUR;
    let asked = ResourceRun { next_run_time: Some(next), trace_parent: Some("00-1-2-03".to_owned()), ..run() };
    let made = fixture.store.run_resource(&seen, &asked).await.expect("run").expect("as it was seen");
    assert_eq!((made.id, made.project.as_str(), made.state), (asked.id, "p", State::Pending));
    assert_eq!(
        (made.collection.as_str(), made.kind, made.target.as_str()),
        ("transferOperations", kinds::storage_transfer::KIND, "transferJobs/a")
    );
    assert_eq!((&made.spec, &made.trace_parent, made.retry), (&asked.spec, &asked.trace_parent, asked.retry));
    let job = get(&fixture.store, "a").await.expect("there");
    assert_eq!((job.latest_operation, job.revision, job.next_run_time), (Some(made.id), 2, Some(next)));
    assert_eq!(
        fixture.store.project_of_operation(made.id, "transferOperations").await.expect("told"),
        Some(project("p"))
    );
    assert_eq!(fixture.store.project_of_operation(made.id, "native").await.expect("told"), None);
    let nobodys = clock::new_operation_id();
    assert_eq!(fixture.store.project_of_operation(nobodys, "transferOperations").await.expect("told"), None);
    // A disabled job runs when somebody asks.
    let off = fixture.store.update_resource(&job, &change(&job, "DISABLED")).await.expect("changed");
    let off = off.expect("as it was seen");
    assert!(fixture.store.run_resource(&off, &run()).await.expect("run").is_some());
}

/// Whoever comes second has seen another job.
#[tokio::test]
async fn of_twenty_who_run_a_job_one_does() {
    let fixture = Fixture::new().await;
    let store = Store::new(&fixture.database.url(), PoolSettings::new("test").connections(20)).expect("a store");
    let seen = create(&store, "a").await;
    let runs: Vec<_> = (0..20).map(|_| run()).collect();
    let ran = join_all(runs.iter().map(|run| store.run_resource(&seen, run))).await;
    let ran: Vec<_> = ran.into_iter().filter_map(|ran| ran.expect("answered")).collect();
    let [only] = ran.as_slice() else { panic!("{} runs", ran.len()) };
    let count = "SELECT count(*), min(id::text) FROM operations";
    let row = fixture.client.query_one(count, &[]).await.expect("a row");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, String>(1)), (1, only.id.to_string()));
    assert_eq!(get(&store, "a").await.expect("there").latest_operation, Some(only.id));
}

#[tokio::test]
async fn what_is_due_is_shown_with_the_end_of_its_latest_run() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for id in ["a", "b", "c", "later", "never"] {
        create(store, id).await;
    }
    for (id, ago) in [("a", "1 minute"), ("b", "3 days"), ("c", "2 days"), ("later", "-1 minute")] {
        set_next_run(&fixture, id, ago).await;
    }
    let shown = |ids: [(&str, bool); 3]| ids.map(|(id, ended)| (id.to_owned(), ended));
    assert_eq!(due(store).await, shown([("b", true), ("c", true), ("a", true)]), "the longest waiting first");
    let mut seen = Vec::new();
    let mut page = store.due_resources(None, 1).await.expect("looked");
    while let [job] = page.resources.as_slice() {
        seen.push(id(&job.resource));
        assert!(job.resource.next_run_time.is_some_and(|next| next <= job.now));
        let Some(next) = &page.next else { break };
        page = store.due_resources(Some(next), 1).await.expect("looked");
    }
    assert_eq!(seen, ["b", "c", "a"], "page by page");

    // Its run is active, then at its end, then gone.
    let run = run();
    store.run_resource(&get(store, "b").await.expect("there"), &run).await.expect("run").expect("as it was seen");
    set_next_run(&fixture, "b", "3 days").await;
    assert_eq!(due(store).await, shown([("b", false), ("c", true), ("a", true)]));
    end(&fixture, run.id).await;
    assert_eq!(due(store).await, shown([("b", true), ("c", true), ("a", true)]));
    fixture.sql("DELETE FROM operations").await;
    assert_eq!(due(store).await, shown([("b", true), ("c", true), ("a", true)]));

    let next = clock::now() + HOUR;
    assert!(store.skip_resource(&get(store, "b").await.expect("there"), Some(next)).await.expect("skipped"));
    assert!(store.skip_resource(&get(store, "c").await.expect("there"), None).await.expect("skipped"));
    assert_eq!(due(store).await, [("a".to_owned(), true)]);
    let skipped = get(store, "b").await.expect("there");
    assert!(skipped.next_run_time.is_some_and(|time| (time - next).abs() < time::Duration::MILLISECOND));
    assert_eq!(get(store, "c").await.expect("there").next_run_time, None);
}

/// Written by a newer version, or by nobody of ours.
#[tokio::test]
async fn a_job_that_cannot_be_read_is_told_and_keeps_no_other_waiting() {
    let fixture = Fixture::new().await;
    for id in ["a", "b", "c"] {
        create(&fixture.store, id).await;
        set_next_run(&fixture, id, "1 minute").await;
    }
    fixture.sql("UPDATE resources SET project_id = 'a b' WHERE name IN ('transferJobs/a', 'transferJobs/b')").await;
    let (mut read, mut unreadable, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = fixture.store.due_resources(after.as_ref(), 1).await.expect("looked");
        read.extend(page.resources.iter().map(|due| id(&due.resource)));
        unreadable.extend(page.unreadable);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(
        (read.as_slice(), unreadable.as_slice()),
        (&["c".to_owned()][..], &["a b transferJobs/a".to_owned(), "a b transferJobs/b".to_owned()][..])
    );
}

/// However many are scheduled, a look reads those that are due.
#[tokio::test]
async fn a_look_for_what_is_due_ends_where_the_future_begins() {
    let fixture = Fixture::new().await;
    create(&fixture.store, "a").await;
    set_next_run(&fixture, "a", "1 minute").await;
    fixture
        .sql(
            "INSERT INTO resources (project_id, collection, name, state, content, create_time, next_run_time)
             SELECT 'p', collection, 'transferJobs/x' || n, 'ENABLED', content, now(), now() + n * interval '1 minute'
             FROM resources, generate_series(1, 2000) n;
             ANALYZE resources",
        )
        .await;
    let (_, sql) = safepoint_store::STATEMENTS.iter().find(|(name, _)| *name == "due_resources").expect("listed");
    let client = fixture.database.client().await;
    for (setting, value) in safepoint_store::PLANNING {
        client.batch_execute(&format!("SET {setting} = {value}")).await.expect("set");
    }
    client.batch_execute(&format!("PREPARE due AS {sql}")).await.expect("prepared");
    let plan = client.query("EXPLAIN (ANALYZE) EXECUTE due (100, NULL, '', '', '')", &[]).await.expect("a plan");
    let plan = plan.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n");
    assert!(plan.contains("resources_due") && !plan.contains("Rows Removed by Filter"), "{plan}");
    assert_eq!(due(&fixture.store).await.len(), 1);
}

#[tokio::test]
async fn what_was_deleted_long_ago_goes_a_few_at_a_time() {
    let fixture = Fixture::new().await;
    for (id, days) in [("a", 31), ("b", 32), ("young", 29), ("c", 33)] {
        let seen = create(&fixture.store, id).await;
        fixture.store.update_resource(&seen, &change(&seen, "DELETED")).await.expect("changed");
        let age = format!(
            "UPDATE resources SET delete_time = now() - interval '{days} days' WHERE name = 'transferJobs/{id}'"
        );
        fixture.sql(&age).await;
    }
    create(&fixture.store, "stays").await;
    let kept = Duration::from_hours(30 * 24);
    assert_eq!(fixture.store.forget_resources(COLLECTION, kept, 2).await.expect("asked"), 2);
    assert!(get(&fixture.store, "a").await.is_some(), "those that were deleted first go first");
    assert_eq!(fixture.store.forget_resources(COLLECTION, kept, 2).await.expect("asked"), 1);
    assert_eq!(fixture.store.forget_resources(COLLECTION, kept, 2).await.expect("asked"), 0);
    for (id, there) in [("a", false), ("b", false), ("c", false), ("young", true), ("stays", true)] {
        assert_eq!(get(&fixture.store, id).await.is_some(), there, "{id}");
    }
}

/// Each change has one entry, and what changes nothing has none.
#[tokio::test]
async fn each_change_of_a_job_is_in_the_audit_log() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let seen = create(store, "a").await;
    store.create_resource(&new_transfer_job("p", "a", None)).await.expect("answered");
    let off = store.update_resource(&seen, &change(&seen, "DISABLED")).await.expect("changed");
    let off = off.expect("as it was seen");
    let run = run();
    for seen in [&off, &seen] {
        store
            .run_resource(seen, &ResourceRun { id: clock::new_operation_id(), ..run.clone() })
            .await
            .expect("answered");
    }
    let seen = get(store, "a").await.expect("there");
    for _ in 0..2 {
        store.update_resource(&seen, &change(&seen, "DELETED")).await.expect("answered");
    }
    let page = store.audit_log(&project("p"), None, None, 100).await.expect("read");
    let told =
        |entry: &AuditEntry| (entry.verb.clone(), entry.result.clone().unwrap_or_default(), entry.operation.is_some());
    let entries: Vec<_> = page.entries.iter().rev().map(told).collect();
    let expected = [
        ("CREATE_TRANSFER_JOB", "ENABLED", false),
        ("UPDATE_TRANSFER_JOB", "DISABLED", false),
        ("CREATE", "PENDING", true),
        ("DELETE_TRANSFER_JOB", "DELETED", false),
    ];
    assert_eq!(entries, expected.map(|(verb, result, operation)| (verb.to_owned(), result.to_owned(), operation)));
    for entry in &page.entries {
        assert_eq!(
            (entry.principal.as_str(), entry.resource.as_deref()),
            ("tester", Some("transferJobs/a")),
            "{entry:?}"
        );
        assert_eq!(
            (entry.source_address.as_deref(), entry.request_id.as_deref()),
            (Some("127.0.0.1"), Some("request-1"))
        );
    }
}

/// The api makes, changes and runs jobs; the keeper runs, passes over and forgets them. Each with no more than its own rights.
#[tokio::test]
async fn each_role_can_do_with_jobs_what_its_process_does() {
    let fixture = Fixture::new().await;
    let of =
        |role| Store::new(&fixture.database.url_as(role), PoolSettings::new("test").connections(1)).expect("a store");
    let (api, keeper) = (of(Role::Api), of(Role::Keeper));
    let made = create(&api, "a").await;
    let changed = api.update_resource(&made, &change(&made, "ENABLED")).await.expect("changed");
    let run_by_api = run();
    api.run_resource(&changed.expect("as it was seen"), &run_by_api).await.expect("run").expect("as it was seen");
    let listed = ResourceFilter { names: None, name_pattern: None, states: vec!["ENABLED".to_owned()] };
    assert_eq!(api.resources(&project("p"), COLLECTION, &listed, None, 10).await.expect("listed").len(), 1);
    assert!(api.project_of_operation(run_by_api.id, "transferOperations").await.expect("told").is_some());

    set_next_run(&fixture, "a", "1 minute").await;
    let page = keeper.due_resources(None, 10).await.expect("looked");
    let [due] = page.resources.as_slice() else { panic!("{page:?}") };
    assert!(!due.latest_ended);
    assert!(keeper.skip_resource(&due.resource, Some(due.now)).await.expect("skipped"));
    end(&fixture, run_by_api.id).await;
    let page = keeper.due_resources(None, 10).await.expect("looked");
    keeper.run_resource(&page.resources[0].resource, &run()).await.expect("run").expect("as it was seen");
    assert!(
        keeper.to_notify(&kinds::storage_transfer::KIND, Duration::from_secs(1), 10).await.expect("looked").is_empty()
    );
    keeper.notified(&[run_by_api.id]).await.expect("noted");

    let seen = get(&api, "a").await.expect("there");
    api.update_resource(&seen, &change(&seen, "DELETED")).await.expect("changed").expect("as it was seen");
    assert_eq!(keeper.forget_resources(COLLECTION, Duration::ZERO, 10).await.expect("asked"), 1);
}
