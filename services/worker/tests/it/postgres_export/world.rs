//! A database to export, a folder to export to, and attempts that stand in a real store.

use crate::fixture::json;
use kinds::Parameters;
use kinds::postgres_export::{CsvFormat, ExportFormat, PostgresExport, SqlDump};
use operation::{LeaseTerms, OperationId, Progress, ProjectId, RetryPolicy, WorkerId};
use runtime::config::{Bucket, Cluster, ClusterTls, Secret};
use safepoint_worker::attempt::Attempt;
use safepoint_worker::executor::postgres_export;
use safepoint_worker::lease_clock::LeaseClock;
use safepoint_worker::safepoint::{Ended, Safepoint};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Claimed, Ending, Finished, NewOperation};
use tempfile::TempDir;
use testkit::{EXPORT_ROLE, TestDatabase, eventually};
use tokio_postgres::Client;
use url::Url;
use uuid::Uuid;

/// How long a promise may take on a slow machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What one test works with.
pub struct World {
    pub store: TestDatabase,
    pub source: TestDatabase,
    pub folder: TempDir,
    worker: WorkerId,
}

impl World {
    pub async fn new() -> Self {
        let world = Self {
            store: TestDatabase::create().await,
            source: TestDatabase::create().await,
            folder: tempfile::tempdir().unwrap(),
            worker: WorkerId::from_uuid(Uuid::new_v4()),
        };
        let terms = LeaseTerms::new(Duration::from_mins(1), Duration::from_mins(10)).unwrap();
        world.store.store().register_worker(world.worker, "test", terms).await.unwrap();
        world
    }

    pub fn cluster(&self) -> Cluster {
        let url: Url = self.source.url().parse().unwrap();
        Cluster {
            name: "projects/p/locations/l/clusters/c".to_owned(),
            host: url.host_str().unwrap().to_owned(),
            port: url.port().unwrap_or(5432),
            user: EXPORT_ROLE.to_owned(),
            host_addresses: Vec::new(),
            tls: ClusterTls::Disable,
            ca_file: None,
            password_env: None,
            password: url.password().map(Secret::new),
        }
    }

    pub fn bucket(&self) -> Bucket {
        let url = Url::from_directory_path(self.folder.path()).unwrap().to_string();
        Bucket::new("exports", url, Vec::new())
    }

    pub fn spec(&self, format: ExportFormat, object: &str) -> PostgresExport {
        let url: Url = self.source.url().parse().unwrap();
        PostgresExport {
            cluster: self.cluster().name,
            server: None,
            database: url.path().trim_start_matches('/').to_owned(),
            bucket: "exports".to_owned(),
            object: object.to_owned(),
            format,
        }
    }

    /// A first attempt at an export of a query.
    pub async fn csv(&self, query: &str, object: &str) -> Run {
        self.begin(self.spec(csv(query), object)).await
    }

    /// A first attempt.
    pub async fn begin(&self, spec: PostgresExport) -> Run {
        let id = OperationId::from_uuid(Uuid::now_v7());
        let retry = RetryPolicy { failure_limit: 3, ..RetryPolicy::default() };
        let new = NewOperation { retry, ..testkit::new_operation(id, project().as_str(), spec.clone().to_spec()) };
        self.store.store().create(&new).await.unwrap();
        self.claim(spec).await
    }

    async fn claim(&self, spec: PostgresExport) -> Run {
        let claimed =
            self.store.store().claim(self.worker, &kinds::postgres_export::KIND, 1, "").await.unwrap().operations;
        let [Claimed { fence, checkpoint, .. }] = claimed.try_into().expect("one operation waits");
        let clock = LeaseClock::new(self.worker);
        clock.begin(self.worker, Instant::now() + Duration::from_hours(1));
        let attempt = Arc::new(Attempt::new(fence, &kinds::postgres_export::INFO, clock.held_by(self.worker)));
        let cx = Safepoint::new(Arc::clone(&attempt), project(), self.store.store(), checkpoint);
        Run { spec, cluster: self.cluster(), bucket: self.bucket(), attempt, cx: Arc::new(cx), clock }
    }

    /// Gives the operation back and claims it again: the next attempt.
    pub async fn again(&self, run: Run) -> Run {
        let finished = Finished {
            fence: run.attempt.fence,
            ending: Ending::Released,
            progress: Progress::default(),
            checkpoint: None,
            delivered: None,
            observed: None,
            cleanup: None,
            ended_by: None,
        };
        self.store.store().finish(&[finished]).await.unwrap();
        self.claim(run.spec).await
    }

    /// Runs SQL in the database to export.
    pub async fn sql(&self, sql: &str) -> Client {
        let client = self.source.client().await;
        client.batch_execute(sql).await.unwrap();
        client
    }

    pub fn object(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    /// All files in the bucket.
    pub fn files(&self) -> Vec<PathBuf> {
        files(self.folder.path())
    }

    /// What a query's backends of one operation look like, until there are none.
    pub async fn no_backend_is_left(&self, run: &Run) {
        let client = self.source.client().await;
        let name = run.application();
        eventually("the backend is gone", PATIENCE, || async {
            let sql = "SELECT FROM pg_stat_activity WHERE application_name = $1";
            client.query(sql, &[&name]).await.unwrap().is_empty().then_some(())
        })
        .await;
    }

    /// An attempt that was stopped has seen its query end: no waiting here.
    pub async fn no_query_goes_on(&self, run: &Run) {
        let client = self.source.client().await;
        let sql = "SELECT query FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'";
        let going_on = client.query(sql, &[&run.application()]).await.unwrap();
        assert!(going_on.is_empty(), "{:?}", going_on.iter().map(|row| row.get(0)).collect::<Vec<String>>());
    }

    /// Waits until a backend of the operation is in a state that `condition` tells.
    pub async fn backend_is(&self, run: &Run, condition: &str) {
        let client = self.source.client().await;
        let name = run.application();
        let sql = format!("SELECT FROM pg_stat_activity WHERE application_name = $1 AND {condition}");
        eventually("the backend is busy", PATIENCE, || async {
            (!client.query(&sql, &[&name]).await.unwrap().is_empty()).then_some(())
        })
        .await;
    }
}

/// One attempt.
pub struct Run {
    pub spec: PostgresExport,
    pub cluster: Cluster,
    pub bucket: Bucket,
    pub attempt: Arc<Attempt>,
    pub cx: Arc<Safepoint>,
    pub clock: LeaseClock,
}

impl Run {
    pub async fn go(&self) -> Result<Value, Ended> {
        postgres_export::run(&self.spec, &self.cluster, &self.bucket, &self.cx).await.map(json)
    }

    /// The response of an attempt that succeeds.
    pub async fn succeeds(&self) -> Value {
        self.go().await.unwrap_or_else(|ended| panic!("{ended:?}"))
    }

    /// The failure of an attempt that fails.
    pub async fn fails(&self) -> operation::Failure {
        match self.go().await {
            Err(Ended::Failure(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// Runs it in a task of its own, to be stopped from outside.
    pub fn start(&self) -> tokio::task::JoinHandle<Result<Value, Ended>> {
        let (spec, cluster, bucket) = (self.spec.clone(), self.cluster.clone(), self.bucket.clone());
        let cx = Arc::clone(&self.cx);
        self.attempt.work().spawn(async move { postgres_export::run(&spec, &cluster, &bucket, &cx).await.map(json) })
    }

    pub fn application(&self) -> String {
        format!("safepoint {}", self.attempt.fence.id)
    }
}

pub fn project() -> ProjectId {
    "p".parse().unwrap()
}

pub fn csv(query: &str) -> ExportFormat {
    csv_with(query, ',', '"', '"')
}

pub fn csv_with(query: &str, delimiter: char, quote: char, escape: char) -> ExportFormat {
    ExportFormat::Csv(CsvFormat { select_query: query.to_owned(), delimiter, quote, escape })
}

pub fn sql(dump: SqlDump) -> ExportFormat {
    ExportFormat::Sql(dump)
}

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// What a program writes, given that it succeeds.
pub fn output(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
