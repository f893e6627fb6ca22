//! The worker's right to run: renewed on a thread of its own, with a connection of its own, so that no load and no
//! busy executor can starve it.
//!
//! A worker that can't renew stops all its attempts by its own monotonic clock before the sweeper may hand them to
//! others, and goes on with a fresh identity.

use crate::attempt::Stop;
use crate::lease_clock::LeaseClock;
use crate::registry::Registry;
use operation::{LeaseTerms, Road, WorkerId};
use runtime::config::Secret;
use runtime::heartbeat::Heartbeats;
use runtime::{clock, failpoint};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{LeaseLost, PoolSettings, Requested, Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What the thread needs.
pub struct Lease {
    /// Where the leases are.
    pub database_url: Secret,
    /// This machine, for people who look at the table.
    pub host: String,
    /// How often, how long.
    pub terms: LeaseTerms,
    /// The identity under which this worker runs now.
    pub identity: watch::Sender<WorkerId>,
    /// Until when it may act under it.
    pub clock: LeaseClock,
    /// What it runs.
    pub registry: Arc<Registry>,
    /// Cancelled when the last attempt has ended: renew no more.
    pub ended: CancellationToken,
}

impl Lease {
    /// Starts the thread, which beats while it keeps the lease.
    ///
    /// # Errors
    /// The machine has no thread to give.
    pub fn start(self, heartbeats: Heartbeats) -> std::io::Result<std::thread::JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("lease".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = self.keep() => {}
                    () = heartbeats.beat() => {}
                }
            });
        })
    }

    async fn keep(self) {
        while !self.ended.is_cancelled() {
            // A fresh pool for each identity: a connection that hung is never met again.
            match Store::new(self.database_url.expose(), pool(self.terms)) {
                Ok(store) => self.live(&store).await,
                // The URL was good at the start: the file of authorities that it names is gone or being replaced.
                Err(error) => {
                    tracing::error!(%error, "no lease without a database");
                    self.pause().await;
                }
            }
        }
    }

    /// One identity, from its registration to its end.
    async fn live(&self, store: &Store) {
        let id = *self.identity.borrow();
        let mut renewed = Instant::now();
        let register =
            async { failpoint::around!("worker.register", store.register_worker(id, &self.host, self.terms).await) };
        match self.before_deadline(renewed, register).await {
            Some(Ok(())) => tracing::info!(worker.id = %id, "registered"),
            // The row may be there all the same, and an id registers once: the next try is another worker's.
            Some(Err(error)) => {
                tracing::warn!(%error, "the worker cannot register yet");
                self.identity.send_replace(clock::new_worker_id());
                return self.pause().await;
            }
            None => {
                self.identity.send_replace(clock::new_worker_id());
                return;
            }
        }
        self.clock.begin(id, renewed + self.terms.self_fence_after());
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.terms.renew_every().saturating_sub(renewed.elapsed())) => {}
                () = self.ended.cancelled() => return retire(store, id).await,
            }
            let sent = Instant::now();
            let renew = async { failpoint::around!("worker.renew", store.renew_worker(id, self.terms).await) };
            match self.before_deadline(renewed, renew).await {
                Some(Ok(Ok(requests))) => {
                    renewed = sent;
                    if !self.clock.renew(renewed + self.terms.self_fence_after()) {
                        return self.lose(id);
                    }
                    self.deliver(requests);
                }
                Some(Ok(Err(LeaseLost))) | None => return self.lose(id),
                Some(Err(error)) => {
                    tracing::warn!(worker.id = %id, %error, "the lease could not be renewed");
                    if renewed.elapsed() + self.terms.renew_every() / 4 >= self.terms.self_fence_after() {
                        return self.lose(id);
                    }
                    tokio::time::sleep(self.terms.renew_every() / 4).await;
                }
            }
        }
    }

    /// The answer, or nothing once the worker must have fenced itself. The statement is dropped then, which closes its
    /// connection.
    async fn before_deadline<T>(
        &self,
        renewed: Instant,
        statement: impl Future<Output = Result<T, StoreError>>,
    ) -> Option<Result<T, StoreError>> {
        let left = self.terms.self_fence_after().saturating_sub(renewed.elapsed());
        tokio::time::timeout(left, statement).await.ok()
    }

    fn deliver(&self, requests: Vec<Requested>) {
        for requested in requests {
            self.registry.deliver(requested, Road::Renewal);
        }
    }

    /// Everything this worker runs may soon run elsewhere.
    fn lose(&self, id: WorkerId) {
        let fresh = clock::new_worker_id();
        // The clock first: an attempt that is just being started looks at it after it can be found.
        self.clock.begin(fresh, Instant::now());
        self.registry.stop_all(Stop::LeaseLost);
        tracing::warn!(worker.id = %id, worker.next_id = %fresh, "the lease is lost: stopping all attempts");
        self.identity.send_replace(fresh);
    }

    async fn pause(&self) {
        let wait = Duration::from_millis(200).mul_f64(1.0 + clock::jitter());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.ended.cancelled() => {}
        }
    }
}

/// A renewal that gets no answer leaves time for another one, by a new connection, before this worker must fence itself.
fn pool(terms: LeaseTerms) -> PoolSettings {
    let statement_timeout = (terms.self_fence_after() / 2).min(Duration::from_secs(2));
    PoolSettings::new("safepoint lease").connections(1).statement_timeout(statement_timeout)
}

async fn retire(store: &Store, id: WorkerId) {
    match failpoint::around!("worker.retire", store.retire_worker(id).await) {
        Ok(true) => tracing::info!(worker.id = %id, "retired"),
        Ok(false) => tracing::warn!(worker.id = %id, "operations are left behind: the sweeper takes them"),
        Err(error) => tracing::warn!(worker.id = %id, %error, "could not retire: the lease runs out by itself"),
    }
}
