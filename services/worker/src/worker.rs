//! Puts a worker together, and takes it down in order: stop claiming, drain to safe points, write the ends, and only
//! then stop renewing.

use crate::attempt::Stop;
use crate::checkpoints;
use crate::claims::Claims;
use crate::executor::cancel_operations::Desk;
use crate::executor::{Executors, postgres_export};
use crate::finisher::Finisher;
use crate::lease::Lease;
use crate::lease_clock::LeaseClock;
use crate::registry::Registry;
use crate::runner::Runner;
use crate::{Settings, cancel_listener};
use operation::{InvalidLease, Kind};
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
    /// The lease can't hold.
    #[error("the lease in [worker] is not valid")]
    Lease(#[from] InvalidLease),
    /// A thread or a port could not be had.
    #[error("the machine refused a thread or a port")]
    Machine(#[from] std::io::Error),
}

/// A worker that runs.
pub struct Worker {
    registry: Arc<Registry>,
    drain: Duration,
    shutdown: CancellationToken,
    ended: CancellationToken,
    claims: tokio::task::JoinHandle<()>,
    lease: JoinHandle<()>,
}

impl Worker {
    /// Starts all its parts. Database and broker need not be there yet.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(settings: &Settings, config: Config, shutdown: CancellationToken) -> Result<Self, StartError> {
        for cluster in &config.clusters {
            postgres_export::check(cluster).map_err(|error| StartError::Cluster(cluster.name.clone(), error))?;
        }
        let open = |name, connections| {
            let pool = PoolSettings::new(name).connections(connections);
            Store::new(settings.database_url.expose(), pool).map_err(StartError::Database)
        };
        // Each lane has its own connections: no load on one delays a cancel on another.
        let (work, control, ends) =
            (open("safepoint worker", 3)?, open("safepoint cancel", 1)?, open("safepoint finish", 2)?);
        let (registry, ended) = (Arc::new(Registry::default()), CancellationToken::new());
        let identity = watch::Sender::new(clock::new_worker_id());
        let lease_clock = LeaseClock::new(*identity.borrow());
        let slots = slots(settings, &config);
        let broker = BrokerSettings {
            url: settings.broker_url.clone(),
            authorities: settings.broker_ca.clone(),
            namespace: settings.broker_namespace.clone(),
            process: "worker",
        };
        let kinds = slots.iter().map(|(kind, _)| *kind).collect();
        let publisher = Publisher::start(broker.clone(), ended.clone())?;
        let listener = Listener::start(broker, identity.subscribe(), kinds, ended.clone())?;
        tokio::spawn(cancel_listener::listen(listener.controls, control, identity.subscribe(), registry.clone()));
        tokio::spawn(checkpoints::keep_stored(work.clone(), registry.clone(), publisher.clone(), ended.clone()));
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
            executors: Arc::new(Executors::new(
                config,
                settings.secret_keys.expose().parse()?,
                Desk { store: work.clone(), publisher: publisher.clone() },
            )),
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
        let lease = lease.start(lease_thread)?;
        let claims = tokio::spawn(claims.take(shutdown.clone()));
        Ok(Self { registry, drain, shutdown, ended, claims, lease })
    }

    /// Works until the shutdown signal, then ends in order.
    pub async fn run(self) {
        self.shutdown.cancelled().await;
        // The claim under way, if any, has registered what it took when this returns.
        let _ = self.claims.await;
        self.registry.stop_all(Stop::Drain);
        tracing::info!(attempts = self.registry.all().len(), "draining to safe points");
        let drained = async {
            while !self.registry.all().is_empty() {
                self.registry.attempt_ended().await;
            }
        };
        if tokio::time::timeout(self.drain, drained).await.is_err() {
            tracing::warn!(attempts = self.registry.all().len(), "not drained in time: left to the sweeper");
        }
        self.ended.cancel();
        let lease = self.lease;
        let _ = tokio::task::spawn_blocking(move || lease.join()).await;
    }
}

fn slots(settings: &Settings, config: &Config) -> Vec<(Kind, u32)> {
    let slots = settings.slots.unwrap_or(config.worker.slots);
    Kind::ALL
        .into_iter()
        .filter(|kind| match kind {
            Kind::PostgresExport | Kind::StorageTransfer | Kind::CancelOperations => true,
            Kind::DemoSteps => config.worker.demo_steps,
        })
        .map(|kind| (kind, slots))
        .collect()
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
