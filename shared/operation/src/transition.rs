//! The life of an operation as one pure function.
//!
//! The SQL in `store` does the same in one statement each and is tested against this function with the same
//! generated sequences of events. Where the two differ, one of them is a bug.

use crate::{AttemptNumber, Nonce, State};

/// The facts of an operation that decide what may happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Where it stands.
    pub state: State,
    /// The number of its newest attempt.
    pub attempt: AttemptNumber,
    /// The newest attempt's nonce while it runs, else `None`.
    pub nonce: Option<Nonce>,
    /// Attempts that failed or lost their worker. A drained or paused attempt is none of them.
    pub failures: u32,
    /// How many failures make the operation FAILED; at least 1.
    pub failure_limit: u32,
    /// Whether a cancel was requested; never taken back.
    pub cancel_requested: bool,
    /// Whether a pause was requested and neither done nor taken back.
    pub pause_requested: bool,
}

impl Snapshot {
    /// An operation just created.
    pub const fn new(failure_limit: u32) -> Self {
        Self {
            state: State::Pending,
            attempt: AttemptNumber(0),
            nonce: None,
            failures: 0,
            failure_limit,
            cancel_requested: false,
            pause_requested: false,
        }
    }
}

/// How an attempt ended, in the worker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The work is done and its output visible.
    Succeeded,
    /// The work failed; `retryable` when another attempt may do better.
    Failed {
        /// Whether another attempt may do better.
        retryable: bool,
    },
    /// Stopped at a safe point because a cancel was requested.
    Cancelled,
    /// Stopped at a safe point because a pause was requested.
    Paused,
    /// Stopped at a safe point because the worker shuts down. Not a failure.
    Released,
    /// Stopped at a safe point because the operation's deadline passed. Not a failure of the attempt: it is not
    /// counted, and no other attempt would do better.
    DeadlineExceeded,
}

/// What can happen to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A worker takes it.
    Claim {
        /// The fence's random half, fresh.
        nonce: Nonce,
    },
    /// Somebody asks to cancel it.
    RequestCancel,
    /// Somebody asks to pause it.
    RequestPause,
    /// Somebody asks to go on.
    Resume,
    /// The attempt with this fence has ended.
    Finish {
        /// The attempt that says so.
        attempt: AttemptNumber,
        /// Its nonce.
        nonce: Nonce,
        /// How it ended.
        outcome: Outcome,
    },
    /// The lease of the worker that ran it has ended.
    OwnerLost,
    /// Its deadline passed while nobody ran it. The keeper says so; what runs is ended by its own worker.
    DeadlinePassed,
}

/// What somebody should be told after a transition. A hint only: it may be lost (rule 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Nobody.
    Nobody,
    /// The worker that runs it.
    Owner,
    /// Idle workers: there is work.
    IdleWorkers,
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// The operation after the event.
    pub snapshot: Snapshot,
    /// Whom to tell.
    pub notice: Notice,
}

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The operation has ended (INV-4).
    #[error("the operation is done")]
    Done,
    /// The same was requested before; asking again is harmless (INV-16).
    #[error("it was requested before")]
    AlreadyRequested,
    /// The write bears a fence that is not the operation's any more (INV-8).
    #[error("fenced: another attempt stands")]
    Fenced,
    /// The event does not fit the state.
    #[error("the operation is not in a state for that")]
    WrongState,
}

/// Decides what an event makes of an operation.
///
/// It has no clock. That a deadline has passed is for the speaker to know: the statement that writes
/// [`Event::DeadlinePassed`] looks at the database's clock, and so does the claim, which takes nothing that is overdue.
/// Here a claim is decided as if its deadline were still to come.
///
/// # Errors
/// [`Refused`] tells why the event changes nothing.
pub fn transition(now: &Snapshot, event: Event) -> Result<Next, Refused> {
    match event {
        Event::Claim { nonce } => claim(now, nonce),
        Event::RequestCancel => request_cancel(now),
        Event::RequestPause => request_pause(now),
        Event::Resume => resume(now),
        Event::Finish { attempt, nonce, outcome } => finish(now, attempt, nonce, outcome),
        Event::OwnerLost => owner_lost(now),
        Event::DeadlinePassed => deadline_passed(now),
    }
}

fn claim(now: &Snapshot, nonce: Nonce) -> Result<Next, Refused> {
    // The third road of a cancel: what was asked to stop never starts again.
    if now.state != State::Pending || now.cancel_requested {
        return Err(Refused::WrongState);
    }
    let attempt = AttemptNumber(now.attempt.0 + 1);
    Ok(quiet(Snapshot { state: State::Running, attempt, nonce: Some(nonce), ..*now }))
}

fn request_cancel(now: &Snapshot) -> Result<Next, Refused> {
    match now.state {
        State::Pending | State::Paused => {
            Ok(quiet(Snapshot { cancel_requested: true, ..stopped(now, State::Cancelled) }))
        }
        State::Running if now.cancel_requested => Err(Refused::AlreadyRequested),
        // Request, then confirm: only the owner, or its end, makes it CANCELLED.
        State::Running => Ok(Next { snapshot: Snapshot { cancel_requested: true, ..*now }, notice: Notice::Owner }),
        State::Succeeded | State::Failed | State::Cancelled => Err(Refused::Done),
    }
}

fn request_pause(now: &Snapshot) -> Result<Next, Refused> {
    match now.state {
        State::Pending => Ok(quiet(stopped(now, State::Paused))),
        State::Running if now.pause_requested => Err(Refused::AlreadyRequested),
        State::Running => Ok(Next { snapshot: Snapshot { pause_requested: true, ..*now }, notice: Notice::Owner }),
        State::Paused => Err(Refused::AlreadyRequested),
        State::Succeeded | State::Failed | State::Cancelled => Err(Refused::Done),
    }
}

fn resume(now: &Snapshot) -> Result<Next, Refused> {
    match now.state {
        State::Paused => Ok(Next { snapshot: stopped(now, State::Pending), notice: Notice::IdleWorkers }),
        // It had not stopped yet. The worker may stop all the same; `finish` then makes it PENDING.
        State::Running if now.pause_requested => Ok(quiet(Snapshot { pause_requested: false, ..*now })),
        State::Pending | State::Running => Err(Refused::WrongState),
        State::Succeeded | State::Failed | State::Cancelled => Err(Refused::Done),
    }
}

fn finish(now: &Snapshot, attempt: AttemptNumber, nonce: Nonce, outcome: Outcome) -> Result<Next, Refused> {
    if now.state != State::Running || now.attempt != attempt || now.nonce != Some(nonce) {
        return Err(Refused::Fenced);
    }
    match outcome {
        Outcome::Succeeded => Ok(quiet(stopped(now, State::Succeeded))),
        Outcome::Failed { retryable: false } => Ok(quiet(failed(now, State::Failed))),
        Outcome::Failed { retryable: true } => Ok(after_failure(now)),
        // A cancel is stronger than a deadline: who asked for it hears that it was done.
        Outcome::DeadlineExceeded if !now.cancel_requested => Ok(quiet(stopped(now, State::Failed))),
        // The row decides which of them it is (INV-14): a request may have been taken back, or lost by a failover.
        Outcome::Cancelled | Outcome::Paused | Outcome::Released | Outcome::DeadlineExceeded => Ok(after_stop(now)),
    }
}

fn owner_lost(now: &Snapshot) -> Result<Next, Refused> {
    if now.state == State::Running { Ok(after_failure(now)) } else { Err(Refused::WrongState) }
}

fn deadline_passed(now: &Snapshot) -> Result<Next, Refused> {
    match now.state {
        State::Pending | State::Paused => Ok(quiet(stopped(now, State::Failed))),
        // Its worker knows the deadline and stops at a safe point. Should that worker be lost, it waits again, and
        // ends here at the keeper's next look.
        State::Running => Err(Refused::WrongState),
        State::Succeeded | State::Failed | State::Cancelled => Err(Refused::Done),
    }
}

/// An attempt failed in a way that another may not: cancel first, then the limit, then another try.
fn after_failure(now: &Snapshot) -> Next {
    if now.cancel_requested {
        return Next { snapshot: failed(now, State::Cancelled), notice: Notice::Nobody };
    }
    if now.failures + 1 >= now.failure_limit {
        return Next { snapshot: failed(now, State::Failed), notice: Notice::Nobody };
    }
    Next {
        snapshot: Snapshot { failures: now.failures + 1, ..after_stop(now).snapshot },
        notice: after_stop(now).notice,
    }
}

/// An attempt stopped with its checkpoint safe: cancel first, then pause, then back to the queue.
fn after_stop(now: &Snapshot) -> Next {
    let (state, notice) = if now.cancel_requested {
        (State::Cancelled, Notice::Nobody)
    } else if now.pause_requested {
        (State::Paused, Notice::Nobody)
    } else {
        (State::Pending, Notice::IdleWorkers)
    };
    Next { snapshot: stopped(now, state), notice }
}

fn failed(now: &Snapshot, state: State) -> Snapshot {
    Snapshot { failures: now.failures + 1, ..stopped(now, state) }
}

/// No attempt stands any more; what was asked of it is settled, but for a cancel, which is history.
fn stopped(now: &Snapshot, state: State) -> Snapshot {
    Snapshot { state, nonce: None, pause_requested: false, ..*now }
}

/// Nobody needs to be told.
const fn quiet(snapshot: Snapshot) -> Next {
    Next { snapshot, notice: Notice::Nobody }
}
