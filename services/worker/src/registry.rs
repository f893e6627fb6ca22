//! The attempts that this worker runs.

use crate::attempt::{Attempt, Stop};
use operation::{AttemptNumber, CancelMode, Fence, Kind, OperationId, Road};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Requested;
use tokio::sync::Notify;

type Attempts = HashMap<(OperationId, AttemptNumber), Arc<Attempt>>;

/// The attempts that this worker runs. An attempt stands here from its claim until its end is written.
///
/// By number too: after a lost lease, the same worker may claim the operation again while the former attempt still hangs. That
/// one must stay within reach of the escalation.
#[derive(Debug, Default)]
pub struct Registry {
    attempts: Mutex<Attempts>,
    ended: Notify,
}

impl Registry {
    /// An attempt begins.
    pub fn insert(&self, attempt: Arc<Attempt>) {
        self.lock().insert(key(attempt.fence), attempt);
    }

    /// An attempt has ended, and its end is written or is nobody's concern any more.
    pub fn remove(&self, attempt: &Attempt) {
        self.lock().remove(&key(attempt.fence));
        self.ended.notify_one();
    }

    /// Waits until an attempt ends: a slot may be free.
    pub async fn attempt_ended(&self) {
        self.ended.notified().await;
    }

    /// How many attempts of a kind run.
    pub fn running(&self, kind: &Kind) -> u32 {
        let running = self.lock().values().filter(|attempt| attempt.info.kind == *kind).count();
        u32::try_from(running).unwrap_or(u32::MAX)
    }

    /// All that run.
    pub fn all(&self) -> Vec<Arc<Attempt>> {
        self.lock().values().cloned().collect()
    }

    /// Asks all that run to stop.
    pub fn stop_all(&self, stop: Stop) {
        for attempt in self.all() {
            attempt.stop(stop);
        }
    }

    /// What a row says of an operation reaches its attempt, if it is that attempt which runs here.
    pub fn deliver(&self, requested: Requested, road: Road) {
        let Some(attempt) = self.get(requested.id, requested.attempt) else { return };
        if let Some(mode) = requested.cancel {
            attempt.deliver_cancel(road, mode);
        } else if requested.pause {
            attempt.stop(Stop::Pause);
        }
    }

    /// A cancel reaches the attempt that its hint names. False where no such attempt runs here: then the row must tell.
    pub fn deliver_cancel(&self, fence: Fence, mode: CancelMode) -> bool {
        let attempt = self.get(fence.id, fence.attempt).filter(|attempt| attempt.fence == fence);
        attempt.inspect(|attempt| attempt.deliver_cancel(Road::Push, mode)).is_some()
    }

    fn get(&self, id: OperationId, number: AttemptNumber) -> Option<Arc<Attempt>> {
        self.lock().get(&(id, number)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn key(fence: Fence) -> (OperationId, AttemptNumber) {
    (fence.id, fence.attempt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease_clock::LeaseClock;
    use operation::{Nonce, WorkerId};
    use std::time::{Duration, Instant};
    use uuid::Uuid;

    /// After a lost lease the same worker may have claimed the operation again. Both are to be stopped.
    #[test]
    fn a_former_attempt_stays_while_it_hangs() {
        let id = OperationId::from_uuid(Uuid::nil());
        let worker = WorkerId::from_uuid(Uuid::nil());
        let clock = LeaseClock::new(worker);
        let begin = |number| {
            let fence = Fence { id, attempt: AttemptNumber(number), nonce: Nonce::from_uuid(Uuid::nil()) };
            Arc::new(Attempt::new(fence, &kinds::demo_steps::INFO, clock.held_by(worker)))
        };
        let (former, later) = (begin(1), begin(2));
        let registry = Registry::default();
        registry.insert(former.clone());
        registry.insert(later.clone());
        assert_eq!(registry.all().len(), 2);
        registry.remove(&former);
        assert_eq!(registry.all().iter().map(|attempt| attempt.fence).collect::<Vec<_>>(), [later.fence]);
    }

    /// A hint or a renewal that was meant for an earlier attempt is none of the newer one's business.
    #[test]
    fn a_request_reaches_the_attempt_it_names() {
        let id = OperationId::from_uuid(Uuid::nil());
        let fence = Fence { id, attempt: AttemptNumber(2), nonce: Nonce::from_uuid(Uuid::nil()) };
        let worker = WorkerId::from_uuid(Uuid::nil());
        let clock = LeaseClock::new(worker);
        clock.begin(worker, Instant::now() + Duration::from_hours(1));
        let attempt = Arc::new(Attempt::new(fence, &kinds::demo_steps::INFO, clock.held_by(worker)));
        let registry = Registry::default();
        registry.insert(attempt.clone());
        registry.deliver(
            Requested { id, attempt: AttemptNumber(1), cancel: Some(CancelMode::Now), pause: false },
            Road::Push,
        );
        assert_eq!(attempt.stopping(), None);
        registry.deliver(
            Requested { id, attempt: AttemptNumber(2), cancel: Some(CancelMode::Now), pause: false },
            Road::Push,
        );
        assert_eq!(attempt.stopping(), Some(Stop::Cancel));
    }
}
