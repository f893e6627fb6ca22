//! Replicas of the version before, which know only `transfer_jobs`, run while the database is migrated and after it. Their
//! statements stand in `version_before/`, and go with the view a release later.

use crate::fixture::{Fixture, actor, finished, project, succeeded};
use futures_util::future::join_all;
use kinds::Parameters;
use kinds::storage_transfer::{KIND, OPERATIONS, PayloadFormat, StorageTransfer, TransferNotification};
use operation::{LeaseTerms, OperationId, Resource, RetryPolicy};
use runtime::clock;
use safepoint_store::{PoolSettings, ResourceRun, Store};
use std::path::Path;
use std::time::Duration;
use testkit::{Role, TestDatabase, eventually, hourly, new_operation, new_transfer_job, transfer, transfer_job};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

const LIMIT: Duration = Duration::from_secs(30);
/// Before the table `resources`. What V13 adds, the version before neither reads nor writes.
const LAST_BEFORE: i32 = 13;

const STATEMENTS: [(&str, &str); 9] = [
    ("create_job", include_str!("version_before/create_transfer_job.sql")),
    ("get_job", include_str!("version_before/get_transfer_job.sql")),
    ("list_jobs", include_str!("version_before/list_transfer_jobs.sql")),
    ("update_job", include_str!("version_before/update_transfer_job.sql")),
    ("run_job", include_str!("version_before/run_transfer_job.sql")),
    ("job_to_run", include_str!("version_before/transfer_job_to_run.sql")),
    ("skip_job", include_str!("version_before/skip_transfer_job.sql")),
    ("due_jobs", include_str!("version_before/due_transfer_jobs.sql")),
    ("forget_jobs", include_str!("version_before/forget_transfer_jobs.sql")),
];
const BY: &str = "'old', NULL, 'old-request'";

/// A replica of the version before: its statements are prepared once on its connection.
struct Old(Client);

impl Old {
    async fn connect(database: &TestDatabase, role: Role) -> Self {
        let client = database.client().await;
        client.batch_execute(&format!("SET ROLE {}", role.name())).await.expect("the role");
        for (setting, value) in safepoint_store::PLANNING {
            client.batch_execute(&format!("SET {setting} = {value}")).await.expect("set");
        }
        for (name, sql) in STATEMENTS {
            client.batch_execute(&format!("PREPARE {name} AS {sql}")).await.expect(name);
        }
        Self(client)
    }

    async fn try_execute(&self, call: &str) -> Result<Vec<SimpleQueryRow>, tokio_postgres::Error> {
        let messages = self.0.simple_query(&format!("EXECUTE {call}")).await?;
        let row = |message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    async fn execute(&self, call: &str) -> Vec<SimpleQueryRow> {
        self.try_execute(call).await.expect(call)
    }

    /// How many rows it changed.
    async fn change(&self, call: &str) -> u64 {
        let messages = self.0.simple_query(&format!("EXECUTE {call}")).await.expect(call);
        let count =
            |message: &_| if let SimpleQueryMessage::CommandComplete(count) = message { Some(*count) } else { None };
        let changed = messages.iter().find_map(count);
        changed.expect("a count")
    }

    async fn create(&self, id: &str) -> usize {
        let job = new_transfer_job("p", id, Some(hourly())).content;
        self.execute(&format!("create_job ('p', 'transferJobs/{id}', 'ENABLED', '{job}', NULL, now(), {BY})"))
            .await
            .len()
    }

    async fn revision(&self, id: &str) -> String {
        let rows = self.execute(&format!("get_job ('p', 'transferJobs/{id}')")).await;
        rows[0].get("revision").expect("a revision").to_owned()
    }

    /// A run of a job that stands at a revision, if it does.
    async fn run(&self, id: &str, revision: &str) -> Option<OperationId> {
        let operation = clock::new_operation_id();
        let spec = serde_json::to_string(&transfer().to_spec()).expect("JSON");
        let call = format!(
            "run_job ('p', 'transferJobs/{id}', {revision}, '{operation}', now() + interval '1 hour', '{spec}', NULL, 8, 1, 2,
                      {BY})"
        );
        self.execute(&call).await.first().map(|_| operation)
    }

    async fn due(&self) -> Vec<String> {
        let rows = self.execute("due_jobs (10, NULL, '', '')").await;
        rows.iter().map(|row| row.get("name").expect("a name").replace("transferJobs/", "")).collect()
    }
}

/// A run by this version.
fn run() -> ResourceRun {
    ResourceRun {
        id: clock::new_operation_id(),
        collection: OPERATIONS.to_owned(),
        spec: transfer().to_spec(),
        next_run_time: Some(clock::now() + Duration::from_hours(1)),
        retry: RetryPolicy::default(),
        trace_parent: None,
        by: actor(),
    }
}

/// Read by this version.
async fn get(store: &Store, id: &str) -> Resource {
    store.resource(&transfer_job("p", id)).await.expect("read").expect("there")
}

/// A database as the version before has left it, with its roles' rights.
async fn of_version_before() -> TestDatabase {
    let newest = TestDatabase::create().await;
    let history = "SELECT string_agg(format('(%s, %L, %L, %L)', version, name, applied_on, checksum), ',')
                   FROM refinery_schema_history WHERE version <= $1";
    let history: String = newest.client().await.query_one(history, &[&LAST_BEFORE]).await.expect("a history").get(0);
    let database = TestDatabase::create_empty().await;
    let client = database.client().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    for version in 1..=LAST_BEFORE {
        let is_it = |path: &&std::path::PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("V{version}__")))
        };
        let file = files.iter().find(is_it).expect("a migration");
        client.batch_execute(&std::fs::read_to_string(file).expect("text")).await.expect("applied");
    }
    let (api, keeper) = (Role::Api.name(), Role::Keeper.name());
    let rest = format!(
        "CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name text, applied_on text, checksum text);
         INSERT INTO refinery_schema_history VALUES {history};
         GRANT USAGE ON SCHEMA public TO {api}, {keeper};
         GRANT SELECT, INSERT ON operations, audit_log, operation_moves TO {api}, {keeper};
         GRANT SELECT, INSERT, UPDATE ON transfer_jobs TO {api};
         GRANT SELECT, DELETE, UPDATE (latest_operation, next_run_time, update_time, revision) ON transfer_jobs TO {keeper}"
    );
    client.batch_execute(&rest).await.expect("as it was");
    database
}

/// What has run anywhere is never changed again, not even a comment: the next migration would be refused.
#[tokio::test]
async fn migrations_that_have_run_are_as_they_were() {
    const CHECKSUMS: [&str; 12] = [
        "10419115999804100596",
        "4449311984964722311",
        "11965321065674834594",
        "7084707045730731354",
        "5259667913750097289",
        "11452023999378445810",
        "10902321323810707653",
        "17624918934412485240",
        "7227347908432933084",
        "5189453902485947037",
        "16851856976076528984",
        "10912269595565170816",
    ];
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let history = "SELECT checksum FROM refinery_schema_history ORDER BY version LIMIT 12";
    let checksums: Vec<String> =
        client.query(history, &[]).await.expect("a history").iter().map(|row| row.get(0)).collect();
    assert_eq!(checksums, CHECKSUMS);
}

/// The one row of a query, as text.
async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.expect(query).get(0)
}

const JOBS: &str = "SELECT jsonb_agg(to_jsonb(j) ORDER BY name)::text FROM transfer_jobs j";

#[tokio::test]
async fn jobs_runs_and_pending_notifications_of_the_version_before_come_through() {
    let database = of_version_before().await;
    let (store, client) = (database.store(), database.client().await);
    let (api, keeper) = (Old::connect(&database, Role::Api).await, Old::connect(&database, Role::Keeper).await);
    for id in ["due", "running", "off", "gone"] {
        assert_eq!(api.create(id).await, 1);
    }
    for (id, status) in [("off", "DISABLED"), ("gone", "DELETED")] {
        let change = format!("update_job ('p', 'transferJobs/{id}', 1, '{status}', '{{}}', NULL, {BY})");
        assert_eq!(api.execute(&change).await.len(), 1);
    }
    let running = api.run("running", "1").await.expect("as it was seen");
    let worker = clock::new_worker_id();
    store.register_worker(worker, "test", LeaseTerms::default()).await.expect("registered");
    let claimed = store.claim(worker, &KIND, 1, "").await.expect("claimed").operations;
    assert_eq!(claimed[0].fence.id, running);
    // One that has ended, and somebody is to be told.
    let topic = "projects/p/topics/ends".to_owned();
    let notification = Some(TransferNotification { topic, events: Vec::new(), payload: PayloadFormat::Json });
    let (told, spec) = (clock::new_operation_id(), StorageTransfer { notification, ..transfer() }.to_spec());
    store.create(&new_operation(told, "p", spec)).await.expect("created");
    let ended = store.claim(worker, &KIND, 1, "").await.expect("claimed").operations;
    store.finish(&[finished(ended[0].fence, succeeded())]).await.expect("written");
    let come = "UPDATE transfer_jobs SET next_run_time = now() - interval '1 minute' WHERE status = 'ENABLED'";
    client.batch_execute(come).await.expect("come");
    let before = text(&client, JOBS).await;

    assert_eq!(safepoint_store::migrate(&database.url()).await.expect("migrated"), ["V14__resources"]);
    assert_eq!(text(&client, JOBS).await, before, "row for row");
    let collections = "SELECT string_agg(DISTINCT collection, ' ') || count(*) FROM resources";
    assert_eq!(text(&client, collections).await, "transferJobs4");
    // Replicas of before go on by the connections that they have, with the rights that they had.
    assert_eq!(keeper.due().await, ["due", "running"]);
    assert_eq!(api.revision("due").await, "1");
    // The run goes on, and is passed over; then its job's turn has come.
    let ended_of = async |id: &str| {
        let page = store.due_resources(None, 10).await.expect("looked");
        let found = page.resources.iter().find(|due| due.resource.name.ends_with(id)).expect("due");
        found.latest_ended
    };
    assert!(!ended_of("running").await && ended_of("due").await);
    store.finish(&[finished(claimed[0].fence, succeeded())]).await.expect("written");
    assert!(ended_of("running").await);
    // One keeper of each version: an instance has one run.
    let seen = get(&store, "due").await;
    assert!(keeper.run("due", "1").await.is_some());
    assert!(store.run_resource(&seen, &run()).await.expect("answered").is_none());
    assert_eq!(keeper.due().await, ["running"]);
    let notified = store.to_notify(&KIND, Duration::ZERO, 10).await.expect("looked");
    assert_eq!(notified.into_iter().map(|read| read.expect("readable").id).collect::<Vec<_>>(), [told]);
    let (off, gone) = (get(&store, "off").await, get(&store, "gone").await);
    assert_eq!((off.state.as_str(), off.revision, gone.is_deleted()), ("DISABLED", 2, true));
    assert!(gone.delete_time.is_some());
}

/// A change that came before the migration's lock, and one that waits behind it.
#[tokio::test]
async fn changes_while_the_database_is_migrated_are_kept() {
    let database = of_version_before().await;
    let client = database.client().await;
    let (first, second) = (Old::connect(&database, Role::Api).await, Old::connect(&database, Role::Api).await);
    for id in ["a", "b"] {
        first.create(id).await;
    }
    let waiting = async |count: i64| {
        eventually("sessions wait for the table", LIMIT, async || {
            let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'transfer_jobs'::regclass";
            (client.query_one(waits, &[]).await.expect("counted").get::<_, i64>(0) == count).then_some(())
        })
        .await;
    };
    first.0.batch_execute("BEGIN").await.expect("begun");
    let change = |id: &str| format!("update_job ('p', 'transferJobs/{id}', 1, 'DISABLED', '{{}}', NULL, {BY})");
    assert_eq!(first.execute(&change("a")).await.len(), 1);
    let url = database.url();
    let (migrated, changed, ()) = tokio::join!(
        safepoint_store::migrate(&url),
        async {
            waiting(1).await;
            second.execute(&change("b")).await.len()
        },
        async {
            waiting(2).await;
            first.0.batch_execute("COMMIT").await.expect("committed");
        }
    );
    assert_eq!((migrated.expect("migrated").len(), changed), (1, 1));
    for id in ["a", "b"] {
        let job = get(&database.store(), id).await;
        assert_eq!((job.state.as_str(), job.revision), ("DISABLED", 2), "{id}");
    }
}

#[tokio::test]
async fn each_statement_of_the_version_before_works_as_it_did() {
    let fixture = Fixture::new().await;
    let (api, keeper) =
        (Old::connect(&fixture.database, Role::Api).await, Old::connect(&fixture.database, Role::Keeper).await);
    assert_eq!((api.create("a").await, api.create("a").await), (1, 0), "a name is taken once");
    let job = get(&fixture.store, "a").await;
    assert_eq!((job.collection.as_str(), job.state.as_str(), job.revision), ("transferJobs", "ENABLED", 1));
    assert_eq!(job.content, new_transfer_job("p", "a", Some(hourly())).content);
    let list = "list_jobs ('p', '', NULL, 'transferJobs/%', ARRAY['ENABLED'], 10)";
    assert_eq!(api.execute(list).await.len(), 1);
    let change = |revision, status| {
        let next = if status == "ENABLED" { "now() - interval '1 minute'" } else { "NULL" };
        format!("update_job ('p', 'transferJobs/a', {revision}, '{status}', '{{}}', {next}, {BY})")
    };
    assert_eq!(api.execute(&change(1, "ENABLED")).await.len(), 1);
    assert_eq!(api.execute(&change(1, "DISABLED")).await.len(), 0, "of an old view");
    assert!(api.try_execute(&change(2, "ASLEEP")).await.is_err());
    assert_eq!(keeper.due().await, ["a"]);
    let to_run = api.execute("job_to_run ('p', 'transferJobs/a')").await;
    assert_eq!(to_run[0].get("latest_ended"), Some("t"));
    assert!(api.run("a", "2").await.is_some() && api.run("a", "2").await.is_none());
    let skip = "skip_job ('p', 'transferJobs/a', 3, now() + interval '1 hour')";
    assert_eq!((keeper.change(skip).await, keeper.change(skip).await), (1, 0));
    assert_eq!(api.execute(&change(4, "DELETED")).await.len(), 1);
    assert_eq!((keeper.change("forget_jobs (0, 10)").await, keeper.change("forget_jobs (0, 10)").await), (1, 0));
    let log = fixture.store.audit_log(&project("p"), None, None, 10).await.expect("read");
    let verbs: Vec<_> = log.entries.iter().rev().map(|entry| entry.verb.as_str()).collect();
    assert_eq!(verbs, ["CREATE_TRANSFER_JOB", "UPDATE_TRANSFER_JOB", "CREATE", "DELETE_TRANSFER_JOB"]);
    // What is not a transfer job is not theirs.
    let other = "INSERT INTO resources (project_id, collection, name, state, content, create_time, next_run_time)
                 VALUES ('p', 'notes', 'notes/a', 'ENABLED', '{}', now(), now())";
    fixture.sql(other).await;
    assert_eq!((keeper.due().await.len(), api.execute(list).await.len()), (0, 0));
}

/// Ten of each version at once, who have seen the same job.
#[tokio::test]
async fn of_both_versions_together_one_runs_an_instance() {
    let fixture = Fixture::new().await;
    let store = Store::new(&fixture.database.url(), PoolSettings::new("test").connections(10)).expect("a store");
    let mut old = Vec::new();
    for _ in 0..10 {
        old.push(Old::connect(&fixture.database, Role::Keeper).await);
    }
    old[0].0.batch_execute("RESET ROLE").await.expect("the owner");
    for id in ["a", "b", "c", "d", "e"] {
        old[0].create(id).await;
        let seen = get(&store, id).await;
        let runs: Vec<_> = (0..10).map(|_| run()).collect();
        let (old_runs, new_runs) = tokio::join!(
            join_all(old.iter().map(|keeper| keeper.run(id, "1"))),
            join_all(runs.iter().map(|run| store.run_resource(&seen, run)))
        );
        let new_runs = new_runs.into_iter().filter_map(|ran| ran.expect("answered")).map(|ran| ran.id);
        let ran: Vec<_> = old_runs.into_iter().flatten().chain(new_runs).collect();
        let [only] = ran.as_slice() else { panic!("{id}: {ran:?}") };
        assert_eq!(get(&store, id).await.latest_operation, Some(*only));
        let count = format!("SELECT count(*)::text FROM operations WHERE target = 'transferJobs/{id}'");
        assert_eq!(text(&fixture.client, &count).await, "1");
    }
}
