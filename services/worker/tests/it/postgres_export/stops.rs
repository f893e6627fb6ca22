use super::world::{PATIENCE, Run, World, csv, sql};
use kinds::postgres_export::SqlDump;
use operation::{CancelMode, CleanupStatus, Code, Road};
use safepoint_worker::attempt::Stop;
use safepoint_worker::safepoint::Ended;
use serde_json::Value;
use std::net::TcpListener;
use store::Requester;
use testkit::{GATE, Proxy, eventually};
use tokio::task::JoinHandle;

/// An endless export: no test waits for its end. (A series in FROM would be made whole before its first row.)
const ENDLESS: &str = "SELECT generate_series(1, 100000000000), repeat('x', 100)";

/// Where a silent query waits until its test ends.
const AT_THE_GATE: &str = "state = 'active' AND wait_event = 'advisory'";

async fn stopped(run: &Run, task: JoinHandle<Result<Value, Ended>>) -> &'static str {
    run.attempt.deliver_cancel(Road::Push, CancelMode::Now);
    let ended = task.await.unwrap();
    assert!(matches!(ended, Err(Ended::Stop(Stop::Cancel))), "{ended:?}");
    assert_eq!(run.attempt.cleanup().unwrap().status, CleanupStatus::Removed);
    run.attempt.observed().unwrap().safe_point
}

async fn bytes_arrive(world: &World) {
    eventually("bytes are written", PATIENCE, || async {
        world.files().first().is_some_and(|file| file.metadata().unwrap().len() > 0).then_some(())
    })
    .await;
}

/// A query that is silent is cancelled at the server; nothing is left.
#[tokio::test]
async fn a_silent_query_is_cancelled() {
    let world = World::new().await;
    let _gate = world.source.close_gate().await;
    let run = world.csv(&format!("SELECT {GATE}"), "x.csv").await;
    let task = run.start();
    world.backend_is(&run, AT_THE_GATE).await;
    assert_eq!(stopped(&run, task).await, "waiting for the query to start");
    world.no_query_goes_on(&run).await;
    world.no_backend_is_left(&run).await;
    assert!(world.files().is_empty());
}

/// A query that is silent between two rows is cancelled too.
#[tokio::test]
async fn a_query_that_falls_silent_is_cancelled() {
    let world = World::new().await;
    let _gate = world.source.close_gate().await;
    let query = format!("SELECT 1 UNION ALL SELECT length({GATE}::text)");
    let run = world.csv(&query, "x.csv").await;
    let task = run.start();
    world.backend_is(&run, AT_THE_GATE).await;
    stopped(&run, task).await;
    world.no_query_goes_on(&run).await;
    world.no_backend_is_left(&run).await;
    assert!(world.files().is_empty());
}

/// An export in full flow is cancelled; its half-written file is gone, and so is its backend.
#[tokio::test]
async fn an_export_in_full_flow_is_cancelled() {
    let world = World::new().await;
    for object in ["x.csv", "folder/x.csv.gz"] {
        let run = world.csv(ENDLESS, object).await;
        let task = run.start();
        bytes_arrive(&world).await;
        stopped(&run, task).await;
        world.no_query_goes_on(&run).await;
        world.no_backend_is_left(&run).await;
        assert!(world.files().is_empty());
    }
}

/// A cancel that only the database knows is seen at the commit point: no object appears.
#[tokio::test]
async fn the_commit_point_sees_a_cancel() {
    let world = World::new().await;
    let run = world.csv("SELECT 1", "x.csv").await;
    let requester = Requester { by: testkit::actor("me"), reason: None, mode: CancelMode::Now };
    world.store.store().cancel(&crate::fixture::at(run.attempt.fence.id), &requester).await.unwrap();
    let ended = run.go().await;
    assert!(matches!(ended, Err(Ended::Stop(Stop::Cancel))), "{ended:?}");
    assert_eq!(run.attempt.observed().unwrap().safe_point, "commit point");
    assert!(world.files().is_empty());
}

/// A fenced attempt publishes nothing, and removes only its own file.
#[tokio::test]
async fn a_fenced_attempt_publishes_nothing() {
    let world = World::new().await;
    let first = world.csv("SELECT 1", "x.csv").await;
    let stale = Run {
        spec: first.spec.clone(),
        cluster: world.cluster(),
        bucket: world.bucket(),
        attempt: first.attempt.clone(),
        cx: first.cx.clone(),
        clock: first.clock.clone(),
    };
    let second = world.again(first).await;
    let others = format!(".x.csv.{}.2.part", second.attempt.fence.id);
    std::fs::write(world.folder.path().join(&others), "of the second").unwrap();
    let ended = stale.go().await;
    assert!(matches!(ended, Err(Ended::Stop(Stop::LeaseLost))), "{ended:?}");
    assert_eq!(world.files(), [world.folder.path().join(others)]);
}

/// What a killed attempt left is removed by the next one of the same operation, and by no other.
#[tokio::test]
async fn leftovers_of_earlier_attempts_are_removed() {
    let world = World::new().await;
    let first = world.csv("SELECT 1", "folder/x.csv").await;
    let id = first.attempt.fence.id;
    let folder = world.folder.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(format!(".x.csv.{id}.1.part")), "half").unwrap();
    let others = folder.join(".x.csv.0190a000-0000-7000-8000-000000000000.1.part");
    std::fs::write(&others, "of another operation").unwrap();

    world.again(first).await.succeeds().await;
    let mut left = world.files();
    left.sort();
    assert_eq!(left, [others, folder.join("x.csv")]);
}

/// An attempt that is dropped (a panic) leaves neither file nor backend.
#[tokio::test]
async fn a_dropped_attempt_leaves_nothing() {
    let world = World::new().await;
    for format in [csv(ENDLESS), sql(SqlDump::default())] {
        world.sql("CREATE TABLE IF NOT EXISTS t (a int)").await;
        let lock = world.sql("BEGIN; LOCK TABLE t").await;
        let run = world.begin(world.spec(format, "x")).await;
        let task = run.start();
        world.backend_is(&run, "state = 'active'").await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(world.files().is_empty());
        lock.batch_execute("ROLLBACK").await.unwrap();
        world.no_backend_is_left(&run).await;
    }
}

/// A `pg_dump` that waits is ended: no child, no backend, no file.
#[tokio::test]
async fn a_waiting_pg_dump_is_ended() {
    let world = World::new().await;
    world.sql("CREATE TABLE t AS SELECT 1 a; ANALYZE t").await;
    let lock = world.sql("BEGIN; LOCK TABLE t").await;
    let run = world.begin(world.spec(sql(SqlDump::default()), "x.sql")).await;
    let task = run.start();
    world.backend_is(&run, "wait_event_type = 'Lock'").await;
    assert_eq!(children(&run), 1);
    assert_eq!(stopped(&run, task).await, "waiting for pg_dump");
    assert_eq!(children(&run), 0);
    lock.batch_execute("ROLLBACK").await.unwrap();
    world.no_backend_is_left(&run).await;
    assert!(world.files().is_empty());
}

/// A `pg_dump` in full flow is ended.
#[tokio::test]
async fn a_pg_dump_in_full_flow_is_ended() {
    let world = World::new().await;
    world.sql("CREATE TABLE big AS SELECT i, repeat('x', 1000) t FROM generate_series(1, 300000) i").await;
    let run = world.begin(world.spec(sql(SqlDump::default()), "x.sql")).await;
    let task = run.start();
    bytes_arrive(&world).await;
    stopped(&run, task).await;
    assert_eq!(children(&run), 0);
    world.no_backend_is_left(&run).await;
    assert!(world.files().is_empty());
}

/// A server that accepts and says nothing does not hold up a stop.
#[tokio::test]
async fn a_mute_server_does_not_hold_up_a_stop() {
    let world = World::new().await;
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut run = world.csv("SELECT 1", "x.csv").await;
    run.cluster.port = mute.local_addr().unwrap().port();
    let task = run.start();
    let _accepted = tokio::task::spawn_blocking(move || mute.accept()).await.unwrap().unwrap();
    assert_eq!(stopped(&run, task).await, "connecting to the cluster");
    assert!(world.files().is_empty());
}

/// A table that is locked for good is a passing failure, and does not hold up a stop before.
#[tokio::test]
async fn a_locked_table_does_not_hold_up_a_stop() {
    let world = World::new().await;
    world.sql("CREATE TABLE t (a int)").await;
    let _lock = world.sql("BEGIN; LOCK TABLE t").await;
    let run = world.csv("TABLE t", "x.csv").await;
    let task = run.start();
    world.backend_is(&run, "wait_event_type = 'Lock'").await;
    assert_eq!(stopped(&run, task).await, "waiting for the query's parsing");
    world.no_backend_is_left(&run).await;
}

/// Somebody who cancels the query at the server fails the operation for good: a retry would only annoy.
#[tokio::test]
async fn a_query_cancelled_by_others_is_not_repeated() {
    let world = World::new().await;
    let _gate = world.source.close_gate().await;
    let run = world.csv(&format!("SELECT {GATE}"), "x.csv").await;
    let task = run.start();
    world.backend_is(&run, AT_THE_GATE).await;
    let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    world.source.client().await.execute(cancel, &[&run.application()]).await.unwrap();
    let ended = task.await.unwrap();
    let Err(Ended::Failure(failure)) = ended else { panic!("{ended:?}") };
    assert_eq!((failure.code, failure.retryable), (Code::Aborted, false));
}

/// Living children of an attempt: processes whose environment names its operation.
fn children(run: &Run) -> usize {
    let name = format!("PGAPPNAME={}", run.application());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let environments = processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
    environments
        .filter(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == name.as_bytes()))
        .count()
}

/// A connection that is reset ends the attempt, as a failure to be tried again; nobody waits for an answer for ever.
#[tokio::test]
async fn a_reset_connection_is_a_passing_failure() {
    for query in [ENDLESS.to_owned(), format!("SELECT {GATE}")] {
        let world = World::new().await;
        let _gate = world.source.close_gate().await;
        let mut run = world.csv(&query, "x.csv").await;
        let link = Proxy::to(format!("{}:{}", run.cluster.host, run.cluster.port)).await;
        (run.cluster.host, run.cluster.port) = (link.address().ip().to_string(), link.address().port());
        let task = run.start();
        world.backend_is(&run, "state = 'active' AND query LIKE 'COPY%'").await;
        link.reset();
        let ended = tokio::time::timeout(PATIENCE, task).await.expect("the attempt ends").unwrap();
        let Err(Ended::Failure(failure)) = ended else { panic!("{ended:?}") };
        assert!(failure.retryable, "{failure:?}");
        assert!(world.files().is_empty(), "{query}");
    }
}

/// An abort drops everything at once: the query ends at the server all the same, and nothing is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_export_leaves_neither_a_query_nor_a_file() {
    let world = World::new().await;
    let _gate = world.source.close_gate().await;
    let silent =
        format!("SELECT repeat('x', 1000), CASE WHEN g > 9000 THEN {GATE} END FROM generate_series(1, 10000) g");
    for object in ["x.csv", "x.csv.gz"] {
        let run = world.csv(&silent, object).await;
        let task = run.start();
        world.backend_is(&run, AT_THE_GATE).await;
        aborted(&run, task).await;
        world.no_backend_is_left(&run).await;
        assert!(world.files().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_dump_leaves_neither_a_process_nor_a_file() {
    let world = World::new().await;
    let client = world.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    // pg_dump waits for the table.
    client.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let run = world.begin(world.spec(sql(SqlDump::default()), "x.sql")).await;
    let task = run.start();
    world.backend_is(&run, "wait_event_type = 'Lock'").await;
    aborted(&run, task).await;
    world.no_backend_is_left(&run).await;
    assert!(world.files().is_empty());
}

/// Aborts it as its worker does, and waits until nothing of it works.
async fn aborted(run: &Run, task: JoinHandle<Result<Value, Ended>>) {
    run.attempt.cut_off();
    assert!(task.await.unwrap_err().is_cancelled());
    run.attempt.work().ended().await;
}
