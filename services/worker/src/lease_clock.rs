//! Until when this worker may act, on its own monotonic clock.
//!
//! The lease's thread stops all attempts when a lease is lost. A process that was frozen wakes with all its threads at
//! once, and a step may come before that thread: so each look at the stop, and each effect, looks at this clock too.

use operation::WorkerId;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

/// Until when this worker may act under its present identity. Cheap to clone: all clones are one clock.
#[derive(Debug, Clone)]
pub struct LeaseClock(Arc<watch::Sender<Tenure>>);

#[derive(Debug, Clone, Copy)]
struct Tenure {
    worker: WorkerId,
    until: Instant,
}

impl LeaseClock {
    /// A clock of a worker that is not registered yet: nothing stands.
    pub fn new(worker: WorkerId) -> Self {
        Self(Arc::new(watch::Sender::new(Tenure { worker, until: Instant::now() })))
    }

    /// An identity begins. `until` counts from the moment at which its registration was *sent*.
    pub fn begin(&self, worker: WorkerId, until: Instant) {
        self.0.send_replace(Tenure { worker, until });
    }

    /// The lease was renewed; `false` where it had run out before the answer was seen. Somebody may have looked at the
    /// clock meanwhile and stopped, so it stays ended.
    #[must_use = "a lease that has run out is lost"]
    pub fn renew(&self, until: Instant) -> bool {
        self.0.send_if_modified(|tenure| {
            let stands = Instant::now() < tenure.until;
            if stands {
                tenure.until = until;
            }
            stands
        })
    }

    /// What was claimed under this identity, and its right to go on.
    pub fn held_by(&self, worker: WorkerId) -> HeldLease {
        HeldLease { clock: self.clone(), worker, revoked: CancellationToken::new() }
    }
}

impl Tenure {
    fn stands(self, worker: WorkerId) -> bool {
        // A later identity's lease is no right of what an earlier one claimed.
        self.worker == worker && Instant::now() < self.until
    }
}

/// The lease under which an operation was claimed. All clones are one attempt's hold on it.
#[derive(Debug, Clone)]
pub struct HeldLease {
    clock: LeaseClock,
    worker: WorkerId,
    revoked: CancellationToken,
}

impl HeldLease {
    /// Whether the attempt may still act: the last look before an effect. Once it does not stand it never does again.
    pub fn stands(&self) -> bool {
        !self.revoked.is_cancelled() && self.is_held()
    }

    /// Whether the worker holds the lease: the attempt's end may be written, even if its executor may not act any more.
    pub fn is_held(&self) -> bool {
        self.clock.0.borrow().stands(self.worker)
    }

    /// Returns when the attempt may no longer act.
    pub async fn ended(&self) {
        let mut tenures = self.clock.0.subscribe();
        loop {
            let tenure = *tenures.borrow_and_update();
            if self.revoked.is_cancelled() || !tenure.stands(self.worker) {
                return;
            }
            tokio::select! {
                () = self.revoked.cancelled() => {}
                () = sleep_until(tenure.until.into()) => {}
                // The sender lives as long as this does.
                _ = tenures.changed() => {}
            }
        }
    }

    /// Waits for a future while the attempt may act; drops it, and returns nothing, as soon as it may not.
    pub async fn while_held<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.ended() => None,
            output = future => Some(output),
        }
    }

    /// Lets the attempt act no more. A thread of it that returns late finds that out before its next effect.
    pub fn revoke(&self) {
        self.revoked.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use uuid::Uuid;

    #[test]
    fn a_revoked_lease_is_held_and_does_not_stand() {
        let worker = WorkerId::from_uuid(Uuid::from_u128(1));
        let clock = LeaseClock::new(worker);
        clock.begin(worker, Instant::now() + Duration::from_hours(1));
        let (held, other) = (clock.held_by(worker), clock.held_by(worker));
        let thread = held.clone();
        held.revoke();
        assert!(!thread.stands() && thread.is_held());
        assert!(other.stands(), "another attempt of the same worker goes on");
    }

    #[test]
    fn a_lease_stands_from_its_grant_to_its_end_for_its_own_identity() {
        let (first, second) = (WorkerId::from_uuid(Uuid::from_u128(1)), WorkerId::from_uuid(Uuid::from_u128(2)));
        let clock = LeaseClock::new(first);
        let held = clock.held_by(first);
        assert!(!held.stands(), "not registered yet");
        let later = Instant::now() + Duration::from_hours(1);
        clock.begin(first, later);
        assert!(held.stands());
        clock.begin(second, later);
        assert!(!held.stands() && clock.held_by(second).stands(), "a new identity takes nothing over");
        assert!(clock.renew(Instant::now()), "a renewal may also shorten it");
        assert!(!clock.held_by(second).stands(), "it has run out");
        assert!(!clock.renew(later) && !clock.held_by(second).stands(), "what was seen to be over stays over");
    }

    #[tokio::test]
    async fn what_waits_for_the_end_sees_it() {
        let (first, second) = (WorkerId::from_uuid(Uuid::from_u128(1)), WorkerId::from_uuid(Uuid::from_u128(2)));
        let clock = LeaseClock::new(first);
        let held = clock.held_by(first);
        assert_eq!(held.while_held(async { 1 }).await, None, "nothing begins without a lease");
        let later = Instant::now() + Duration::from_hours(1);
        for end in ["another identity", "no renewal"] {
            clock.begin(first, later);
            assert_eq!(held.while_held(async { 1 }).await, Some(1));
            let waits = held.while_held(std::future::pending::<()>());
            let ends = async {
                assert!(clock.renew(later), "a renewal ends nothing");
                tokio::task::yield_now().await;
                match end {
                    "no renewal" => assert!(clock.renew(Instant::now())),
                    _ => clock.begin(second, later),
                }
            };
            let (waited, ()) = tokio::join!(waits, ends);
            assert_eq!(waited, None, "{end}");
        }
    }
}
