//! Takes work from the queue: woken by a hint or a free slot, else by looking about once a second.

use crate::registry::Registry;
use crate::runner::Runner;
use operation::{Kind, WorkerId};
use runtime::broker::{Hint, Publisher};
use runtime::{clock, failpoint};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Claim, Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_secs(1);
const RECONCILE_EVERY: Duration = Duration::from_secs(15);
/// As many as one statement takes.
const BATCH: u32 = 64;

/// What a claim left in the queue.
enum Left {
    /// There was nothing, or all was taken.
    Nothing,
    /// There may be more to claim at once.
    More,
    /// There is work that waits for the end of other work: all slots are taken, or as many of a project run as may.
    Waiting,
}

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
        let mut cursors = vec![String::new(); self.slots.len()];
        while !shutdown.is_cancelled() {
            let (mut more, mut starved) = (false, false);
            for (&(kind, slots), cursor) in self.slots.iter().zip(&mut cursors) {
                match self.claim(kind, slots, cursor).await {
                    Ok(Left::Nothing) => {}
                    Ok(Left::More) => more = true,
                    Ok(Left::Waiting) => starved = true,
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
                self.wait(starved, &shutdown).await;
            }
        }
    }

    /// Fills the free slots of a kind.
    async fn claim(&self, kind: Kind, slots: u32, cursor: &mut String) -> Result<Left, StoreError> {
        let free = slots.saturating_sub(self.registry.running(kind)).min(BATCH);
        if free == 0 {
            return Ok(Left::Waiting);
        }
        let worker = *self.identity.borrow();
        let Claim { operations: claimed, held_back } =
            failpoint::around!("worker.claim", self.store.claim(worker, kind, free, cursor).await)?;
        let full = claimed.len() == free as usize;
        // A claim looks at a bounded number of projects: the next one looks at those behind, then starts over.
        let wrapped = claimed.is_empty() && !cursor.is_empty();
        claimed.iter().map(|c| c.project.as_str()).max().unwrap_or_default().clone_into(cursor);
        let operations: Vec<_> = claimed.iter().map(|claimed| claimed.fence.id).collect();
        for operation in claimed {
            self.runner.start(operation, worker);
        }
        if !operations.is_empty() {
            self.publisher.send(Hint::Changed { operations });
        }
        Ok(match held_back {
            _ if full || wrapped => Left::More,
            true => Left::Waiting,
            false => Left::Nothing,
        })
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

    async fn wait(&self, starved: bool, shutdown: &CancellationToken) {
        tokio::select! {
            () = self.work.notified() => {}
            // Where nothing waited for it, an end is no reason to look.
            () = self.registry.attempt_ended(), if starved => {}
            () = tokio::time::sleep(LOOK_EVERY.mul_f64(0.5 + clock::jitter())) => {}
            () = shutdown.cancelled() => {}
        }
    }
}
