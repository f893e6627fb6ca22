//! The whole product as real processes: api, workers, keeper, a customer's database, a bucket.

use crate::process::{Launcher, Process, free_address, ready};
use crate::{EXPORT_ROLE, Proxy, Role, TestDatabase, broker_settings, eventually};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::Client;
use url::Url;

/// Far above what any promise needs: what exceeds it hangs.
pub const LIMIT: Duration = Duration::from_mins(1);

/// The bearer token that the tests' configuration knows.
pub const TOKEN: &str = "test-token";
/// SHA-256 of [`TOKEN`].
pub const TOKEN_SHA256: &str = "4c5dc9b7708905f77f5e5d16316b5dfb425e68cb326dcd55a860e90a7707031e";

/// The lease's time to live in the tests' configuration.
pub const LEASE_TTL: Duration = Duration::from_secs(2);

/// The buckets of transfers, each a folder of its own beside that of `exports`: from the first two, into the third.
const TRANSFER_BUCKETS: [&str; 3] = ["source", "slow", "sink"];

/// Real processes, and all they stand on. Ends them when dropped.
#[derive(Debug)]
pub struct System {
    /// The first api replica's address.
    pub url: String,
    /// The folder of the bucket `exports`.
    pub bucket: PathBuf,
    /// Between the processes and the broker.
    pub broker_link: Proxy,
    /// The customer's database.
    pub customer: TestDatabase,
    /// Our own database.
    pub database: TestDatabase,
    /// The worker processes.
    pub workers: Vec<Process>,
    /// The api's process and the keepers'.
    pub others: Vec<Process>,
    launcher: Launcher,
    http: reqwest::Client,
    folder: TempDir,
}

impl System {
    /// One api, `workers` workers with `slots` slots a kind, one keeper, all ready.
    ///
    /// # Panics
    /// Something did not start: run the tests by `make test`.
    pub async fn start(workers: usize, slots: u32) -> Self {
        Self::start_with(workers, slots, &[]).await
    }

    /// The same, with more in the processes' environment.
    ///
    /// # Panics
    /// As [`System::start`].
    pub async fn start_with(workers: usize, slots: u32, environment: &[(&'static str, String)]) -> Self {
        Self::try_start(workers, slots, environment).await.expect("a system: run the tests by `make test`")
    }

    async fn try_start(workers: usize, slots: u32, environment: &[(&'static str, String)]) -> Result<Self> {
        let (database, customer) = (TestDatabase::create().await, TestDatabase::create_empty().await);
        let folder = tempfile::tempdir()?;
        let bucket = folder.path().join("bucket");
        std::fs::create_dir(&bucket)?;
        for name in TRANSFER_BUCKETS.into_iter().chain(["files"]) {
            std::fs::create_dir(folder.path().join(name))?;
        }
        let settings = broker_settings();
        let mut broker: Url = settings.url.expose().parse()?;
        let broker_link = Proxy::to(format!("127.0.0.1:{}", broker.port().context("a port")?)).await;
        let _ = broker.set_port(Some(broker_link.address().port()));
        std::fs::write(folder.path().join("safepoint.toml"), configuration(&customer, folder.path(), slots)?)?;
        let mut variables = vec![
            ("SAFEPOINT_BROKER_URL", broker.to_string()),
            ("SAFEPOINT_BROKER_NAMESPACE", settings.namespace),
            ("SAFEPOINT_CONFIG", folder.path().join("safepoint.toml").display().to_string()),
            ("SAFEPOINT_PAGE_TOKEN_KEY", "0f".repeat(32)),
            ("SAFEPOINT_SECRET_KEYS", format!("test={}", "5e".repeat(32))),
            ("CUSTOMER_PASSWORD", password(&customer)),
        ];
        variables.extend_from_slice(environment);
        // Each under its own role: what one of them lacks is missed here.
        let of = |role| ("SAFEPOINT_DATABASE_URL", database.url_as(role));
        let launcher = Launcher::new(folder.path(), variables);
        let address = free_address()?;
        let others = vec![
            launcher.launch("safepoint-api", 1, &[("SAFEPOINT_LISTEN", address.clone()), of(Role::Api)])?,
            launcher.launch("safepoint-keeper", 1, &[of(Role::Keeper)])?,
        ];
        let workers = (1..=workers)
            .map(|number| launcher.launch("safepoint-worker", number, &[of(Role::Worker)]))
            .collect::<Result<Vec<_>>>()?;
        let http = reqwest::Client::new();
        for process in others.iter().chain(&workers) {
            ready(&http, &process.admin).await;
        }
        let url = format!("http://{address}");
        Ok(Self { url, bucket, broker_link, customer, database, workers, others, launcher, http, folder })
    }

    /// Starts one more keeper, and waits until it is ready.
    ///
    /// # Panics
    /// It does not start.
    pub async fn another_keeper(&mut self) {
        let database = ("SAFEPOINT_DATABASE_URL", self.database.url_as(Role::Keeper));
        let keeper = self.launcher.launch("safepoint-keeper", self.others.len(), &[database]).expect("a keeper");
        ready(&self.http, &keeper.admin).await;
        self.others.push(keeper);
    }

    /// Starts one more worker from a binary of the target folder, and waits until it is ready.
    ///
    /// # Panics
    /// It does not start.
    pub async fn another_worker(&mut self, binary: &str) {
        let database = ("SAFEPOINT_DATABASE_URL", self.database.url_as(Role::Worker));
        let worker = self.launcher.launch(binary, self.workers.len() + 1, &[database]).expect("a worker");
        ready(&self.http, &worker.admin).await;
        self.workers.push(worker);
    }

    /// Where the bucket, the configuration and the logs lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A bare connection to the customer's database.
    pub async fn customer(&self) -> Client {
        self.customer.client().await
    }

    /// A call with the test's token; the status and the JSON of the answer.
    ///
    /// # Panics
    /// No answer, or one that is not JSON.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// The text of a private or public address, without a token.
    ///
    /// # Panics
    /// No answer.
    pub async fn text(&self, url: &str) -> (u16, String) {
        let answer = self.http.get(url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// The same call as [`System::call`] with a W3C traceparent.
    ///
    /// # Panics
    /// No answer.
    pub async fn post_traced(&self, path: &str, body: &Value, trace_parent: &str) -> Value {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(TOKEN).json(body);
        let answer = request.header("traceparent", trace_parent).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Starts a CSV export through the AlloyDB dialect; returns the operation's name.
    ///
    /// # Panics
    /// It was refused.
    pub async fn export_csv(&self, query: &str, object: &str) -> String {
        let body = json!({
            "database": self.customer.name(),
            "gcsDestination": { "uri": format!("gs://exports/{object}") },
            "csvExportOptions": { "selectQuery": query },
        });
        let (status, operation) =
            self.call("POST", "/v1/projects/p/locations/here/clusters/main:export", Some(&body)).await;
        assert_eq!(status, 200, "{operation}");
        operation["name"].as_str().expect("a name").to_owned()
    }

    /// The operation as the native API tells it.
    pub async fn native(&self, name: &str) -> Value {
        let id = name.rsplit_once("operation-").map_or(name, |(_, id)| id);
        self.call("GET", &format!("/api/v1/projects/p/operations/{id}"), None).await.1
    }

    /// Waits until the operation's native form has the property.
    pub async fn until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        eventually(what, LIMIT, async || Some(self.native(name).await).filter(&holds)).await
    }

    /// All files of the bucket, temporary ones too, with their sizes.
    ///
    /// # Panics
    /// The folder can't be read.
    pub fn files(&self) -> Vec<(String, u64)> {
        let mut files: Vec<_> = std::fs::read_dir(&self.bucket)
            .expect("the bucket")
            // A temporary file may be renamed between the look at the folder and the look at the file.
            .filter_map(|file| {
                let file = file.expect("a file");
                Some((file.file_name().to_string_lossy().into_owned(), file.metadata().ok()?.len()))
            })
            .collect();
        files.sort();
        files
    }

    /// The environment that client scripts expect, as `make up` writes it.
    pub fn client_environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SAFEPOINT_URL", self.url.clone()),
            ("SAFEPOINT_TOKEN", TOKEN.to_owned()),
            ("SAFEPOINT_PROJECT", "p".to_owned()),
            ("SAFEPOINT_REGION", "here".to_owned()),
            ("SAFEPOINT_CLUSTER", "main".to_owned()),
            ("SAFEPOINT_DATABASE", self.customer.name().to_owned()),
            ("SAFEPOINT_BUCKET", "exports".to_owned()),
            ("SAFEPOINT_DATA_DIR", self.bucket.display().to_string()),
            ("SAFEPOINT_STS_SOURCE_BUCKET", "source".to_owned()),
            ("SAFEPOINT_STS_SLOW_SOURCE_BUCKET", "slow".to_owned()),
            ("SAFEPOINT_STS_SINK_BUCKET", "sink".to_owned()),
            ("SAFEPOINT_STS_SOURCE_DIR", self.folder().join("source").display().to_string()),
            ("SAFEPOINT_STS_SINK_DIR", self.folder().join("sink").display().to_string()),
        ]
    }
}

fn password(customer: &TestDatabase) -> String {
    let url: Url = customer.url().parse().expect("a URL");
    url.password().unwrap_or_default().to_owned()
}

fn configuration(customer: &TestDatabase, folder: &Path, slots: u32) -> Result<String> {
    let url: Url = customer.url().parse()?;
    let (host, port) = (url.host_str().context("a host")?, url.port().unwrap_or(5432));
    let bucket = |name: &str, folder: &Path| {
        let url = Url::from_directory_path(folder).ok().context("an absolute path")?;
        anyhow::Ok(format!("[[buckets]]\nname = \"{name}\"\nurl = \"{url}\"\nprojects = [\"p\"]\n"))
    };
    let mut buckets = bucket("exports", &folder.join("bucket"))?;
    for name in TRANSFER_BUCKETS {
        buckets.push_str(&bucket(name, &folder.join(name))?);
    }
    let ttl = LEASE_TTL.as_secs_f64();
    Ok(format!(
        r#"
        [[tokens]]
        name = "tester"
        sha256 = "{TOKEN_SHA256}"
        projects = ["p"]
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        [[clusters]]
        name = "projects/p/locations/here/clusters/main"
        host = "{host}"
        port = {port}
        user = "{EXPORT_ROLE}"
        password_env = "CUSTOMER_PASSWORD"
        {buckets}
        [[folders]]
        path = "{}"
        projects = ["p"]
        # What users may name: the customer's server, and one where nobody listens.
        [[destinations]]
        projects = ["p"]
        network = "127.0.0.0/8"
        ports = [{port}, 1]
        [[destinations]]
        projects = ["p"]
        network = "::1/128"
        ports = [{port}]
        [[destinations]]
        projects = ["p"]
        host = "localhost"
        ports = [{port}]
        [worker]
        slots = {slots}
        drain_seconds = 10
        renew_every_seconds = {}
        lease_ttl_seconds = {ttl}
        [kinds."demo.steps"]
        enabled = true
        "#,
        folder.join("files").display(),
        ttl / 5.0
    ))
}
