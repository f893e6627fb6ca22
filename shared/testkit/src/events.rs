//! Sequences of events in the life of an operation, for properties of the pure transition and for comparing it with
//! the SQL.

use operation::Outcome;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

/// One event, before it is known which fence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A worker claims.
    Claim,
    /// Somebody asks to cancel.
    RequestCancel {
        /// By the statement for many at once.
        together: bool,
    },
    /// Somebody asks to pause.
    RequestPause,
    /// Somebody resumes.
    Resume,
    /// The standing attempt, or with `stale` one that stands no more, tells its end.
    Finish {
        /// How it ended.
        outcome: Outcome,
        /// Whether its fence is an old one.
        stale: bool,
    },
    /// The worker's lease ends.
    OwnerLost,
    /// The keeper finds its deadline passed.
    DeadlinePassed,
}

/// Any sequence of up to `length` steps, weighted so that operations get somewhere.
pub fn steps(length: usize) -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        1 => Just(Outcome::Succeeded),
        3 => any::<bool>().prop_map(|retryable| Outcome::Failed { retryable }),
        2 => Just(Outcome::Cancelled),
        2 => Just(Outcome::Paused),
        2 => Just(Outcome::Released),
        1 => Just(Outcome::DeadlineExceeded),
    ];
    let finish = (outcome, proptest::bool::weighted(0.2)).prop_map(|(outcome, stale)| Step::Finish { outcome, stale });
    let step = prop_oneof![
        6 => Just(Step::Claim),
        1 => any::<bool>().prop_map(|together| Step::RequestCancel { together }),
        2 => Just(Step::RequestPause),
        2 => Just(Step::Resume),
        5 => finish,
        2 => Just(Step::OwnerLost),
        1 => Just(Step::DeadlinePassed),
    ];
    vec(step, 1..=length)
}
