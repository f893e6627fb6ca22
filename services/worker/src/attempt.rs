//! One run of an operation, as the worker's parts share it: the executor's safe points write progress into it, the
//! roads of a cancel write the stop into it, the checkpoint flusher and the runner read it.

use crate::lease_clock::HeldLease;
use crate::work::Work;
use operation::{CancelMode, Cleanup, CleanupStatus, EndedBy, Fence, KindInfo, Progress, Rate, Road};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Why an attempt must stop at its next safe point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// A cancel was requested, which lets the item that was begun come to its end.
    CancelAfterItem,
    /// The worker shuts down.
    Drain,
    /// A pause was requested.
    Pause,
    /// The deadline has passed.
    Deadline,
    /// A cancel was requested.
    Cancel,
    /// The fence does not stand any more: somebody else has the operation, or nobody may.
    LeaseLost,
}

impl Stop {
    /// Whether it ends an item that was begun.
    pub const fn is_urgent(self) -> bool {
        !matches!(self, Self::CancelAfterItem)
    }
}

/// When and where the attempt stopped.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// When.
    pub at: Instant,
    /// The safe point's name.
    pub safe_point: &'static str,
}

/// When and how the attempt heard of its cancel.
#[derive(Debug, Clone, Copy)]
pub struct Delivered {
    /// When.
    pub at: Instant,
    /// By which road.
    pub road: Road,
}

/// What the flusher stores.
#[derive(Debug, Clone, Default)]
pub struct Position {
    /// How far it has come.
    pub progress: Progress,
    /// What the next attempt can resume from.
    pub checkpoint: Option<Value>,
    /// Whether something changed since it was last stored.
    pub dirty: bool,
    /// How quick it is, as of the last time it was stored.
    pub rate: Rate,
    measured: Option<Instant>,
}

impl Position {
    /// Measures the speed, about as often as the position is stored.
    pub fn measure(&mut self) {
        let now = Instant::now();
        let elapsed = self.measured.replace(now).map_or(Duration::ZERO, |before| now - before);
        self.rate = self.rate.after(elapsed, self.progress.items_done);
    }
}

/// The last safe point that was passed.
#[derive(Debug, Clone, Copy)]
struct Passed {
    at: Instant,
    name: &'static str,
}

/// One run of an operation.
#[derive(Debug)]
pub struct Attempt {
    /// What every write for it carries.
    pub fence: Fence,
    /// What sort of work it is.
    pub info: KindInfo,
    lease: HeldLease,
    work: Work,
    deadline: Option<Instant>,
    stop: watch::Sender<Option<Stop>>,
    position: Mutex<Position>,
    last_safe_point: Mutex<Passed>,
    waiting: AtomicBool,
    delivered: OnceLock<Delivered>,
    observed: OnceLock<Observed>,
    cleanup: OnceLock<Cleanup>,
    cut_off: AtomicBool,
    task_aborted: AtomicBool,
    executor_ended: AtomicBool,
}

impl Attempt {
    /// An attempt that starts now, claimed under this lease.
    pub fn new(fence: Fence, info: &KindInfo, lease: HeldLease) -> Self {
        Self {
            fence,
            info: info.clone(),
            lease,
            work: Work::default(),
            deadline: None,
            stop: watch::Sender::new(None),
            position: Mutex::default(),
            last_safe_point: Mutex::new(Passed { at: Instant::now(), name: "begun" }),
            waiting: AtomicBool::new(false),
            delivered: OnceLock::new(),
            observed: OnceLock::new(),
            cleanup: OnceLock::new(),
            cut_off: AtomicBool::new(false),
            task_aborted: AtomicBool::new(false),
            executor_ended: AtomicBool::new(false),
        }
    }

    /// The same, to be stopped when this much time has passed. On this process's monotonic clock, which is not the
    /// database's: neither drifts far in the length of an attempt.
    pub fn with_deadline(self, left: Option<Duration>) -> Self {
        Self { deadline: left.and_then(|left| Instant::now().checked_add(left)), ..self }
    }

    /// Asks it to stop if its deadline has passed.
    pub fn look_at_deadline(&self) {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.stop(Stop::Deadline);
        }
    }

    /// What runs for it.
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Aborts its tasks, and lets its threads act no more. Its end is written when all of its work has returned.
    pub fn cut_off(&self) {
        // First, so that whoever ends by the rest sees why.
        self.cut_off.store(true, Ordering::Release);
        self.work.abort();
        // Last: what waits under the lease would return and go on, were it not aborted before.
        self.lease.revoke();
    }

    /// Whether it was cut off.
    pub fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Acquire)
    }

    /// Notes that its executor ended by an abort and not by itself.
    pub fn note_task_aborted(&self) {
        self.task_aborted.store(true, Ordering::Release);
    }

    /// Which step ended it, where it was stopped.
    pub fn ended_by(&self) -> Option<EndedBy> {
        if self.task_aborted.load(Ordering::Acquire) {
            return Some(EndedBy::TaskAborted);
        }
        self.observed().map(|_| EndedBy::SafePoint)
    }

    /// Notes that nothing of it works any more; its end may still have to be written.
    pub fn note_executor_ended(&self) {
        self.executor_ended.store(true, Ordering::Release);
    }

    /// Whether nothing of it works any more.
    pub fn has_executor_ended(&self) -> bool {
        self.executor_ended.load(Ordering::Acquire)
    }

    /// Asks it to stop. The stronger stop wins: nothing takes back a lost lease.
    pub fn stop(&self, stop: Stop) {
        self.stop.send_if_modified(|now| {
            let stronger = now.is_none_or(|now| stop > now);
            if stronger {
                *now = Some(stop);
            }
            stronger
        });
    }

    /// A cancel was heard by this road. The first road counts, and the more urgent mode.
    pub fn deliver_cancel(&self, road: Road, mode: CancelMode) {
        let _ = self.delivered.set(Delivered { at: Instant::now(), road });
        self.stop(match mode {
            CancelMode::Now => Stop::Cancel,
            CancelMode::AfterCurrentItem => Stop::CancelAfterItem,
        });
    }

    /// Whether and why it must stop. A lease that has run out on this worker's own clock needs nobody to tell of it.
    pub fn stopping(&self) -> Option<Stop> {
        if self.lease.is_held() { *self.stop.borrow() } else { Some(Stop::LeaseLost) }
    }

    /// The stop of what may not act any more: the lease is lost, or the attempt was cut off and its stop stands.
    pub fn halted_by(&self) -> Stop {
        self.stopping().unwrap_or(Stop::Drain)
    }

    /// Another attempt has written where this one was to write: all of it stops.
    pub fn taken_over(&self) -> Stop {
        self.stop(Stop::LeaseLost);
        Stop::LeaseLost
    }

    /// Whether it may still act, under the lease it was claimed with: the last look before an effect.
    pub fn lease_stands(&self) -> bool {
        self.lease.stands()
    }

    /// The lease under which it was claimed.
    pub fn lease(&self) -> HeldLease {
        self.lease.clone()
    }

    /// Tells when a stop is asked for.
    pub fn stop_signal(&self) -> watch::Receiver<Option<Stop>> {
        self.stop.subscribe()
    }

    /// When and how its cancel was heard.
    pub fn delivered(&self) -> Option<Delivered> {
        self.delivered.get().copied()
    }

    /// Notes where it stopped. The first safe point that saw the stop counts.
    pub fn observe(&self, safe_point: &'static str) {
        // A second safe point may see the stop while the executor unwinds: the first one is the truth.
        let _ = self.observed.set(Observed { at: Instant::now(), safe_point });
    }

    /// Where it stopped.
    pub fn observed(&self) -> Option<Observed> {
        self.observed.get().copied()
    }

    /// Notes what became of its output.
    pub fn cleaned(&self, cleanup: Cleanup) {
        let _ = self.cleanup.set(cleanup);
    }

    /// What became of its output. Where its executor was aborted nobody saw that, whatever it said before.
    pub fn cleanup(&self) -> Option<Cleanup> {
        let told = self.cleanup.get().cloned();
        if self.ended_by() == Some(EndedBy::TaskAborted) {
            let outputs = told.map(|told| told.outputs).unwrap_or_default();
            return Some(Cleanup { status: CleanupStatus::Unknown, outputs });
        }
        told
    }

    /// What the flusher stores and the safe point writes.
    pub fn position(&self) -> MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a safe point was reached, and returns the time since the one before it.
    pub fn passed_safe_point(&self, name: &'static str) -> Duration {
        let now = Passed { at: Instant::now(), name };
        let before = std::mem::replace(&mut *self.last_passed(), now);
        now.at.saturating_duration_since(before.at)
    }

    /// The last safe point's name, and how long ago it was.
    pub fn last_safe_point(&self) -> (&'static str, Duration) {
        let last = *self.last_passed();
        (last.name, last.at.elapsed())
    }

    /// Notes that it waits where it can be stopped at any moment, or that the wait is over.
    pub fn set_waiting(&self, name: &'static str, waiting: bool) {
        self.waiting.store(waiting, Ordering::Relaxed);
        self.passed_safe_point(name);
    }

    /// How long it has gone without a safe point; nothing while it waits where it can be stopped.
    pub fn without_safe_point(&self) -> Duration {
        if self.waiting.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        self.last_passed().at.elapsed()
    }

    fn last_passed(&self) -> MutexGuard<'_, Passed> {
        self.last_safe_point.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease_clock::LeaseClock;
    use operation::{AttemptNumber, Nonce, OperationId, WorkerId};
    use std::sync::Arc;
    use uuid::Uuid;

    fn attempt() -> (Attempt, LeaseClock) {
        let fence = Fence {
            id: OperationId::from_uuid(Uuid::nil()),
            attempt: AttemptNumber(1),
            nonce: Nonce::from_uuid(Uuid::nil()),
        };
        let (worker, later) = (WorkerId::from_uuid(Uuid::nil()), Instant::now() + Duration::from_hours(1));
        let clock = LeaseClock::new(worker);
        clock.begin(worker, later);
        (Attempt::new(fence, &kinds::demo_steps::INFO, clock.held_by(worker)), clock)
    }

    /// INV-10: a process that was frozen stops at its first look, before its lease's thread has come to say so.
    #[test]
    fn a_lease_that_has_run_out_stops_the_attempt() {
        let (attempt, clock) = attempt();
        attempt.deliver_cancel(Road::Push, CancelMode::Now);
        assert_eq!(attempt.stopping(), Some(Stop::Cancel));
        clock.begin(WorkerId::from_uuid(Uuid::nil()), Instant::now());
        assert_eq!(attempt.stopping(), Some(Stop::LeaseLost));
    }

    /// A thread that returns after the abort does nothing more; the end can still be written.
    #[test]
    fn an_attempt_that_was_cut_off_may_not_act_and_can_end() {
        let (attempt, _clock) = attempt();
        let thread = attempt.lease();
        attempt.deliver_cancel(Road::Push, CancelMode::Now);
        attempt.cleaned(Cleanup { status: CleanupStatus::Removed, outputs: vec!["part".to_owned()] });
        attempt.cut_off();
        attempt.note_task_aborted();
        assert!(!attempt.lease_stands() && !thread.stands());
        assert_eq!(attempt.stopping(), Some(Stop::Cancel));
        let unknown = Cleanup { status: CleanupStatus::Unknown, outputs: vec!["part".to_owned()] };
        assert_eq!((attempt.ended_by(), attempt.cleanup()), (Some(EndedBy::TaskAborted), Some(unknown)));
    }

    /// What was waiting under the lease must not tell of a lost one: nobody would write the end.
    #[test]
    fn a_revoked_lease_is_not_a_lost_one() {
        let (attempt, clock) = attempt();
        attempt.deliver_cancel(Road::Push, CancelMode::Now);
        attempt.cut_off();
        assert_eq!(attempt.halted_by(), Stop::Cancel);
        clock.begin(WorkerId::from_uuid(Uuid::nil()), Instant::now());
        assert_eq!(attempt.halted_by(), Stop::LeaseLost);
    }

    #[tokio::test]
    async fn what_a_revoked_lease_wakes_is_aborted_already_and_sees_that_it_was_cut_off() {
        let (attempt, _clock) = attempt();
        let attempt = Arc::new(attempt);
        let seen = attempt.clone();
        let lease = attempt.lease();
        let late = std::thread::spawn(move || {
            while lease.stands() {
                std::thread::yield_now();
            }
            seen.is_cut_off()
        });
        let waits = attempt.lease();
        let task = attempt.work().spawn(async move { waits.while_held(std::future::pending::<()>()).await });
        tokio::task::yield_now().await;
        attempt.cut_off();
        assert!(late.join().unwrap(), "the flag is set before the lease ends");
        assert!(task.await.unwrap_err().is_cancelled());
    }

    #[test]
    fn the_stronger_stop_wins() {
        let (attempt, _clock) = attempt();
        attempt.stop(Stop::Drain);
        attempt.deliver_cancel(Road::Push, CancelMode::Now);
        assert_eq!(attempt.stopping(), Some(Stop::Cancel));
        attempt.stop(Stop::Pause);
        assert_eq!(attempt.stopping(), Some(Stop::Cancel));
        attempt.stop(Stop::LeaseLost);
        assert_eq!(attempt.stopping(), Some(Stop::LeaseLost));
    }

    #[test]
    fn the_first_road_of_a_cancel_counts() {
        let (attempt, _clock) = attempt();
        attempt.deliver_cancel(Road::Renewal, CancelMode::AfterCurrentItem);
        assert_eq!(attempt.stopping(), Some(Stop::CancelAfterItem));
        attempt.deliver_cancel(Road::Push, CancelMode::Now);
        assert_eq!(attempt.delivered().map(|d| d.road), Some(Road::Renewal));
        assert_eq!(attempt.stopping(), Some(Stop::Cancel), "who asks again for now gets it");
    }
}
