//! Decides whether a run kept what is promised. Pure: evidence in, violations out.
//!
//! Not checked here, and where they are instead: INV-8, INV-10, INV-11, INV-18, INV-21 and INV-30 (the fence, the leases, the
//! sweeper's bound, confirms, waits) in the tests of `store` and `worker` and in the model; INV-22 and INV-23 (tenancy,
//! secrets) in those of `api`; INV-27 (clocks) needs other machines. INV-28 is seen as exit codes alone, INV-29 at the end
//! of a run alone.

mod calls;
mod effects;
mod lists;
mod reads;
mod rows;
#[cfg(test)]
mod tests;

pub use effects::late_steps;

use crate::evidence::Evidence;
use serde::Serialize;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    pub invariant: &'static str,
    /// The operation's id, or what else it is about.
    pub about: String,
    pub what: String,
}

impl Violation {
    fn new(invariant: &'static str, about: impl Into<String>, what: impl Into<String>) -> Self {
        Self { invariant, about: about.into(), what: what.into() }
    }
}

/// Everything that was not kept.
pub fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut violations = Vec::new();
    calls::check(evidence, &mut violations);
    reads::check(evidence, &mut violations);
    lists::check(evidence, &mut violations);
    rows::check(evidence, &mut violations);
    effects::check(evidence, &mut violations);
    violations.sort();
    violations.dedup();
    violations
}
