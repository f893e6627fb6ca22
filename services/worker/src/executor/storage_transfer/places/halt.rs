//! The stop, as those look at it who copy apart from the executor: between two objects, between two pieces of one, and
//! while they wait.

use crate::attempt::{Attempt, Stop};
use crate::executor::guarded::Author;
use crate::lease_clock::HeldLease;
use crate::work::Work;
use std::future::Future;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The stop has come: what was begun is to be undone. What it is, the executor knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halted;

/// A look at the stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Halt {
    attempt: Arc<Attempt>,
    abandoned: CancellationToken,
}

impl Halt {
    /// A look at the stop of an attempt.
    pub fn new(attempt: Arc<Attempt>) -> Self {
        Self { attempt, abandoned: CancellationToken::new() }
    }

    /// Starts tasks and threads of the attempt.
    pub fn work(&self) -> &Work {
        self.attempt.work()
    }

    /// Something has failed for good: all that is under way is to be given up.
    pub fn abandon(&self) {
        self.abandoned.cancel();
    }

    /// Between two objects: whether the next may begin.
    ///
    /// # Errors
    /// [`Halted`].
    pub fn before_object(&self) -> Result<(), Halted> {
        if self.abandoned.is_cancelled() || self.attempt.stopping().is_some() { Err(Halted) } else { Ok(()) }
    }

    /// Within an object: whether it may go on. A cancel that lets it come to its end does not stop it.
    ///
    /// # Errors
    /// [`Halted`].
    pub fn within_object(&self) -> Result<(), Halted> {
        let stops = self.abandoned.is_cancelled() || self.attempt.stopping().is_some_and(Stop::is_urgent);
        if stops { Err(Halted) } else { Ok(()) }
    }

    /// Right before something becomes visible: whether this attempt may still act.
    ///
    /// # Errors
    /// [`Halted`]: another attempt may have taken over.
    pub fn before_effect(&self) -> Result<(), Halted> {
        if self.attempt.lease_stands() { Ok(()) } else { Err(Halted) }
    }

    /// Until when this attempt may act.
    pub fn lease(&self) -> HeldLease {
        self.attempt.lease()
    }

    /// The author of one object.
    pub fn author(&self) -> Author {
        Author::new(self.attempt.fence, self.attempt.lease())
    }

    /// The sink has shown that another attempt took over. All of this one stops.
    pub fn taken_over(&self) -> Halted {
        self.attempt.taken_over();
        Halted
    }

    /// Waits within an object for what is safe to drop.
    ///
    /// # Errors
    /// [`Halted`]: it was dropped.
    pub async fn or_halt<F: Future>(&self, wait: F) -> Result<F::Output, Halted> {
        let mut signal = self.attempt.stop_signal();
        tokio::select! {
            biased;
            () = self.abandoned.cancelled() => Err(Halted),
            _ = signal.wait_for(|stop| stop.is_some_and(Stop::is_urgent)) => Err(Halted),
            output = wait => Ok(output),
        }
    }
}
