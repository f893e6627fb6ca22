//! Takes work from the queue: woken by a hint or a free slot, else by looking about once a second.

use crate::cursor::{Cursor, Left};
use crate::registry::Registry;
use crate::runner::Runner;
use operation::{Kind, WorkerId};
use runtime::broker::{Hint, Publisher};
use runtime::{clock, failpoint};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a claim of another worker takes.
const AFTER_ANOTHER_CLAIM: Duration = Duration::from_millis(30);
const RECONCILE_EVERY: Duration = Duration::from_secs(15);
/// As many as one statement takes.
const BATCH: u32 = 64;

/// The loop that claims. It claims alone: while it reconciles, no claim of this worker is under way.
pub struct Claims {
    /// The lane for claims.
    pub store: Store,
    /// Under which identity.
    pub identity: watch::Receiver<WorkerId>,
    /// What runs.
    pub registry: Arc<Registry>,
    /// Runs what is claimed.
    pub runner: Runner,
    /// Which kinds, and how many of each at a time.
    pub slots: Vec<(Kind, u32)>,
    /// Rings when there may be work.
    pub work: Arc<Notify>,
    /// Tells those who wait for an operation.
    pub publisher: Publisher,
}

impl Claims {
    /// Claims until `shutdown`.
    pub async fn take(self, shutdown: CancellationToken) {
        let mut reconcile_at = Instant::now() + RECONCILE_EVERY;
        let mut cursors: Vec<_> = self.slots.iter().map(|_| Cursor::default()).collect();
        while !shutdown.is_cancelled() {
            let (mut more, mut starved, mut look_in) = (false, false, LOOK_EVERY);
            for (&(kind, slots), cursor) in self.slots.iter().zip(&mut cursors) {
                match self.claim(kind, slots, cursor).await {
                    Ok(Left::Nothing) => {}
                    Ok(Left::More) => more = true,
                    Ok(Left::Waiting) => starved = true,
                    Ok(Left::PassedOver) => (starved, look_in) = (true, AFTER_ANOTHER_CLAIM),
                    Err(error) => {
                        tracing::warn!(%error, %kind, "could not claim");
                        // The claim may have been written all the same: then nobody would run it.
                        reconcile_at = Instant::now();
                    }
                }
            }
            if Instant::now() >= reconcile_at && self.reconcile().await {
                reconcile_at = Instant::now() + RECONCILE_EVERY;
            }
            if !more {
                self.wait(starved, look_in, &shutdown).await;
            }
        }
    }

    /// Fills the free slots of a kind.
    async fn claim(&self, kind: Kind, slots: u32, cursor: &mut Cursor) -> Result<Left, StoreError> {
        let free = slots.saturating_sub(self.registry.running(kind)).min(BATCH);
        if free == 0 {
            return Ok(Left::Waiting);
        }
        let worker = *self.identity.borrow();
        let claim = failpoint::around!("worker.claim", self.store.claim(worker, kind, free, cursor.from()).await)?;
        let left = cursor.advance(&claim, free as usize);
        let operations: Vec<_> = claim.operations.iter().map(|claimed| claimed.fence.id).collect();
        for operation in claim.operations {
            self.runner.start(operation, worker);
        }
        if !operations.is_empty() {
            self.publisher.send(Hint::Changed { operations });
        }
        Ok(left)
    }

    async fn reconcile(&self) -> bool {
        let known: Vec<_> = self.registry.all().iter().map(|attempt| attempt.fence.id).collect();
        let worker = *self.identity.borrow();
        match failpoint::around!("worker.reconcile", self.store.reconcile(worker, &known).await) {
            Ok(0) => true,
            Ok(given_back) => {
                tracing::warn!(given_back, "operations were claimed without our knowing: given back");
                true
            }
            Err(error) => {
                tracing::warn!(%error, "could not reconcile");
                false
            }
        }
    }

    async fn wait(&self, starved: bool, look_in: Duration, shutdown: &CancellationToken) {
        tokio::select! {
            () = self.work.notified() => {}
            // Where nothing waited for it, an end is no reason to look.
            () = self.registry.attempt_ended(), if starved => {}
            () = tokio::time::sleep(look_in.mul_f64(0.5 + clock::jitter())) => {}
            () = shutdown.cancelled() => {}
        }
    }
}
