//! Lists of URLs.

use super::moto::{Moto, part};
use super::world::{PATIENCE, World, whole};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinds::storage_transfer::{StorageTransfer, TransferSink, TransferSource};
use md5::{Digest, Md5};
use operation::Code;
use serde_json::json;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use testkit::eventually;

/// Python's own server of files.
struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Server {
    async fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("TEST_PYTHON") else {
            eprintln!("skipped: TEST_PYTHON names no Python");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python);
        command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]).current_dir(folder.path());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("the server answers", PATIENCE, || async { TcpStream::connect(("127.0.0.1", port)).ok() }).await;
        Some(Self { child, folder, port })
    }

    fn put(&self, name: &str, content: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// A world whose project may reach this server.
    async fn world(&self) -> World {
        let mut world = World::new().await;
        let allowed = json!([{ "projects": ["p"], "ports": [self.port], "network": "127.0.0.1/32" }]);
        world.config.destinations = serde_json::from_value(allowed).unwrap();
        world
    }

    fn spec(&self, world: &World) -> StorageTransfer {
        StorageTransfer { source: TransferSource::HttpList(self.url("list.tsv")), ..world.spec() }
    }
}

fn md5(content: &[u8]) -> String {
    STANDARD.encode(Md5::digest(content))
}

#[tokio::test]
async fn the_urls_of_a_list_are_fetched_and_their_sums_held_against_it() {
    let Some(server) = Server::start().await else { return };
    let world = server.world().await;
    let content = b"content";
    for name in ["fine", "folder/fine", "no-sum", "wrong-sum", "wrong-length"] {
        server.put(name, content);
    }
    let lines = [
        format!("{}\t7\t{}", server.url("wrong-sum"), md5(b"another")),
        format!("{}\t8\t{}", server.url("wrong-length"), md5(content)),
        format!("{}\t7\t{}", server.url("folder/fine"), md5(content)),
        format!("{}\t7\t{}", server.url("fine"), md5(content)),
        format!("{}\t7", server.url("no-sum")),
        format!("{}\t7\t{}", server.url("missing"), md5(content)),
        // The server sends whoever asks for a folder to its name with a slash.
        format!("{}\t7\t{}", server.url("folder"), md5(content)),
        format!("http://127.0.0.1:1/elsewhere\t7\t{}", md5(content)),
        format!("http://[::1]:{}/elsewhere\t7\t{}", server.port, md5(content)),
    ];
    server.put("list.tsv", format!("TsvHttpData-1.0\n{}\n", lines.join("\n")).as_bytes());
    let run = world.begin(server.spec(&world)).await;
    run.fails().await;
    assert_eq!(whole(&world.sink()), ["127.0.0.1/fine", "127.0.0.1/folder/fine", "127.0.0.1/no-sum"]);
    let mut errors = run.errors();
    errors.sort();
    let expect = [("DATA_LOSS", 1), ("FAILED_PRECONDITION", 2), ("NOT_FOUND", 1), ("PERMISSION_DENIED", 2)];
    assert_eq!(errors, expect.map(|(code, count)| (code.to_owned(), count)), "{:?}", run.position());
}

#[tokio::test]
async fn a_list_that_is_none_or_may_not_be_reached_ends_the_transfer() {
    let Some(server) = Server::start().await else { return };
    let world = server.world().await;
    server.put("list.tsv", b"<html>");
    let failure = world.begin(server.spec(&world)).await.fails().await;
    assert_eq!((failure.code, failure.retryable), (Code::InvalidArgument, false), "{failure}");
    server.put("list.tsv", b"TsvHttpData-1.0\n");
    assert_eq!(world.begin(server.spec(&world)).await.succeeds().await.objects_copied_to_sink, 0);
    for (url, code) in [
        (server.url("missing"), Code::NotFound),
        ("http://127.0.0.1:1/list".to_owned(), Code::PermissionDenied),
        ("http://169.254.169.254/latest/meta-data".to_owned(), Code::PermissionDenied),
        (format!("http://localhost:{}/list.tsv", server.port), Code::PermissionDenied),
        (format!("http://u:p@127.0.0.1:{}/list.tsv", server.port), Code::InvalidArgument),
        ("file:///etc/passwd".to_owned(), Code::InvalidArgument),
    ] {
        let spec = StorageTransfer { source: TransferSource::HttpList(url.clone()), ..world.spec() };
        let failure = world.begin(spec).await.fails().await;
        assert_eq!((failure.code, failure.retryable), (code, false), "{url}: {failure}");
    }
}

#[tokio::test]
async fn a_list_goes_into_a_store_and_then_no_more() {
    let (Some(server), Some(moto)) = (Server::start().await, Moto::start().await) else { return };
    let mut world = server.world().await;
    world.config.buckets.push(moto.bucket("s3", "prefix"));
    server.put("fine", b"content");
    let list = format!("TsvHttpData-1.0\n{}\t7\t{}\n", server.url("fine"), md5(b"content"));
    server.put("list.tsv", list.as_bytes());
    let spec = StorageTransfer { sink: TransferSink::Bucket(part("s3", "")), ..server.spec(&world) };
    assert_eq!(world.begin(spec.clone()).await.succeeds().await.objects_copied_to_sink, 1);
    assert_eq!(world.begin(spec).await.succeeds().await.objects_from_source_skipped_by_sync, 1);
    assert_eq!(moto.objects("prefix").await["127.0.0.1/fine"], b"content");
}
