use super::world::{PATIENCE, World, csv, sql};
use kinds::postgres_export::SqlDump;
use operation::{CleanupStatus, Code};
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Whatever a SELECT can call, as a role that reads all data: it gets at nothing of the machine, and changes nothing.
#[tokio::test]
async fn a_query_gets_at_nothing_but_data() {
    let world = World::new().await;
    let admin = world.sql("CREATE SEQUENCE s; CREATE TABLE t (a int); CREATE EXTENSION dblink").await;
    let write = "CREATE FUNCTION write() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO t VALUES (1) RETURNING a'";
    admin.batch_execute(write).await.unwrap();
    for query in [
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_read_binary_file('PG_VERSION')",
        "SELECT pg_ls_dir('/')",
        "SELECT * FROM pg_stat_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_export(1, '/tmp/safepoint-was-here')",
        "SELECT pg_reload_conf()",
        "SELECT pg_switch_wal()",
        "SELECT nextval('s')",
        "SELECT setval('s', 7)",
        "SELECT write()",
        "SELECT set_config('role', 'postgres', false)",
        "SELECT set_config('session_authorization', 'postgres', false)",
        "SELECT * FROM dblink('dbname=postgres user=postgres', 'SELECT 1') AS t (a int)",
        "SELECT query_to_xml('DELETE FROM t', true, true, '')",
        "SELECT query_to_xml('COPY t TO PROGRAM ''touch /tmp/safepoint-was-here''', true, true, '')",
    ] {
        let run = world.csv(query, "x.csv").await;
        let failure = run.fails().await;
        assert!(!failure.retryable, "{query}: {failure}");
        assert!([Code::PermissionDenied, Code::InvalidArgument].contains(&failure.code), "{query}: {failure:?}");
    }
    // Before Postgres 16 this is not refused in a read-only transaction; it is taken back.
    let large_object = world.csv("SELECT lo_from_bytea(0, 'x')", "x.csv").await.start().await.unwrap();
    assert!(large_object.is_ok() || world.files().is_empty());
    let kept = "SELECT count(*) FROM pg_largeobject_metadata";
    assert_eq!(admin.query_one(kept, &[]).await.unwrap().get::<_, i64>(0), 0);
    if large_object.is_ok() {
        std::fs::remove_file(world.folder.path().join("x.csv")).unwrap();
    }
    assert!(world.files().is_empty() && !std::path::Path::new("/tmp/safepoint-was-here").exists());
    let row = admin.query_one("SELECT (SELECT count(*) FROM t), last_value FROM s", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (0, 1));
}

/// Such a role would hand the machine's files to whoever may export.
#[tokio::test]
async fn a_role_that_gets_at_files_is_not_used() {
    let world = World::new().await;
    let role = format!("r_{}", uuid::Uuid::new_v4().simple());
    let admin = world.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'p'")).await;
    for (right, refused) in [
        ("LOGIN", false),
        ("SUPERUSER", true),
        ("NOSUPERUSER IN ROLE pg_read_server_files", true),
        ("IN ROLE pg_write_server_files", true),
        ("IN ROLE pg_execute_server_program", true),
    ] {
        let change = match right.split_once("IN ROLE ") {
            Some((_, granted)) => format!("ALTER ROLE {role} NOSUPERUSER; GRANT {granted} TO {role}"),
            None => format!("ALTER ROLE {role} {right}"),
        };
        admin.batch_execute(&change).await.unwrap();
        for format in [csv("SELECT 1"), sql(SqlDump { schema_only: true, ..SqlDump::default() })] {
            let mut run = world.begin(world.spec(format, "x")).await;
            run.cluster.user.clone_from(&role);
            run.cluster.password = Some(runtime::config::Secret::new("p"));
            if refused {
                let failure = run.fails().await;
                assert_eq!((failure.code, failure.retryable), (Code::FailedPrecondition, false), "{right}: {failure}");
                assert!(failure.message.contains("server's files or programs"), "{right}: {failure}");
            }
        }
        for granted in ["pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"] {
            admin.batch_execute(&format!("REVOKE {granted} FROM {role}")).await.unwrap();
        }
    }
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
    let Err(safepoint_worker::safepoint::Ended::Failure(failure)) = ended else { panic!("{ended:?}") };
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
    let pipe = std::process::Command::new("mkfifo").arg(world.folder.path().join("pipe")).status().unwrap();
    assert!(pipe.success());
    symlink("loop", world.folder.path().join("loop")).unwrap();
    symlink("/proc/self/cwd", world.folder.path().join("cwd")).unwrap();
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
        ("pipe/x.csv", Code::FailedPrecondition),
        ("loop/x.csv", Code::FailedPrecondition),
        ("cwd/x.csv", Code::PermissionDenied),
        ("..%2fx.csv/../../x", Code::InvalidArgument),
        ("a\nb", Code::InvalidArgument),
        ("a//b", Code::InvalidArgument),
        ("./x", Code::InvalidArgument),
        ("a/", Code::InvalidArgument),
        ("", Code::InvalidArgument),
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
    // A pipe that nobody reads holds nobody up, for it is replaced as well; and what only looks like dots is a name.
    for (object, file) in [("pipe", "pipe"), ("\u{2024}\u{2024}/x", "\u{2024}\u{2024}/x"), ("...", "...")] {
        world.csv("SELECT 1", object).await.succeeds().await;
        assert_eq!(world.object(file), b"1\n");
    }
    assert!(outside.path().read_dir().unwrap().next().is_none());
}

/// A folder that becomes a link while it is written to leads nowhere else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
    let world = World::new().await;
    let outside = tempfile::tempdir().unwrap();
    let (bucket, outside_of) = (world.folder.path().to_owned(), outside.path().to_owned());
    let ended = Arc::new(AtomicBool::new(false));
    let goes_on = ended.clone();
    let swapping = std::thread::spawn(move || {
        let folder = bucket.join("swapped");
        for number in 0.. {
            // The folder is made anew by whoever writes to it.
            let _ = std::fs::rename(&folder, bucket.join(format!("kept-{number}")));
            let _ = symlink(&outside_of, &folder);
            let _ = std::fs::remove_file(&folder);
            if goes_on.load(Ordering::Relaxed) {
                return;
            }
        }
    });
    let mut written = 0;
    for number in 0..40 {
        let run = world.csv("SELECT 1", &format!("swapped/{number}.csv")).await;
        written += usize::from(run.start().await.unwrap().is_ok());
    }
    ended.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    assert!(outside.path().read_dir().unwrap().next().is_none(), "nothing got out, of {written} that were written");
}
