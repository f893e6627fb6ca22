//! Puts a worker together, and takes it down in order: stop claiming, drain to safe points, write the ends, and only
//! then stop renewing.

use crate::attempt::Stop;
use crate::checkpoints;
use crate::claims::Claims;
use crate::escalation::Escalation;
use crate::executor;
use crate::executor::services::Services;
use crate::executors::Executors;
use crate::finisher::Finisher;
use crate::lease::Lease;
use crate::lease_clock::LeaseClock;
use crate::registry::Registry;
use crate::runner::Runner;
use crate::settings::Settings;
use crate::{cancel_listener, kind_registration, metrics};
use operation::{InvalidLease, Kind, KindInfo};
use runtime::admin::{self, Probe, Readiness};
use runtime::broker::{BrokerSettings, BrokerUrlError, Listener, Publisher};
use runtime::clock;
use runtime::config::Config;
use runtime::heartbeat::Heartbeats;
use runtime::sealing::InvalidKeyRing;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use store::{DatabaseUrlError, PoolSettings, Store};
use tls::TrustError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long a statement may run that a cancel waits for.
const CANCEL_WAITS: Duration = Duration::from_secs(2);

/// Why a worker can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database's URL is not one, or not with its TLS.
    #[error("SAFEPOINT_DATABASE_URL cannot be used")]
    Database(#[source] DatabaseUrlError),
    /// The broker's URL is not one, or not with its TLS.
    #[error("SAFEPOINT_BROKER_URL or SAFEPOINT_BROKER_CA cannot be used")]
    Broker(#[from] BrokerUrlError),
    /// The keys of secrets are none.
    #[error("SAFEPOINT_SECRET_KEYS is not valid")]
    SecretKeys(#[from] InvalidKeyRing),
    /// Whom to trust for a cluster can't be read.
    #[error("the ca_file of the cluster {0} cannot be used")]
    Cluster(String, #[source] TrustError),
    /// An executor of another crate is for a kind of the product.
    #[error("the kind {0} comes with the product: an executor of your own needs a name of its own")]
    ProductKind(Kind),
    /// The lease can't hold.
    #[error("the lease in [worker] is not valid")]
    Lease(#[from] InvalidLease),
    /// A thread or a port could not be had.
    #[error("the machine refused a thread or a port")]
    Machine(#[from] std::io::Error),
}

/// The exit code of a worker that gave itself up (`EX_SOFTWARE` of sysexits.h): start it again.
pub const GAVE_UP: u8 = 70;

/// How long attempts that were aborted at the end of the drain have to return, and their ends to be written.
const ABORTED_WITHIN: Duration = Duration::from_secs(2);

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing of it works any more.
    InOrder,
    /// Something of an attempt does not return. Its process must end without waiting for it.
    GaveUp,
}

/// A worker that runs.
pub struct Worker {
    registry: Arc<Registry>,
    drain: Duration,
    shutdown: CancellationToken,
    gave_up: CancellationToken,
    ended: CancellationToken,
    claims: tokio::task::JoinHandle<()>,
    lease: JoinHandle<()>,
}

impl Worker {
    /// Starts all its parts. Database and broker need not be there yet.
    pub(crate) async fn start(
        executors: impl FnOnce(&Arc<Services>) -> Executors,
        settings: &Settings,
        config: Config,
        shutdown: CancellationToken,
    ) -> Result<Self, StartError> {
        executor::check(&config).map_err(|(cluster, error)| StartError::Cluster(cluster, error))?;
        let open = |pool| Store::new(settings.database_url.expose(), pool).map_err(StartError::Database);
        // Each lane has its own connections: no load on one delays a cancel on another.
        let work = open(PoolSettings::new("safepoint worker").connections(3))?;
        let control = open(PoolSettings::new("safepoint cancel").connections(1).statement_timeout(CANCEL_WAITS))?;
        let ends = open(PoolSettings::new("safepoint finish").connections(2).statement_timeout(CANCEL_WAITS))?;
        let (registry, ended) = (Arc::new(Registry::default()), CancellationToken::new());
        let identity = watch::Sender::new(clock::new_worker_id());
        let lease_clock = LeaseClock::new(*identity.borrow());
        let broker = broker(settings);
        let publisher = Publisher::start(broker.clone(), ended.clone())?;
        let services = Services {
            secret_keys: settings.secret_keys.expose().parse()?,
            store: work.clone(),
            publisher: publisher.clone(),
            config: config.clone(),
        };
        let executors = Arc::new(executors(&Arc::new(services)));
        let slots = slots(settings, &config, &executors);
        let kinds = slots.iter().map(|(kind, _)| kind.clone()).collect();
        let listener = Listener::start(broker, identity.subscribe(), kinds, ended.clone())?;
        tokio::spawn(cancel_listener::listen(listener.controls, control, identity.subscribe(), registry.clone()));
        tokio::spawn(kind_registration::register(work.clone(), executors.clone(), ended.clone()));
        tokio::spawn(checkpoints::keep_stored(
            work.clone(),
            registry.clone(),
            executors.clone(),
            publisher.clone(),
            ended.clone(),
        ));
        let lease_thread = Heartbeats::new("lease threads", 1);
        if let Some(address) = settings.admin_listen {
            let probe = WorkerProbe { store: work.clone(), broker_up: listener.up.clone() };
            admin::serve(address, probe, vec![lease_thread.clone()], ended.clone()).await?;
        }
        let lease = Lease {
            database_url: settings.database_url.clone(),
            host: host_name(),
            terms: config.worker.lease_terms()?,
            identity: identity.clone(),
            clock: lease_clock.clone(),
            registry: registry.clone(),
            ended: ended.clone(),
        };
        let drain = Duration::from_secs(config.worker.drain_seconds);
        let runner = Runner {
            store: work.clone(),
            registry: registry.clone(),
            lease_clock,
            finisher: Finisher::start(ends, publisher.clone()),
            executors: executors.clone(),
        };
        let claims = Claims {
            store: work,
            identity: identity.subscribe(),
            registry: registry.clone(),
            runner,
            slots,
            work: listener.work,
            publisher,
        };
        let (claiming, gave_up) = (shutdown.child_token(), CancellationToken::new());
        watch_stops(&registry, &executors, &claiming, &gave_up, &ended)?;
        let lease = lease.start(lease_thread)?;
        let claims = tokio::spawn(claims.take(claiming));
        Ok(Self { registry, drain, shutdown, gave_up, ended, claims, lease })
    }

    /// Works until the shutdown signal, then ends in order; or until it has to be given up.
    pub async fn run(mut self) -> End {
        let gave_up = self.gave_up.clone();
        let end = tokio::select! {
            biased;
            () = gave_up.cancelled() => End::GaveUp,
            end = self.end_in_order() => end,
        };
        // The lease's thread retires a worker that owns nothing. Otherwise the lease just ends.
        self.ended.cancel();
        if end == End::InOrder {
            let lease = self.lease;
            let _ = tokio::task::spawn_blocking(move || lease.join()).await;
        }
        end
    }

    /// From the shutdown signal to the last attempt's end.
    async fn end_in_order(&mut self) -> End {
        self.shutdown.cancelled().await;
        // The claim under way, if any, has registered what it took when this returns.
        let _ = (&mut self.claims).await;
        self.registry.stop_all(Stop::Drain);
        tracing::info!(attempts = self.registry.all().len(), "draining to safe points");
        if tokio::time::timeout(self.drain, self.drained()).await.is_ok() {
            return End::InOrder;
        }
        let left = self.registry.all();
        tracing::warn!(attempts = left.len(), "not drained in time: aborting what is left");
        for attempt in left {
            attempt.cut_off();
        }
        if tokio::time::timeout(ABORTED_WITHIN, self.drained()).await.is_ok() {
            return End::InOrder;
        }
        let left = self.registry.all();
        tracing::warn!(attempts = left.len(), "not ended in time: left to the keeper");
        if left.iter().all(|attempt| attempt.has_executor_ended()) { End::InOrder } else { End::GaveUp }
    }

    async fn drained(&self) {
        while !self.registry.all().is_empty() {
            self.registry.attempt_ended().await;
        }
    }
}

/// Starts the thread that ends what does not stop.
fn watch_stops(
    registry: &Arc<Registry>,
    executors: &Executors,
    claiming: &CancellationToken,
    gave_up: &CancellationToken,
    ended: &CancellationToken,
) -> std::io::Result<()> {
    for KindInfo { kind, stop_bound, .. } in executors.all().map(|registered| &registered.info) {
        metrics::stop_bound(kind, *stop_bound);
    }
    let escalation = Escalation {
        registry: registry.clone(),
        claiming: claiming.clone(),
        gave_up: gave_up.clone(),
        ended: ended.clone(),
    };
    escalation.start().map(drop)
}

fn broker(settings: &Settings) -> BrokerSettings {
    BrokerSettings {
        url: settings.broker_url.clone(),
        authorities: settings.broker_ca.clone(),
        namespace: settings.broker_namespace.clone(),
        process: "worker",
    }
}

fn slots(settings: &Settings, config: &Config, executors: &Executors) -> Vec<(Kind, u32)> {
    let slots = settings.slots.unwrap_or(config.worker.slots);
    executors.all().map(|registered| (registered.info.kind.clone(), slots)).collect()
}

struct WorkerProbe {
    store: Store,
    broker_up: watch::Receiver<bool>,
}

impl Probe for WorkerProbe {
    async fn readiness(&self) -> Readiness {
        let broker_up = *self.broker_up.borrow();
        Readiness::of(self.store.ping().await.is_ok(), broker_up)
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}
