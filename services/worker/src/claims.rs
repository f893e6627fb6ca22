//! Takes work from the queue: woken by a hint or a free slot, else by looking about once a second.

use crate::cursor::{Cursor, Left};
use crate::registry::Registry;
use crate::runner::Runner;
use operation::{Kind, WorkerId};
use runtime::broker::{Bell, Hint, Publisher};
use runtime::{clock, failpoint};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Store, StoreError};
use tokio::sync::watch;
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
    /// Rings when there may be work of a kind.
    pub work: Arc<Bell>,
    /// Tells those who wait for an operation.
    pub publisher: Publisher,
}

/// Where the claims of one kind stand.
struct Turn {
    kind: Kind,
    slots: u32,
    cursor: Cursor,
    /// When it looks again by itself.
    look_at: Instant,
    /// Whether work waits for the end of other work.
    starved: bool,
}

impl Turn {
    fn new((kind, slots): (Kind, u32)) -> Self {
        Self { kind, slots, cursor: Cursor::default(), look_at: Instant::now(), starved: false }
    }

    /// Looks again when it makes sense to, after a claim that left so much.
    fn left(&mut self, left: Left) {
        let after = match left {
            Left::Nothing | Left::Waiting => LOOK_EVERY,
            Left::PassedOver => AFTER_ANOTHER_CLAIM,
            Left::More => Duration::ZERO,
        };
        self.starved = matches!(left, Left::Waiting | Left::PassedOver);
        self.look_at = Instant::now() + after.mul_f64(0.5 + clock::jitter());
    }
}

impl Claims {
    /// Claims until `shutdown`. A look costs the database the same whether there is something or not: so each kind is looked
    /// for by itself, when there is reason to.
    pub async fn take(self, shutdown: CancellationToken) {
        let mut reconcile_at = Instant::now() + RECONCILE_EVERY;
        let mut turns: Vec<_> = self.slots.iter().cloned().map(Turn::new).collect();
        while !shutdown.is_cancelled() {
            for turn in turns.iter_mut().filter(|turn| turn.look_at <= Instant::now()) {
                let left = self.claim(&turn.kind, turn.slots, &mut turn.cursor).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, kind = %turn.kind, "could not claim");
                    // The claim may have been written all the same: then nobody would run it.
                    reconcile_at = Instant::now();
                    Left::Nothing
                });
                turn.left(left);
            }
            if Instant::now() >= reconcile_at && self.reconcile().await {
                reconcile_at = Instant::now() + RECONCILE_EVERY;
            }
            self.wait(&mut turns, &shutdown).await;
        }
    }

    /// Fills the free slots of a kind.
    async fn claim(&self, kind: &Kind, slots: u32, cursor: &mut Cursor) -> Result<Left, StoreError> {
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

    /// Until one of the kinds is to be looked for.
    async fn wait(&self, turns: &mut [Turn], shutdown: &CancellationToken) {
        let now = Instant::now();
        let next = turns.iter().map(|turn| turn.look_at).min().unwrap_or(now + LOOK_EVERY);
        if next <= now {
            return;
        }
        let starved = turns.iter().any(|turn| turn.starved);
        tokio::select! {
            kinds = self.work.heard() => look_now(turns, |turn| kinds.contains(&turn.kind)),
            // Where nothing waited for it, an end is no reason to look.
            () = self.registry.attempt_ended(), if starved => look_now(turns, |turn| turn.starved),
            () = tokio::time::sleep_until(next.into()) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

fn look_now(turns: &mut [Turn], whose: impl Fn(&Turn) -> bool) {
    for turn in turns.iter_mut().filter(|turn| whose(turn)) {
        turn.look_at = Instant::now();
    }
}
