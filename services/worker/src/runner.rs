//! Runs one attempt from its claim to its written end. Here alone a stop or a failure becomes an ending.

use crate::attempt::{Attempt, Stop};
use crate::executors::{Executors, Registered};
use crate::finisher::Finisher;
use crate::lease_clock::LeaseClock;
use crate::metrics;
use crate::registry::Registry;
use crate::safepoint::{Ended, Safepoint};
use operation::{Code, Failure, RetryPolicy, WorkerId};
use runtime::{clock, telemetry};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use store::{Claimed, Ending, Store};
use tokio::task::JoinError;
use tracing::Instrument;

/// How long an operation waits whose parameters this worker can't read, for each attempt so far. A newer worker may take it
/// then.
const UNREADABLE_WAITS: Duration = Duration::from_secs(10);

/// What every attempt needs. Cheap to clone.
#[derive(Clone)]
pub struct Runner {
    /// For checkpoints and commit points.
    pub store: Store,
    /// What runs.
    pub registry: Arc<Registry>,
    /// Until when this worker may act.
    pub lease_clock: LeaseClock,
    /// Writes ends.
    pub finisher: Finisher,
    /// What runs which kind.
    pub executors: Arc<Executors>,
}

impl Runner {
    /// Starts an attempt that was claimed under this identity. It is in the registry when this returns.
    pub fn start(&self, claimed: Claimed, worker: WorkerId) {
        let Some(executor) = self.executors.get(&claimed.kind).cloned() else {
            // Only known kinds are claimed. As with a claim whose answer was lost, it is given back.
            tracing::error!(operation.id = %claimed.fence.id, kind = %claimed.kind, "claimed what nothing here runs");
            return;
        };
        let attempt = Attempt::new(claimed.fence, &executor.info, self.lease_clock.held_by(worker));
        let attempt = Arc::new(attempt.with_deadline(claimed.deadline_in));
        self.registry.insert(attempt.clone());
        if !attempt.lease_stands() {
            // The claim's answer came after the lease was lost, and with it the order to stop all attempts.
            attempt.stop(Stop::LeaseLost);
        }
        metrics::began(&claimed.kind, (claimed.failures == 0).then_some(claimed.waited));
        let span = tracing::info_span!(
            "attempt",
            operation.id = %claimed.fence.id, attempt = %claimed.fence.attempt,
            kind = %claimed.kind, project = %claimed.project
        );
        telemetry::link(&span, claimed.trace_parent.as_deref());
        let runner = self.clone();
        tokio::spawn(async move { runner.run(attempt, executor, claimed).await }.instrument(span));
    }

    async fn run(self, attempt: Arc<Attempt>, executor: Registered, claimed: Claimed) {
        tracing::info!("attempt began");
        let (failures, retry) = (claimed.failures, claimed.retry);
        let ended = self.execute(attempt.clone(), executor, claimed).await;
        attempt.note_executor_ended();
        let ending = ending(ended, retry, failures, attempt.fence.attempt.0, clock::jitter());
        metrics::ended(&attempt.info.kind, name(ending.as_ref()));
        if let Some(ending) = ending {
            self.finisher.write(attempt.clone(), ending).await;
        } else {
            // Somebody else has it, or will: nothing of ours may be written.
            tracing::warn!("the attempt is fenced: nothing is written");
        }
        self.registry.remove(&attempt);
    }

    async fn execute(&self, attempt: Arc<Attempt>, executor: Registered, claimed: Claimed) -> Result<Value, Ended> {
        let spec = claimed.spec.map_err(Ended::UnreadableSpec)?;
        let safepoint = Safepoint::new(attempt.clone(), claimed.project, self.store.clone(), claimed.checkpoint);
        let work = async move { executor.run(&spec, &safepoint).await };
        // A task of its own: a panic ends the attempt, not the worker, and so does an abort.
        let ended = attempt.work().spawn(work.in_current_span()).await;
        let broken = ended.as_ref().err();
        let aborted = attempt.is_cut_off() || broken.is_some_and(JoinError::is_cancelled);
        if broken.is_some() {
            attempt.cut_off();
        }
        if attempt.is_cut_off() {
            // Not all unwound in order: threads and tasks of it may still be at work, and another attempt may follow.
            attempt.work().ended().await;
        }
        let ended = ended.unwrap_or_else(|broken| {
            Err(if broken.is_cancelled() { attempt.halted_by().into() } else { died().into() })
        });
        if aborted && ended.is_err() {
            attempt.note_task_aborted();
        }
        settled(ended, aborted, attempt.stopping())
    }
}

fn died() -> Failure {
    let message = "The executor met an error of its own. The operator's log tells more.".to_owned();
    Failure { code: Code::Internal, message, retryable: true }
}

/// The end of an executor, as seen when nothing of it works any more. Where it was aborted, its parts may fail for that
/// reason alone, and the stop that stands is the truth; only a lease that is lost now was lost then.
fn settled(ended: Result<Value, Ended>, aborted: bool, stands: Option<Stop>) -> Result<Value, Ended> {
    match (ended, stands) {
        (Err(Ended::Stop(Stop::LeaseLost)), stands) => Err(stands.unwrap_or(Stop::Drain).into()),
        (Err(Ended::Failure(failure)), Some(stop)) if aborted => {
            tracing::warn!(reason = %failure, ?stop, "an aborted attempt failed: it was stopped");
            Err(stop.into())
        }
        (ended, _) => ended,
    }
}

/// What an executor's end makes of the attempt; nothing where the fence is lost.
fn ending(
    ended: Result<Value, Ended>,
    retry: RetryPolicy,
    failures: u32,
    attempts: u32,
    jitter: f64,
) -> Option<Ending> {
    Some(match ended {
        Ok(response) => Ending::Succeeded(response),
        Err(Ended::Stop(Stop::Cancel | Stop::CancelAfterItem)) => Ending::Cancelled,
        Err(Ended::Stop(Stop::Deadline)) => Ending::DeadlineExceeded,
        Err(Ended::Stop(Stop::Pause)) => Ending::Paused,
        Err(Ended::Stop(Stop::Drain)) => Ending::Released,
        Err(Ended::Stop(Stop::LeaseLost)) => return None,
        Err(Ended::UnreadableSpec(error)) => {
            tracing::warn!(
                error,
                "this worker cannot read the operation's parameters: a newer version may have written them"
            );
            // Longer each time: perhaps nobody ever can.
            Ending::Unreadable { delay: UNREADABLE_WAITS.mul_f64(0.5 + jitter) * attempts.clamp(1, 30) }
        }
        Err(Ended::Failure(failure)) => {
            tracing::warn!(code = failure.code.name(), retryable = failure.retryable, reason = %failure, "attempt failed");
            // JSON and text columns hold no NUL.
            let failure = Failure { message: failure.message.replace('\0', "\u{fffd}"), ..failure };
            Ending::Failed { failure, delay: retry.delay(failures + 1, jitter) }
        }
    })
}

fn name(ending: Option<&Ending>) -> &'static str {
    match ending {
        Some(Ending::Succeeded(_)) => "succeeded",
        Some(Ending::Failed { .. }) => "failed",
        Some(Ending::Cancelled) => "cancelled",
        Some(Ending::DeadlineExceeded) => "deadline exceeded",
        Some(Ending::Paused) => "paused",
        Some(Ending::Released) => "released",
        Some(Ending::Unreadable { .. }) => "unreadable",
        None => "fenced",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(ended: &Result<Value, Ended>) -> Option<Stop> {
        match ended {
            Err(Ended::Stop(stop)) => Some(*stop),
            _ => None,
        }
    }

    /// A lease that was only revoked is held: the end must be written.
    #[test]
    fn only_a_lease_that_is_lost_ends_without_a_word() {
        let lost = || Err(Ended::Stop(Stop::LeaseLost));
        for aborted in [false, true] {
            assert_eq!(stop(&settled(lost(), aborted, Some(Stop::Cancel))), Some(Stop::Cancel));
            assert_eq!(stop(&settled(lost(), aborted, None)), Some(Stop::Drain));
            assert_eq!(stop(&settled(lost(), aborted, Some(Stop::LeaseLost))), Some(Stop::LeaseLost));
        }
    }

    #[test]
    fn an_aborted_attempt_is_stopped_whatever_its_parts_say() {
        let failed = || Err(Failure::passing("a request died").into());
        for by in [Stop::Cancel, Stop::Deadline, Stop::Pause, Stop::Drain, Stop::LeaseLost] {
            assert_eq!(stop(&settled(failed(), true, Some(by))), Some(by));
            assert_eq!(stop(&settled(failed(), false, Some(by))), None, "it failed before it saw the stop");
            assert!(settled(Ok(Value::Null), true, Some(by)).is_ok(), "what is done is done");
        }
        assert_eq!(stop(&settled(failed(), true, None)), None, "nobody asked it to stop");
    }
}
