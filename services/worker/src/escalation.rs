//! Ends attempts that do not stop within the bound of their kind (protocol.md section 6, "Escalation").
//!
//! 1. At the bound the attempt is aborted: its tasks end at their next await.
//! 2. Where something of it does not return, the worker gives itself up: it claims no more, lets its other attempts drain
//!    until twice the bound, stops renewing, and its process ends. The keeper writes the end when the lease has ended.
//!
//! It runs on a thread of its own, since executors can block every thread of the runtime, and it raises deadlines for the
//! same reason.

use crate::attempt::{Attempt, Stop};
use crate::metrics;
use crate::registry::Registry;
use operation::Fence;
use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often it looks.
const TICK: Duration = Duration::from_millis(100);
/// The most that counts of the time between two looks. A process that was frozen, or a machine with no time for it, gives
/// its executors no time either.
const LONGEST_TICK: Duration = Duration::from_millis(500);

/// What the thread needs.
pub struct Escalation {
    /// What runs.
    pub registry: Arc<Registry>,
    /// Cancelled to claim no more.
    pub claiming: CancellationToken,
    /// Cancelled when this worker must end without waiting for its threads.
    pub gave_up: CancellationToken,
    /// Cancelled when the worker has ended.
    pub ended: CancellationToken,
}

/// What is known of an attempt at one look.
#[derive(Debug, Clone, Copy)]
struct Seen {
    stop: Option<Stop>,
    without_safe_point: Duration,
    /// Its tasks were aborted, here or after a panic.
    cut_off: bool,
    /// How long a stop may take for its kind.
    bound: Duration,
}

/// How long an attempt has been asked to stop.
#[derive(Debug, Default)]
struct Ladder {
    urgent: bool,
    stopping_for: Duration,
    aborted: bool,
    cut_off_for: Duration,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Wait,
    Abort,
    GiveUp,
}

impl Ladder {
    /// Counts the time since the last look, and says what is due.
    fn climb(&mut self, seen: Seen, passed: Duration) -> Step {
        if seen.cut_off {
            self.cut_off_for += passed;
            // What a panic left behind has not been asked to stop before.
            let limit = if self.aborted { returns_within(seen.bound) } else { seen.bound };
            return if self.cut_off_for >= limit { Step::GiveUp } else { Step::Wait };
        }
        let Some(stop) = seen.stop else { return Step::Wait };
        if stop.is_urgent() && !self.urgent {
            // The item under way had the right to take its time until now.
            *self = Self { urgent: true, ..Self::default() };
        }
        self.stopping_for += passed;
        // A cancel that lets the current item end waits for it as long as it is seen to be alive.
        let late = if stop.is_urgent() { self.stopping_for } else { self.stopping_for.min(seen.without_safe_point) };
        if late < seen.bound {
            return Step::Wait;
        }
        self.aborted = true;
        Step::Abort
    }
}

/// How long an aborted attempt has to return before its worker is given up.
fn returns_within(bound: Duration) -> Duration {
    bound / 5
}

impl Escalation {
    /// Starts the thread.
    ///
    /// # Errors
    /// The machine has no thread to give.
    pub fn start(self) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("escalation".to_owned()).spawn(move || self.watch())
    }

    fn watch(self) {
        let mut ladders = HashMap::new();
        let mut looked = Instant::now();
        while !self.ended.is_cancelled() {
            std::thread::sleep(TICK);
            let passed = looked.elapsed().min(LONGEST_TICK);
            looked = Instant::now();
            if let Some(stuck) = self.look(&mut ladders, passed) {
                return self.give_up(&stuck);
            }
        }
    }

    /// Looks at all attempts; returns one that does not return.
    fn look(&self, ladders: &mut HashMap<Fence, Ladder>, passed: Duration) -> Option<Arc<Attempt>> {
        let attempts = self.registry.all();
        ladders.retain(|fence, _| attempts.iter().any(|attempt| attempt.fence == *fence));
        for attempt in attempts {
            attempt.look_at_deadline();
            let seen = see(&attempt);
            if attempt.has_executor_ended() || (seen.stop.is_none() && !seen.cut_off) {
                continue;
            }
            match ladders.entry(attempt.fence).or_default().climb(seen, passed) {
                Step::Wait => {}
                Step::Abort => abort(&attempt, &seen),
                Step::GiveUp => return Some(attempt),
            }
        }
        None
    }

    /// Drains what can be drained, for what is left of twice the bound.
    fn give_up(&self, stuck: &Attempt) {
        let bound = stuck.info.stop_bound;
        metrics::escalated(&stuck.info.kind, "worker_given_up");
        tracing::error!(
            operation.id = %stuck.fence.id, attempt = %stuck.fence.attempt, kind = %stuck.info.kind,
            "an aborted attempt does not return: this worker claims no more, drains its other attempts, and ends"
        );
        self.claiming.cancel();
        let until = Instant::now() + bound.saturating_sub(returns_within(bound));
        while Instant::now() < until {
            // Again and again: a claim may have been under way.
            self.registry.stop_all(Stop::Drain);
            if self.registry.all().iter().all(|attempt| attempt.is_cut_off() && !attempt.has_executor_ended()) {
                break;
            }
            std::thread::sleep(TICK);
        }
        let left = self.registry.all();
        tracing::error!(attempts = left.len(), "this worker is given up: the keeper ends or hands over what is left");
        self.gave_up.cancel();
    }
}

fn see(attempt: &Attempt) -> Seen {
    Seen {
        stop: attempt.stopping(),
        without_safe_point: attempt.without_safe_point(),
        cut_off: attempt.is_cut_off(),
        bound: attempt.info.stop_bound,
    }
}

fn abort(attempt: &Attempt, seen: &Seen) {
    let (last_safe_point, since) = attempt.last_safe_point();
    metrics::escalated(&attempt.info.kind, "task_aborted");
    tracing::error!(
        operation.id = %attempt.fence.id, attempt = %attempt.fence.attempt, kind = %attempt.info.kind,
        stop = ?seen.stop, bound = ?seen.bound, last_safe_point, ?since,
        "the attempt does not stop within its bound: aborting it"
    );
    attempt.cut_off();
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(5);
    const SECOND: Duration = Duration::from_secs(1);

    fn asked(stop: Stop) -> Seen {
        Seen { stop: Some(stop), without_safe_point: Duration::from_hours(1), cut_off: false, bound: BOUND }
    }

    /// The steps of so many seconds.
    fn climb(ladder: &mut Ladder, seen: Seen, seconds: usize) -> Vec<Step> {
        (0..seconds).map(|_| ladder.climb(seen, SECOND)).collect()
    }

    fn all_wait(steps: &[Step]) -> bool {
        steps.iter().all(|step| *step == Step::Wait)
    }

    #[test]
    fn every_urgent_stop_is_aborted_at_the_bound_and_then_given_up() {
        for stop in [Stop::Cancel, Stop::Deadline, Stop::Pause, Stop::Drain, Stop::LeaseLost] {
            let mut ladder = Ladder::default();
            let steps = climb(&mut ladder, asked(stop), 5);
            assert!(all_wait(&steps[..4]) && steps[4] == Step::Abort, "{stop:?}: {steps:?}");
            let aborted = Seen { cut_off: true, ..asked(stop) };
            assert_eq!(climb(&mut ladder, aborted, 1), [Step::GiveUp], "{stop:?}");
        }
    }

    #[test]
    fn nothing_is_due_without_a_stop() {
        let mut ladder = Ladder::default();
        assert!(all_wait(&climb(&mut ladder, Seen { stop: None, ..asked(Stop::Cancel) }, 100)));
    }

    /// A stronger stop does not begin anew: what hangs must not be kept alive by being asked again.
    #[test]
    fn a_second_stop_does_not_restart_the_clock() {
        let mut ladder = Ladder::default();
        assert!(all_wait(&climb(&mut ladder, asked(Stop::Drain), 4)));
        assert_eq!(climb(&mut ladder, asked(Stop::Cancel), 1), [Step::Abort]);
    }

    #[test]
    fn the_current_item_may_take_long_while_safe_points_are_passed() {
        let mut ladder = Ladder::default();
        let alive = Seen { without_safe_point: SECOND, ..asked(Stop::CancelAfterItem) };
        assert!(all_wait(&climb(&mut ladder, alive, 100)));
        // Asked again for now: from here on the bound counts.
        let steps = climb(&mut ladder, Seen { without_safe_point: SECOND, ..asked(Stop::Cancel) }, 5);
        assert!(all_wait(&steps[..4]) && steps[4] == Step::Abort, "{steps:?}");
        let mut ladder = Ladder::default();
        let steps = climb(&mut ladder, asked(Stop::CancelAfterItem), 5);
        assert!(all_wait(&steps[..4]) && steps[4] == Step::Abort, "it hangs within the item: {steps:?}");
    }

    /// The first look after a cancel must not count the time for which there was none.
    #[test]
    fn a_hang_before_the_stop_does_not_count() {
        let mut ladder = Ladder::default();
        assert_eq!(climb(&mut ladder, asked(Stop::CancelAfterItem), 1), [Step::Wait]);
        let mut ladder = Ladder::default();
        assert_eq!(climb(&mut ladder, asked(Stop::Cancel), 1), [Step::Wait]);
    }

    #[test]
    fn threads_that_a_panic_left_have_the_whole_bound() {
        let mut ladder = Ladder::default();
        let steps = climb(&mut ladder, Seen { stop: None, cut_off: true, ..asked(Stop::Cancel) }, 5);
        assert!(all_wait(&steps[..4]) && steps[4] == Step::GiveUp, "{steps:?}");
    }
}
