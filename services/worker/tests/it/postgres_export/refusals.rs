use super::world::{PATIENCE, World, csv, sql};
use operation::{CleanupStatus, Code, SqlDump};
use std::os::unix::fs::symlink;
use testkit::eventually;

/// What is not one reading query fails with the server's words, and leaves nothing.
#[tokio::test]
async fn only_one_reading_query_is_exported() {
    let world = World::new().await;
    world.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    let before = world.source.client().await;
    for (query, code, contains) in [
        ("SELECT * FRM t", Code::InvalidArgument, "at character 10"),
        ("SELECT b FROM t", Code::InvalidArgument, "\"b\" does not exist (at character 8"),
        ("SELECT 1; SELECT 2", Code::InvalidArgument, "multiple commands"),
        ("SELECT 1;;SELECT 2;", Code::InvalidArgument, "multiple commands"),
        ("SELECT 1) TO PROGRAM 'touch /tmp/pwned' --", Code::InvalidArgument, "syntax error"),
        ("SELECT 1) TO STDOUT; DROP TABLE t; --", Code::InvalidArgument, "syntax error"),
        ("SELECT 1 /*", Code::InvalidArgument, "comment"),
        ("SELECT 'a", Code::InvalidArgument, "quote"),
        ("", Code::InvalidArgument, "no columns"),
        ("-- nothing", Code::InvalidArgument, "no columns"),
        ("SELECT FROM t", Code::InvalidArgument, "no columns"),
        ("SELECT $1::int", Code::InvalidArgument, "parameters"),
        ("DELETE FROM t", Code::InvalidArgument, "no columns"),
        ("DELETE FROM t RETURNING a", Code::InvalidArgument, "read-only"),
        ("WITH d AS (DELETE FROM t RETURNING a) SELECT * FROM d", Code::InvalidArgument, "read-only"),
        ("SELECT a FROM t FOR UPDATE", Code::InvalidArgument, "read-only"),
        ("SELECT set_config('transaction_read_only', 'off', false)", Code::InvalidArgument, "read-write"),
        ("SHOW port", Code::InvalidArgument, "syntax error"),
        ("EXPLAIN SELECT 1", Code::InvalidArgument, "syntax error"),
        ("SELECT 1 / 0", Code::InvalidArgument, "division by zero"),
    ] {
        let run = world.csv(query, "x.csv").await;
        let failure = run.fails().await;
        assert_eq!((failure.code, failure.retryable), (code, false), "{query}: {failure}");
        assert!(failure.message.contains(contains), "{query}: {failure}");
        assert_eq!(run.attempt.cleanup().unwrap().status, CleanupStatus::Removed, "{query}");
        assert!(world.files().is_empty(), "{query}");
    }
    let rows: i64 = before.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0);
    assert_eq!(rows, 1);
}

/// A role without rights is refused with the name of the table; a database that is not there with `NOT_FOUND`.
#[tokio::test]
async fn rights_and_names_are_the_servers() {
    let world = World::new().await;
    let role = format!("r_{}", uuid::Uuid::new_v4().simple());
    let admin = world.sql(&format!("CREATE TABLE secrets (a int); CREATE ROLE {role} LOGIN PASSWORD 'p'")).await;
    for format in [csv("TABLE secrets"), sql(SqlDump::default())] {
        let mut run = world.begin(world.spec(format, "x")).await;
        run.cluster.user.clone_from(&role);
        run.cluster.password = Some(runtime::config::Secret::new("p"));
        let failure = run.fails().await;
        assert_eq!((failure.code, failure.retryable), (Code::PermissionDenied, false), "{failure}");
        assert!(failure.message.contains("permission denied"), "{failure}");
        assert!(!failure.message.contains(&role), "{failure}");
    }
    for format in [csv("SELECT 1"), sql(SqlDump::default())] {
        let mut spec = world.spec(format, "x");
        // Not even a connection string is more than a name.
        spec.database = "host=127.0.0.1 dbname=postgres".to_owned();
        let failure = world.begin(spec).await.fails().await;
        assert_eq!((failure.code, failure.retryable), (Code::NotFound, false), "{failure}");
    }
    assert!(world.files().is_empty());
    admin.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
}

/// A cluster that is away is a passing failure, which tells neither host nor port nor role.
#[tokio::test]
async fn an_unreachable_cluster_is_not_described() {
    let world = World::new().await;
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut run = world.csv("SELECT 1", "x.csv").await;
    run.cluster.port = port;
    run.cluster.user = "canary_user".to_owned();
    run.cluster.password = Some(runtime::config::Secret::new("canary_password"));
    let failure = run.fails().await;
    assert_eq!((failure.code, failure.retryable), (Code::Unavailable, true), "{failure}");
    for canary in [&port.to_string(), "127.0.0.1", "canary"] {
        assert!(!failure.message.contains(canary), "{failure}");
    }
    assert!(failure.message.contains(&run.cluster.name));
}

/// A query whose backend is ended in the middle is a passing failure; the half-written file is gone.
#[tokio::test]
async fn a_server_that_shuts_down_is_a_passing_failure() {
    let world = World::new().await;
    let run = world.csv("SELECT generate_series(1, 100000000000), repeat('x', 100)", "x.csv").await;
    let task = run.start();
    eventually("rows are written", PATIENCE, || async {
        let files = world.files();
        files.first().is_some_and(|file| file.metadata().unwrap().len() > 0).then_some(())
    })
    .await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    world.source.client().await.execute(end, &[&run.application()]).await.unwrap();
    let ended = task.await.unwrap();
    let Err(worker::safepoint::Ended::Failure(failure)) = ended else { panic!("{ended:?}") };
    assert_eq!((failure.code, failure.retryable), (Code::Unavailable, true), "{failure}");
    assert!(world.files().is_empty());
}

/// No name and no symlink leads out of the bucket, and a folder is not replaced by an object.
#[tokio::test]
async fn objects_stay_in_their_bucket() {
    let world = World::new().await;
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), world.folder.path().join("out")).unwrap();
    symlink("..", world.folder.path().join("up")).unwrap();
    std::fs::create_dir(world.folder.path().join("folder")).unwrap();
    std::fs::create_dir(world.folder.path().join("inside")).unwrap();
    symlink("inside", world.folder.path().join("alias")).unwrap();
    symlink(outside.path().join("target"), world.folder.path().join("link.csv")).unwrap();
    for (object, code) in [
        ("../x.csv", Code::InvalidArgument),
        ("/etc/x.csv", Code::InvalidArgument),
        ("a/../../x.csv", Code::InvalidArgument),
        ("out/x.csv", Code::PermissionDenied),
        ("out/deeper/x.csv", Code::PermissionDenied),
        ("up/x.csv", Code::PermissionDenied),
        ("folder", Code::FailedPrecondition),
        (&"x".repeat(300), Code::InvalidArgument),
    ] {
        let run = world.csv("SELECT 1", object).await;
        let failure = run.fails().await;
        assert_eq!(failure.code, code, "{object}: {failure}");
        assert!(!failure.message.contains(world.folder.path().to_str().unwrap()), "{failure}");
        assert_eq!(run.attempt.cleanup().unwrap().status, CleanupStatus::Removed);
    }
    // A link that stays inside is followed; one in the object's own place is replaced, not followed.
    world.csv("SELECT 1", "alias/x.csv").await.succeeds().await;
    assert_eq!(world.object("inside/x.csv"), b"1\n");
    world.csv("SELECT 1", "link.csv").await.succeeds().await;
    assert!(world.folder.path().join("link.csv").symlink_metadata().unwrap().is_file());
    assert!(outside.path().read_dir().unwrap().next().is_none());
}
