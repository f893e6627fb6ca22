//! Against an S3 of our own: `moto`, in a Python named by `TEST_PYTHON`.
//!
//! The store's address and credentials come from the environment, and a test can't set its own. So each test here
//! starts a server and then itself, as a child with the environment set, to run its ignored half.

use super::world::{PATIENCE, World, csv};
use object_store::ObjectStoreExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use operation::{CancelMode, CleanupStatus, Code, Road};
use safepoint_worker::attempt::Stop;
use safepoint_worker::safepoint::Ended;
use serde_json::json;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use testkit::eventually;

/// A store that answers, or a port that only accepts.
struct Server {
    child: Option<Child>,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// Starts moto, if there is one on this machine.
async fn moto() -> Option<Server> {
    let Some(python) = std::env::var_os("TEST_PYTHON") else {
        eprintln!("skipped: TEST_PYTHON names no Python with moto[server]");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new(python);
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let server = Server { child: Some(child), address };
    eventually("moto answers", PATIENCE, || async { TcpStream::connect(&server.address).ok() }).await;
    Some(server)
}

/// Runs the ignored half of a test with the environment that points to the server.
async fn with_store(server: &Server, test: &str) {
    with_store_and(server, test, "").await;
}

/// The same, with failpoints.
async fn with_store_and(server: &Server, test: &str, failpoints: &str) {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--ignored", "--nocapture", &format!("postgres_export::cloud::{test}")])
        .env("AWS_ENDPOINT_URL", format!("http://{}", server.address))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "us-east-1")
        .env("FAILPOINTS", failpoints);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn store() -> AmazonS3 {
    AmazonS3Builder::from_env().with_bucket_name("exports").build().unwrap()
}

/// A world whose bucket is `exports/prefix` in S3.
async fn world() -> (World, AmazonS3) {
    let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
    let created = Command::new("curl").args(["-sfX", "PUT", &format!("{endpoint}/exports")]).status().unwrap();
    assert!(created.success());
    (World::new().await, store())
}

async fn object(store: &AmazonS3, name: &str) -> Option<Vec<u8>> {
    let found = store.get(&Path::parse(format!("prefix/{name}")).unwrap()).await.ok()?;
    Some(found.bytes().await.unwrap().to_vec())
}

fn into_s3(mut run: super::world::Run) -> super::world::Run {
    "s3://exports/prefix".clone_into(&mut run.bucket.url);
    run
}

/// Objects of no, one and several parts arrive whole; a failed query leaves none.
#[tokio::test]
async fn objects_arrive() {
    let Some(server) = moto().await else { return };
    with_store(&server, "objects_arrive_in_s3").await;
}

#[tokio::test]
#[ignore = "the half of objects_arrive that runs with the environment set"]
async fn objects_arrive_in_s3() {
    let (world, store) = world().await;
    for (rows, gzip) in [(0, false), (1, false), (250_000, false), (250_000, true), (0, true)] {
        let query = format!("SELECT i, md5(i::text), sha256(i::text::bytea) FROM generate_series(1, {rows}) i");
        let name = format!("deep/ü {rows}.csv{}", if gzip { ".gz" } else { "" });
        let run = into_s3(world.csv(&query, &name).await);
        let response = run.succeeds().await;
        let whole = object(&store, &name).await.unwrap();
        assert_eq!(response["bytes"], whole.len().to_string());
        assert_eq!(response["rows"], rows.to_string());
        world.csv(&query, &name).await.succeeds().await;
        assert!(whole == world.object(&name), "{name} is the same in a folder");
    }
    let run = into_s3(
        world.csv("SELECT 1 / (i - 240000), repeat('x', 100) FROM generate_series(1, 250000) i", "never.csv").await,
    );
    assert_eq!(run.fails().await.code, Code::InvalidArgument);
    assert_eq!(run.attempt.cleanup().unwrap().status, CleanupStatus::Removed);
    assert_eq!(object(&store, "never.csv").await, None);

    let mut run = into_s3(world.csv("SELECT 1", "x.csv").await);
    run.bucket.url = "s3://nowhere".to_owned();
    assert_eq!(run.fails().await.code, Code::NotFound);
}

/// A cancelled export leaves no upload open; an upload that a killed attempt left is aborted by the next.
#[tokio::test]
async fn no_upload_is_left_open() {
    let Some(server) = moto().await else { return };
    with_store(&server, "no_upload_is_left_open_in_s3").await;
}

#[tokio::test]
#[ignore = "the half of no_upload_is_left_open that runs with the environment set"]
async fn no_upload_is_left_open_in_s3() {
    let (world, store) = world().await;
    let endless = "SELECT generate_series(1, 100000000000), repeat('x', 100)";
    let run = into_s3(world.csv(endless, "x.csv").await);
    let task = run.start();
    eventually("a part is uploaded", PATIENCE, || async {
        (run.attempt.position().progress.bytes_done > 0).then_some(())
    })
    .await;
    let checkpoint = run.attempt.position().checkpoint.clone().unwrap();
    let id = checkpoint["uploads"][0].as_str().unwrap().to_owned();
    run.attempt.deliver_cancel(Road::Push, CancelMode::Now);
    let ended = task.await.unwrap();
    assert!(matches!(ended, Err(Ended::Stop(Stop::Cancel))), "{ended:?}");
    assert_eq!(run.attempt.cleanup().unwrap().status, CleanupStatus::Removed);
    world.no_backend_is_left(&run).await;
    let path = Path::from("prefix/x.csv");
    store.put_part(&path, &id, 0, "late".into()).await.unwrap_err();
    assert_eq!(object(&store, "x.csv").await, None);

    // As a killed worker leaves it: the upload open, its id in the stored checkpoint.
    let first = into_s3(world.csv("SELECT 1", "y.csv").await);
    let path = Path::from("prefix/y.csv");
    let id = store.create_multipart(&path).await.unwrap();
    store.put_part(&path, &id, 0, "half".into()).await.unwrap();
    first.cx.save(&json!({ "path": "prefix/y.csv", "uploads": [id] })).await.unwrap();
    let second = into_s3(world.again(first).await);
    second.succeeds().await;
    store.put_part(&path, &id, 0, "late".into()).await.unwrap_err();
    assert_eq!(object(&store, "y.csv").await.unwrap(), b"1\n");
}

/// An upload whose id could not be stored, or nobody knows whether it was, is aborted by its own attempt. What a worker
/// that died there leaves, the next attempt or the store's own rule for old uploads takes.
#[cfg(feature = "failpoints")]
#[tokio::test]
async fn an_upload_that_is_not_stored_is_aborted() {
    for action in ["error", "lost"] {
        let Some(server) = moto().await else { return };
        // Each time it is asked again.
        let failpoints = format!("worker.save=return({action})");
        with_store_and(&server, "an_upload_that_is_not_stored_is_aborted_in_s3", &failpoints).await;
    }
}

#[cfg(feature = "failpoints")]
#[tokio::test]
#[ignore = "the half of an_upload_that_is_not_stored_is_aborted that runs with the environment set"]
async fn an_upload_that_is_not_stored_is_aborted_in_s3() {
    let (world, store) = world().await;
    let endless = "SELECT generate_series(1, 100000000000), repeat('x', 100)";
    let run = into_s3(world.csv(endless, "z.csv").await);
    let task = run.start();
    eventually("the upload is begun", PATIENCE, || async { run.attempt.position().checkpoint.clone() }).await;
    run.attempt.deliver_cancel(Road::Push, CancelMode::Now);
    assert!(matches!(task.await.unwrap(), Err(Ended::Stop(Stop::Cancel))));
    assert_eq!(run.attempt.cleanup().unwrap().status, CleanupStatus::Removed);
    let checkpoint = run.attempt.position().checkpoint.clone().unwrap();
    let id = checkpoint["uploads"][0].as_str().unwrap().to_owned();
    store.put_part(&Path::from("prefix/z.csv"), &id, 0, "late".into()).await.unwrap_err();
}

/// A store that takes requests and never answers holds up neither a stop nor the end of the query, whose backend is
/// blocked in sending.
#[tokio::test]
async fn a_mute_store_does_not_hold_up_a_stop() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server { child: None, address: mute.local_addr().unwrap().to_string() };
    with_store(&server, "a_mute_s3_does_not_hold_up_a_stop").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the half of a_mute_store_does_not_hold_up_a_stop that runs with the environment set"]
async fn a_mute_s3_does_not_hold_up_a_stop() {
    let world = World::new().await;
    let query = "SELECT generate_series(1, 100000000000), repeat('x', 100)";
    let run = into_s3(world.begin(world.spec(csv(query), "x.csv")).await);
    let task = run.start();
    world.backend_is(&run, "wait_event = 'ClientWrite'").await;
    run.attempt.deliver_cancel(Road::Push, CancelMode::Now);
    eventually("the stop is seen", PATIENCE, || async { run.attempt.observed() }).await;
    world.no_backend_is_left(&run).await;
    // What became of the upload, only the store knows: the wait for its answer is long, and not this test's.
    task.abort();
}
