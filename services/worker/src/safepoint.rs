//! What the author of an executor writes against: where an attempt may stop, and what it stores there.

use crate::attempt::{Attempt, Stop};
use crate::lease_clock::HeldLease;
use crate::metrics;
use crate::patience::Patience;
use crate::work::Work;
use operation::{CancelMode, Cleanup, Failure, Fence, Progress, ProjectId, Road};
use runtime::failpoint;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use store::{CommitAnswer, Position, Store, StoreError};

/// Why an executor ended without a response. Both unwind by `?` to the runner, which alone makes a state of it.
#[derive(Debug)]
pub enum Ended {
    /// Asked to stop, and stopped at a safe point.
    Stop(Stop),
    /// Failed.
    Failure(Failure),
    /// The parameters are not such as this worker's version knows. No failure: a newer worker may read them.
    UnreadableSpec(String),
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// A step that the machine could not do: it passes.
impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        tracing::warn!(%error, "a step of an executor failed");
        Self::Failure(Failure::passing("a step could not be done"))
    }
}

/// An executor's hold on its attempt.
///
/// Effects are never raced against a stop: the stop is looked at *between* steps, with [`Safepoint::reach`]. Only
/// waits that are safe to drop race it, with [`Safepoint::or_stop`].
#[derive(Debug)]
pub struct Safepoint {
    attempt: Arc<Attempt>,
    project: ProjectId,
    store: Store,
    resumed_from: Option<Value>,
}

impl Safepoint {
    /// A hold on an attempt that resumes from a stored checkpoint, where there is one.
    pub fn new(attempt: Arc<Attempt>, project: ProjectId, store: Store, resumed_from: Option<Value>) -> Self {
        Self { attempt, project, store, resumed_from }
    }

    /// Whose the operation is. Whatever is used for it must be this project's.
    pub fn project(&self) -> &ProjectId {
        &self.project
    }

    /// The operation, the attempt's number and nonce: for names of temporary outputs.
    pub fn fence(&self) -> Fence {
        self.attempt.fence
    }

    /// The lease under which this attempt runs. An effect that is done apart (on a blocking thread) looks at it last of
    /// all: a process that was frozen for longer than its lease must not go on where it stopped.
    pub fn lease(&self) -> HeldLease {
        self.attempt.lease()
    }

    /// Starts tasks and threads of the executor. It starts none in any other way.
    pub fn work(&self) -> &Work {
        self.attempt.work()
    }

    /// The attempt, for parts of an executor that run apart from it and look at the stop themselves.
    pub(crate) fn attempt(&self) -> &Arc<Attempt> {
        &self.attempt
    }

    /// What the attempt before this one stored.
    ///
    /// # Errors
    /// A checkpoint that this binary can't read (INTERNAL, retryable: a newer worker may).
    pub fn checkpoint<C: DeserializeOwned>(&self) -> Result<Option<C>, Failure> {
        self.resumed_from.clone().map(serde_json::from_value).transpose().map_err(|_| Failure {
            code: operation::Code::Internal,
            message: "the checkpoint was written by another version of this executor".to_owned(),
            retryable: true,
        })
    }

    /// A safe point: notes how far the work has come (stored within about a second, in a batch with others) and
    /// says go on, or stop.
    ///
    /// # Errors
    /// [`Stop`]: unwind now, leaving no output behind.
    pub fn reach(&self, name: &'static str, progress: Progress) -> Result<(), Stop> {
        metrics::safe_point_gap(&self.attempt.info.kind, self.attempt.passed_safe_point(name));
        {
            let mut position = self.attempt.position();
            position.progress = progress;
            position.dirty = true;
        }
        self.go_on(name)
    }

    /// A safe point with a checkpoint: what the next attempt can resume from, stored with the progress.
    ///
    /// # Errors
    /// [`Stop`] as with [`Safepoint::reach`]; INTERNAL if the checkpoint can't be written as JSON.
    pub fn reach_with<C: Serialize>(
        &self,
        name: &'static str,
        checkpoint: &C,
        progress: Progress,
    ) -> Result<(), Ended> {
        let checkpoint = to_json(checkpoint)?;
        self.attempt.position().checkpoint = Some(checkpoint);
        Ok(self.reach(name, progress)?)
    }

    /// Stores a checkpoint *before* it returns: for what must be known should this worker die in the next step, such
    /// as the id of an upload.
    ///
    /// # Errors
    /// [`Stop::LeaseLost`] when fenced; another [`Stop`], or UNAVAILABLE, while the database does not answer.
    pub async fn save<C: Serialize>(&self, checkpoint: &C) -> Result<(), Ended> {
        let checkpoint = to_json(checkpoint)?;
        let (progress, rate) = {
            let mut position = self.attempt.position();
            position.checkpoint = Some(checkpoint.clone());
            (position.progress, position.rate)
        };
        let position = Position {
            fence: self.attempt.fence,
            progress,
            checkpoint: Some(checkpoint),
            items_per_second: rate.per_second(),
            safe_point: Some(self.attempt.last_safe_point()),
        };
        let name = "saving the checkpoint";
        let mut patience = Patience::new();
        loop {
            // Dropped at a stop: a silent database must not hold that up. What was to be saved for is then undone.
            let saved = async { failpoint::around!("worker.save", self.store.checkpoint_one(position.clone()).await) };
            match self.or_stop_within_item(name, saved).await? {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    self.attempt.stop(Stop::LeaseLost);
                    return Err(Stop::LeaseLost.into());
                }
                Err(error) => self.ask_again(name, &mut patience, &error).await?,
            }
        }
    }

    /// Waits before our database is asked once more. A failover that passes costs the attempt some time, and nothing else.
    async fn ask_again(&self, name: &'static str, patience: &mut Patience, error: &StoreError) -> Result<(), Ended> {
        tracing::warn!(operation.id = %self.attempt.fence.id, %error, "{name}: the database does not do it");
        let Some(wait) = patience.after(error) else {
            return Err(Failure::passing(format!("{name}: the database did not do it")).into());
        };
        Ok(self.sleep_within_item(name, wait).await?)
    }

    /// Waits for a future that is safe to drop, or for a stop, whichever is first.
    ///
    /// # Errors
    /// [`Stop`]: the future was dropped.
    pub async fn or_stop<F: Future>(&self, name: &'static str, wait: F) -> Result<F::Output, Stop> {
        self.raced(name, wait, |_| true).await
    }

    /// The same within an item, for work on it that can be undone: a cancel that lets the current item come to its end
    /// ([`CancelMode::AfterCurrentItem`]) does not end this wait, but is seen by the next [`Safepoint::reach`].
    ///
    /// # Errors
    /// [`Stop`]: the future was dropped; undo what was begun.
    pub async fn or_stop_within_item<F: Future>(&self, name: &'static str, wait: F) -> Result<F::Output, Stop> {
        self.raced(name, wait, Stop::is_urgent).await
    }

    async fn raced<F: Future>(
        &self,
        name: &'static str,
        wait: F,
        ends_it: fn(Stop) -> bool,
    ) -> Result<F::Output, Stop> {
        let mut signal = self.attempt.stop_signal();
        self.attempt.set_waiting(name, true);
        let output = tokio::select! {
            biased;
            _ = signal.wait_for(|stop| stop.is_some_and(ends_it)) => None,
            output = wait => Some(output),
        };
        self.attempt.set_waiting(name, false);
        match output {
            // The lease may have run out in the wait, with nobody awake to say so.
            Some(output) if self.attempt.lease_stands() => Ok(output),
            _ => {
                self.go_on(name)?;
                unreachable!("a lost lease and a stop that was signalled both stand for good")
            }
        }
    }

    /// Sleeps within an item, or stops.
    ///
    /// # Errors
    /// [`Stop`].
    pub async fn sleep_within_item(&self, name: &'static str, duration: Duration) -> Result<(), Stop> {
        self.or_stop_within_item(name, tokio::time::sleep(duration)).await
    }

    /// The last look at the fence and at the cancel request before output becomes visible. What follows must be one
    /// quick step: a cancel that comes later comes too late.
    ///
    /// # Errors
    /// [`Ended`]: publish nothing.
    pub async fn commit_point(&self) -> Result<(), Ended> {
        let name = "commit point";
        metrics::safe_point_gap(&self.attempt.info.kind, self.attempt.passed_safe_point(name));
        self.go_on(name)?;
        let mut patience = Patience::new();
        let answer = loop {
            let asked =
                async { failpoint::around!("worker.commit_point", self.store.commit_point(self.attempt.fence).await) };
            match self.or_stop_within_item(name, asked).await? {
                Ok(answer) => break answer,
                Err(error) => self.ask_again(name, &mut patience, &error).await?,
            }
        };
        match answer {
            CommitAnswer::GoOn => {}
            CommitAnswer::CancelRequested => self.attempt.deliver_cancel(Road::Checkpoint, CancelMode::Now),
            CommitAnswer::Fenced => self.attempt.stop(Stop::LeaseLost),
        }
        Ok(self.go_on(name)?)
    }

    /// Notes for the receipt what became of the output begun.
    pub fn cleaned(&self, cleanup: Cleanup) {
        self.attempt.cleaned(cleanup);
    }

    fn go_on(&self, name: &'static str) -> Result<(), Stop> {
        match self.attempt.stopping() {
            None => Ok(()),
            Some(stop) => {
                self.attempt.observe(name);
                // What was begun has come to its end: it is a cancel like any other.
                Err(if stop == Stop::CancelAfterItem { Stop::Cancel } else { stop })
            }
        }
    }
}

fn to_json<C: Serialize>(checkpoint: &C) -> Result<Value, Failure> {
    serde_json::to_value(checkpoint)
        .map_err(|_| Failure::fatal(operation::Code::Internal, "the checkpoint cannot be written as JSON"))
}
