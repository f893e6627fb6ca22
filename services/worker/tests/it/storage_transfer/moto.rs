//! An S3 of a test's own: `moto`, in a Python named by `TEST_PYTHON`.

use super::world::{PATIENCE, World, project};
use kinds::storage_transfer::BucketPath;
use object_store::ObjectStoreExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use runtime::config::{Bucket, Secret};
use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use testkit::eventually;

/// A store that answers.
pub struct Moto {
    child: Child,
    pub endpoint: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Moto {
    /// Starts one with the bucket `data`, if there is one on this machine.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same, with more in its environment.
    pub async fn start_with(environment: &[(&str, &str)]) -> Option<Self> {
        let Some(python) = std::env::var_os("TEST_PYTHON") else {
            eprintln!("skipped: TEST_PYTHON names no Python with moto[server]");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(python);
        command
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .envs(environment.iter().copied());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moto = Self { child, endpoint: format!("http://{address}") };
        eventually("moto answers", PATIENCE, || async { TcpStream::connect(&address).ok() }).await;
        moto.curl(&["-X", "PUT"], "");
        Some(moto)
    }

    /// A request to the bucket, as it is written.
    pub fn curl(&self, arguments: &[&str], path: &str) -> String {
        let url = format!("{}/data{path}", self.endpoint);
        let output = Command::new("curl").args(["-sS", "--path-as-is"]).args(arguments).arg(url).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The bucket `name` of the configuration: what lies beneath `prefix` in this store.
    pub fn bucket(&self, name: &str, prefix: &str) -> Bucket {
        Bucket {
            endpoint: Some(self.endpoint.clone()),
            region: Some("us-east-1".to_owned()),
            access_key_id: Some("test".to_owned()),
            secret_access_key: Some(Secret::new("test")),
            ..Bucket::new(name, format!("s3://data/{prefix}"), vec![project()])
        }
    }

    /// A world that knows the buckets `s3` and `other` of this store.
    pub async fn world(&self) -> World {
        let mut world = World::new().await;
        world.config.buckets.push(self.bucket("s3", "prefix"));
        world.config.buckets.push(self.bucket("other", "elsewhere"));
        world
    }

    pub fn store(&self) -> AmazonS3 {
        let builder =
            AmazonS3Builder::new().with_endpoint(&self.endpoint).with_allow_http(true).with_bucket_name("data");
        builder.with_region("us-east-1").with_access_key_id("test").with_secret_access_key("test").build().unwrap()
    }

    /// The objects beneath a prefix, with their bytes.
    pub async fn objects(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let store = self.store();
        let listing = object_store::ObjectStore::list(&store, Some(&Path::from(prefix)));
        let listed: Vec<_> = futures_util::TryStreamExt::try_collect(listing).await.unwrap();
        let mut objects = BTreeMap::new();
        for meta in listed {
            let bytes = store.get(&meta.location).await.unwrap().bytes().await.unwrap();
            let key = meta.location.as_ref().strip_prefix(prefix).unwrap().trim_start_matches('/').to_owned();
            objects.insert(key, bytes.to_vec());
        }
        objects
    }

    /// No upload in parts is open.
    pub fn has_no_open_upload(&self) {
        let uploads = self.curl(&[], "?uploads");
        assert!(uploads.contains("ListMultipartUploadsResult") && !uploads.contains("<Upload>"), "{uploads}");
    }
}

/// A part of a configured bucket.
pub fn part(bucket: &str, path: &str) -> BucketPath {
    BucketPath { bucket: bucket.to_owned(), path: path.to_owned() }
}
