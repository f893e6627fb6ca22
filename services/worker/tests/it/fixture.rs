//! A database, a broker behind a link that can be cut, and workers in this process.

use kinds::Parameters;
use kinds::demo_steps::DemoSteps;
use operation::{CancelMode, Fence, LeaseTerms, Nonce, OperationId, ProjectId, RetryPolicy, Spec, State};
use runtime::broker::{BrokerSettings, Hint, Publisher};
use runtime::clock;
use runtime::config::{Bucket, Config, Secret};
use safepoint_worker::{Builder, End, Settings, Worker};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;
use store::{Address, Asked, NewOperation, Operation, Requester, Store};
use tempfile::TempDir;
use testkit::{Proxy, TestDatabase, broker_settings, eventually};
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

/// Far above what any promise here needs: what exceeds it hangs.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What opens the secrets of operations.
pub const SECRET_KEYS: &str = "test=5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";

pub struct Fixture {
    pub store: Store,
    pub database: TestDatabase,
    pub broker_link: Proxy,
    /// The folder of the bucket `exports`.
    pub bucket: TempDir,
    pub broker: BrokerSettings,
    /// More buckets that its workers know.
    pub buckets: Vec<Bucket>,
    publisher: Publisher,
}

/// A worker of this process.
pub struct Running {
    shutdown: CancellationToken,
    run: JoinHandle<End>,
}

impl Running {
    /// Ends it as SIGTERM does, and waits for its end.
    pub async fn end(self) {
        self.shutdown.cancel();
        assert_eq!(self.ended().await, End::InOrder);
    }

    /// Waits for its end.
    pub async fn ended(self) -> End {
        self.run.await.expect("the worker ends without a panic")
    }
}

impl Fixture {
    pub async fn new() -> Self {
        let database = TestDatabase::create().await;
        let settings = broker_settings();
        let mut url: Url = settings.url.expose().parse().expect("the broker's URL");
        let target = format!("127.0.0.1:{}", url.port().expect("a port"));
        let broker_link = Proxy::to(target).await;
        url.set_port(Some(broker_link.address().port())).expect("a port");
        let broker = BrokerSettings { url: Secret::new(url), ..settings };
        let mut publisher = Publisher::start(broker.clone(), CancellationToken::new()).expect("a publisher");
        publisher.wait_up().await;
        let bucket = tempfile::tempdir().expect("a folder");
        Self { store: database.store(), database, broker_link, bucket, broker, buckets: Vec::new(), publisher }
    }

    pub async fn worker(&self) -> Running {
        self.worker_with(LeaseTerms::default()).await
    }

    pub async fn worker_with(&self, terms: LeaseTerms) -> Running {
        self.worker_of(Worker::builder().built_in_kinds(), terms).await
    }

    /// A worker of other executors.
    pub async fn worker_of(&self, builder: Builder, terms: LeaseTerms) -> Running {
        let settings = Settings {
            config: "unused".into(),
            database_url: Secret::new(self.database.url()),
            broker_url: self.broker.url.clone(),
            secret_keys: Secret::new(SECRET_KEYS),
            broker_ca: None,
            broker_namespace: self.broker.namespace.clone(),
            admin_listen: None,
            slots: None,
            log: String::new(),
        };
        let mut config = Config::default();
        let url = Url::from_directory_path(self.bucket.path()).expect("an absolute path");
        config.buckets = vec![Bucket::new("exports", url, vec![project()])];
        config.buckets.extend(self.buckets.iter().cloned());
        config.kinds.enable(kinds::demo_steps::KIND);
        config.worker.renew_every_seconds = terms.renew_every().as_secs_f64();
        config.worker.lease_ttl_seconds = terms.ttl().as_secs_f64();
        let shutdown = CancellationToken::new();
        let worker = builder.start(&settings, config, shutdown.clone()).await.expect("the worker starts");
        Running { shutdown, run: tokio::spawn(worker.run()) }
    }

    pub async fn create(&self, spec: DemoSteps) -> OperationId {
        self.create_as(spec.to_spec(), None).await
    }

    pub async fn create_as(&self, spec: Spec, deadline: Option<OffsetDateTime>) -> OperationId {
        let (id, kind) = (clock::new_operation_id(), spec.kind().clone());
        let retry = RetryPolicy { failure_limit: 2, ..RetryPolicy::default() };
        let new = NewOperation { deadline, retry, ..testkit::new_operation(id, project().as_str(), spec) };
        self.store.create(&new).await.expect("created");
        self.publisher.send(Hint::Work { kind, trace_parent: None });
        id
    }

    /// Asks to cancel as the api does: the row first, then the hint to the owner.
    pub async fn cancel(&self, id: OperationId) -> Option<Asked> {
        self.cancel_in(id, CancelMode::Now).await
    }

    pub async fn cancel_in(&self, id: OperationId, mode: CancelMode) -> Option<Asked> {
        let requester = Requester { by: testkit::actor("tester"), reason: None, mode };
        let answer = self.store.cancel(&at(id), &requester).await.expect("answered");
        if let Some(Asked::Recorded(operation)) = &answer
            && let Some((worker, fence, mode)) = operation.to_be_told()
        {
            self.publisher.send(Hint::Cancel { worker, fence, mode, trace_parent: None });
        }
        answer
    }

    /// Sends a cancel's hint to the owner, though nobody asked.
    pub fn hint(&self, operation: &Operation, nonce: Nonce) {
        let worker = operation.worker.expect("it runs");
        let (fence, mode) = (Fence { id: operation.id, attempt: operation.attempt, nonce }, Some(CancelMode::Now));
        self.publisher.send(Hint::Cancel { worker, fence, mode, trace_parent: None });
    }

    pub async fn get(&self, id: OperationId) -> Operation {
        self.store.get(&at(id)).await.expect("read").expect("there")
    }

    pub async fn until(&self, id: OperationId, what: &str, holds: impl Fn(&Operation) -> bool) -> Operation {
        eventually(what, LIMIT, async || Some(self.get(id).await).filter(&holds)).await
    }

    pub async fn until_state(&self, id: OperationId, state: State) -> Operation {
        self.until(id, state.as_str(), |operation| operation.state == state).await
    }
}

/// Where `Fixture::create` puts it.
pub fn at(id: OperationId) -> Address {
    Address { project: project(), collection: None, id }
}

/// A response as it is stored.
pub fn json(response: impl Serialize) -> Value {
    serde_json::to_value(response).expect("JSON")
}

pub fn project() -> ProjectId {
    "p".parse().expect("a project id")
}

/// Steps that take `step_millis` each.
pub const fn steps(steps: u32, step_millis: u32) -> DemoSteps {
    DemoSteps::new(steps, step_millis)
}

/// One step that outlasts the test: nothing but a stop ends it, and it stores nothing meanwhile.
pub const fn endless() -> DemoSteps {
    steps(1, 3_600_000)
}

/// How many attempts run in this process, by its own metrics. Each test is a process (nextest), so they are this test's.
pub fn attempts_at_work() -> usize {
    let metrics = runtime::metrics::render();
    let name = "safepoint_worker_running{kind=\"demo.steps\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |count| count.parse().expect("a number"))
}

/// Waits until none does.
pub async fn no_attempt_runs() {
    eventually("no attempt runs", LIMIT, async || (attempts_at_work() == 0).then_some(())).await;
}
