//! An api of one test's own, called over a real socket.

use crate::issuer::TestIssuer;
use actix_web::web;
use operation::{Kind, LeaseTerms, Progress, WorkerId};
use reqwest::{Client, Method, RequestBuilder};
use runtime::broker::{BrokerSettings, Changes, Publisher};
use runtime::callers::{Issuer, Token};
use runtime::clock;
use runtime::config::{Bucket, Cluster, ClusterTls, Config, Folder, Secret};
use runtime::heartbeat::Heartbeats;
use runtime::kind_settings::KindSettings;
use runtime::scope::Scope;
use safepoint_api::admission::Gate;
use safepoint_api::admission::auth::StoredTokens;
use safepoint_api::kinds::catalog::Catalog;
use safepoint_api::kinds::own::OwnKinds;
use safepoint_api::operations::Operations;
use safepoint_api::operations::watch::{Terms, Watches};
use safepoint_api::routes;
use safepoint_api::server::certificate::Certificate;
use safepoint_api::server::{self, Serving};
use safepoint_api::state::Api;
use safepoint_api::wire::page_token::PageTokens;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::{Address, Claimed, Ending, Finished, PoolSettings, Position, Store};
use testkit::{TestDatabase, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// `printf %s TOKEN | sha256sum`: mine-token and their-token.
const MINE: (&str, &str) = ("mine-token", "0c25ee72b7fd10c76a5768c8233da2377bae2a83a7f85c0c89123f38f1312fdb");

/// What seals the secrets of requests.
pub const SECRET_KEYS: &str = "test=5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";

/// More than a test opens.
const FILES: u64 = 10_000;

/// Where the demo's clusters are.
pub const LOCATION: &str = "/v1/projects/mine/locations/here";
/// The native operations.
pub const NATIVE: &str = "/api/v1/projects/mine/operations";

/// An api of one test's own.
pub struct Fixture {
    pub url: String,
    pub store: Store,
    pub database: Option<TestDatabase>,
    http: Client,
    shutdown: CancellationToken,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The reason of an error (`ErrorInfo.reason`), with its HTTP status and its code's name.
    pub fn error(&self) -> (u16, &str, &str) {
        let error = &self.body["error"];
        assert_eq!(error["code"], self.status, "{self:?}");
        let info = &error["details"][0];
        assert_eq!(info["@type"], "type.googleapis.com/google.rpc.ErrorInfo", "{self:?}");
        assert_eq!(info["domain"], "safepoint", "{self:?}");
        let last = error["details"].as_array().expect("details").last().expect("one");
        assert_eq!(last["@type"], "type.googleapis.com/google.rpc.RequestInfo", "{self:?}");
        assert_eq!(last["requestId"], self.headers["x-request-id"].to_str().expect("ASCII"), "{self:?}");
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        (self.status, error["status"].as_str().expect("a status"), info["reason"].as_str().expect("a reason"))
    }

    /// The message of an error.
    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().expect("a message")
    }
}

impl Fixture {
    /// With a database, without a broker: what must work all the same.
    pub async fn new() -> Self {
        Self::with_broker(no_broker()).await
    }

    /// With a database and a broker.
    pub async fn with_broker(settings: BrokerSettings) -> Self {
        let database = TestDatabase::create().await;
        let store = database.store();
        Self::serve(store, Some(database), settings, Terms::new(FILES))
    }

    /// With a database and on these terms for those who wait, with or without a broker.
    pub async fn with_terms(terms: Terms, broker: Option<BrokerSettings>) -> Self {
        let database = TestDatabase::create().await;
        let store = database.store();
        Self::serve(store, Some(database), broker.unwrap_or_else(no_broker), terms)
    }

    /// Another replica on the same database.
    pub fn replica(&self, broker: Option<BrokerSettings>) -> Self {
        Self::serve(self.store.clone(), None, broker.unwrap_or_else(no_broker), Terms::new(FILES))
    }

    /// Ends it as SIGTERM does; does not wait for its end.
    pub fn end(&self) {
        self.shutdown.cancel();
    }

    /// With a database that is not there.
    pub fn without_database() -> Self {
        let url = "postgres://nobody:canary-password@127.0.0.1:1/none";
        let store = Store::new(url, PoolSettings::new("test")).expect("a store");
        Self::serve(store, None, no_broker(), Terms::new(FILES))
    }

    /// With a database behind a link that can fall silent.
    pub async fn behind_a_link() -> (Self, watch::Sender<bool>) {
        let database = TestDatabase::create().await;
        let mut url: reqwest::Url = database.url().parse().expect("a URL");
        let server = format!("127.0.0.1:{}", url.port().expect("a port"));
        let (address, open) = link(server).await;
        url.set_port(Some(address.port())).expect("a port");
        let store = Store::new(url.as_str(), PoolSettings::new("test").connections(2)).expect("a store");
        (Self::serve(store, Some(database), no_broker(), Terms::new(FILES)), open)
    }

    /// With a database, and these issuers beside the static tokens.
    pub async fn with_issuers(issuers: &[&TestIssuer]) -> Self {
        Self::with_settings(issuers.iter().map(|issuer| issuer.settings.clone()).collect()).await
    }

    /// The same, by their settings.
    pub async fn with_settings(issuers: Vec<Issuer>) -> Self {
        Self::with_config(Config { issuers, ..config() }).await
    }

    /// With a database, and no more calls than these.
    pub async fn with_limits(limits: runtime::limits::Limits) -> Self {
        Self::with_config(Config { limits, ..config() }).await
    }

    /// With a database, and what the operator says of a kind.
    pub async fn with_kind(kind: Kind, settings: KindSettings) -> Self {
        let mut config = config();
        config.kinds.set(kind, settings);
        Self::with_config(config).await
    }

    async fn with_config(config: Config) -> Self {
        let database = TestDatabase::create().await;
        Self::serve_as(&config, database.store(), Some(database), no_broker(), Terms::new(FILES), None)
    }

    /// With a database, by TLS; `http` trusts the certificate.
    pub async fn with_certificate(certificate: Arc<Certificate>, http: Client) -> Self {
        let database = TestDatabase::create().await;
        let (store, terms, certificate) = (database.store(), Terms::new(FILES), Some(certificate));
        let mut fixture = Self::serve_as(&config(), store, Some(database), no_broker(), terms, certificate);
        fixture.http = http;
        fixture
    }

    fn serve(store: Store, database: Option<TestDatabase>, broker: BrokerSettings, terms: Terms) -> Self {
        Self::serve_as(&config(), store, database, broker, terms, None)
    }

    fn serve_as(
        config: &Config,
        store: Store,
        database: Option<TestDatabase>,
        broker: BrokerSettings,
        terms: Terms,
        certificate: Option<Arc<Certificate>>,
    ) -> Self {
        let shutdown = CancellationToken::new();
        let publisher = Publisher::start(broker.clone(), shutdown.clone()).expect("a publisher");
        let changes = Changes::start(broker, shutdown.clone()).expect("a listener");
        let stored = StoredTokens::follow(store.clone(), shutdown.clone());
        let gate = web::Data::new(Gate::new(config, Some(stored)).expect("TLS"));
        let serving_threads = Heartbeats::new("serving threads", 1);
        let secret_keys = SECRET_KEYS.parse().expect("keys");
        let operations = Operations::new(store.clone(), publisher, secret_keys, config.kinds.clone());
        let api = web::Data::new(Api {
            own_kinds: OwnKinds::follow(operations.clone(), shutdown.clone()),
            operations,
            watches: Watches::start(&store, changes, terms, shutdown.clone()),
            destinations: config.destinations.clone(),
            catalog: Catalog::new(config).expect("valid names"),
            page_tokens: PageTokens::new(&[7; 32]),
            serving_threads: serving_threads.clone(),
        });
        let app = move || routes::app(api.clone(), gate.clone());
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let serving = Serving { listen: ([127, 0, 0, 1], 0).into(), certificate, drain_seconds: 1 };
        let (server, address) = server::serve(app, serving_threads, serving, shutdown.clone()).expect("a free port");
        tokio::spawn(server);
        let url = format!("{scheme}://{address}");
        Self { url, store, database, http: Client::new(), shutdown }
    }

    /// A call without a token.
    pub fn bare(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().expect("a method");
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A call of the one who may act in `mine`.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(MINE.0)
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request("POST", path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        answer(self.request("PATCH", path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.request("DELETE", path)).await
    }

    /// Starts an export by AlloyDB's method; returns the operation.
    pub async fn export(&self) -> Value {
        let answer = self.post(&format!("{LOCATION}/clusters/main:export"), &csv("SELECT 1")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Starts an operation that does nothing; returns its path.
    pub async fn steps(&self) -> String {
        let answer = self.post(NATIVE, &json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 0}})).await;
        format!("{NATIVE}/{}", answer.body["id"].as_str().expect("an id"))
    }

    /// Makes a transfer job of the project `mine` with one member changed; null takes it away.
    pub async fn transfer_job(&self, name: &str, member: &str, value: Value) -> Answer {
        let mut body = transfer_job(name);
        body[member] = value;
        self.post("/v1/transferJobs", &body).await
    }

    /// Runs a transfer job of the project `mine`; returns the operation.
    pub async fn run_transfer(&self, name: &str) -> Value {
        let ran = self.post(&format!("/v1/{name}:run"), &json!({"projectId": "mine"})).await;
        assert_eq!(ran.status, 200, "{ran:?}");
        ran.body
    }

    /// Lists by Storage Transfer's method, in the project `mine` unless the filter says another.
    pub async fn list_transfers(&self, collection: &str, filter: &Value, more: &str) -> Answer {
        let mut whole = json!({"projectId": "mine"});
        whole.as_object_mut().expect("an object").extend(filter.as_object().expect("an object").clone());
        let mut url: reqwest::Url = format!("{}/v1/{collection}", self.url).parse().expect("a URL");
        url.query_pairs_mut().append_pair("filter", &whole.to_string());
        let query = url.query().expect("a query");
        self.get(&format!("/v1/{collection}?{query}{more}")).await
    }

    /// Waits until so many clients wait, by the metrics of this process. Each test is a process (nextest).
    pub async fn watchers(&self, count: usize) {
        self.metric(&format!("safepoint_watchers {count}")).await;
    }

    async fn metric(&self, line: &str) {
        eventually(line, Duration::from_secs(30), async || {
            let metrics = answer(self.bare("GET", "/metrics")).await;
            metrics.body.as_str().expect("text").lines().any(|found| found == line).then_some(())
        })
        .await;
    }

    /// Waits until the api listens to what changes, or listens no more.
    pub async fn hears_changes(&self, hears: bool) {
        let line = format!("safepoint_broker_up{{link=\"changes\"}} {}", u8::from(hears));
        self.metric(&line).await;
    }

    /// Takes the one waiting operation of a kind as a worker does.
    pub async fn claim(&self, kind: Kind) -> Claimed {
        self.claim_as(clock::new_worker_id(), kind).await
    }

    /// Takes the one waiting operation of a kind as this worker does.
    pub async fn claim_as(&self, worker: WorkerId, kind: Kind) -> Claimed {
        self.store.register_worker(worker, "test", LeaseTerms::default()).await.expect("registered");
        let mut claimed = self.store.claim(worker, &kind, 1, "").await.expect("claimed").operations;
        claimed.pop().expect("one that waits")
    }

    /// Tells how far an attempt is.
    pub async fn progress(&self, claimed: &Claimed, progress: Progress) {
        let position =
            Position { fence: claimed.fence, progress, checkpoint: None, items_per_second: None, safe_point: None };
        assert_eq!(self.store.checkpoint(&[position]).await.expect("stored").len(), 1);
    }

    /// Hides what an attempt works on, as a vendor's delete does.
    pub async fn hide(&self, claimed: &Claimed) {
        let address = Address { project: "mine".parse().expect("a project"), collection: None, id: claimed.fence.id };
        assert!(self.store.delete(&address, &testkit::actor("me")).await.expect("answered"));
    }

    /// Ends an attempt as a worker does.
    pub async fn finish(&self, claimed: &Claimed, ending: Ending, progress: Progress) {
        let finished = Finished {
            fence: claimed.fence,
            ending,
            progress,
            checkpoint: None,
            delivered: Some((Duration::from_millis(20), operation::Road::Push)),
            observed: Some((Duration::from_millis(10), "part uploaded")),
            cleanup: Some(operation::Cleanup { status: operation::CleanupStatus::Removed, outputs: Vec::new() }),
            ended_by: Some(operation::EndedBy::SafePoint),
        };
        assert_eq!(self.store.finish(&[finished]).await.expect("stored").len(), 1);
    }

    /// How many operations there are, deleted ones too.
    pub async fn count(&self) -> i64 {
        let client = self.database.as_ref().expect("a database").client().await;
        client.query_one("SELECT count(*) FROM operations", &[]).await.expect("a count").get(0)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a whole answer");
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    assert!(headers.contains_key("x-request-id"), "every answer names its request");
    Answer { status, headers, body }
}

/// A TCP link that holds back what it is given while it is not open: neither side hears of it.
async fn link(server: String) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (open, watched) = watch::channel(true);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(&server).await.expect("the server");
            let (near, far) = (near.into_split(), far.into_split());
            tokio::spawn(pump(near.0, far.1, watched.clone()));
            tokio::spawn(pump(far.0, near.1, watched.clone()));
        }
    });
    (address, open)
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut open: watch::Receiver<bool>) {
    let mut bytes = vec![0; 8192];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if open.wait_for(|open| *open).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// The body of a CSV export.
pub fn csv(query: &str) -> Value {
    json!({
        "database": "shop",
        "gcsDestination": {"uri": "gs://exports/a/b.csv"},
        "csvExportOptions": {"selectQuery": query},
    })
}

/// The body of a transfer job of the project `mine`.
pub fn transfer_job(name: &str) -> Value {
    json!({
        "name": name,
        "projectId": "mine",
        "status": "ENABLED",
        "transferSpec": {"gcsDataSource": {"bucketName": "exports", "path": "a/"}, "gcsDataSink": {"bucketName": "sink"}},
    })
}

fn no_broker() -> BrokerSettings {
    BrokerSettings {
        url: Secret::new("amqp://nobody:canary-password@127.0.0.1:1/%2f"),
        authorities: None,
        namespace: "none".to_owned(),
        process: "test",
    }
}

fn config() -> Config {
    let project = |name: &str| name.parse().expect("a project");
    let token = |name: &str, sha256: &str, projects: &[&str]| Token {
        name: name.to_owned(),
        sha256: sha256.to_owned(),
        projects: projects.iter().map(|name| project(name)).collect(),
        scopes: vec![Scope::Read, Scope::Write, Scope::Cancel, Scope::Delete],
    };
    let cluster = |name: &str| Cluster {
        name: name.to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 1,
        user: "nobody".to_owned(),
        host_addresses: Vec::new(),
        tls: ClusterTls::Disable,
        ca_file: None,
        password_env: None,
        password: None,
    };
    let bucket = |name: &str, projects: &[&str]| {
        Bucket::new(name, format!("file:///nowhere/{name}/"), projects.iter().map(|name| project(name)).collect())
    };
    let mut config = Config {
        tokens: vec![token("me", MINE.1, &["mine", "example.com:proj"]), token("them", THEIRS_SHA256, &["theirs"])],
        clusters: vec![
            cluster("projects/mine/locations/here/clusters/main"),
            cluster("projects/mine/locations/here/clusters/second"),
            cluster("projects/mine/locations/there/clusters/main"),
            cluster("projects/example.com:proj/locations/here/clusters/main"),
            cluster("projects/theirs/locations/here/clusters/main"),
        ],
        buckets: vec![
            bucket("exports", &["mine", "example.com:proj"]),
            bucket("sink", &["mine", "theirs"]),
            bucket("secret-exports", &["theirs"]),
        ],
        folders: vec![Folder { path: "/data".into(), projects: vec![project("mine")] }],
        ..Config::default()
    };
    config.kinds.enable(kinds::demo_steps::KIND);
    config
}

/// The token of the one who may act in `theirs`.
pub const THEIRS: &str = "their-token";
const THEIRS_SHA256: &str = "a4e236de35c36214fa62e5b82bc75518203167f46d9c8f07b6476c6784248a82";
