//! What a run tells: what befell it, what was checked, and how long cancels took meanwhile.

use crate::checker::Violation;
use crate::evidence::{Evidence, Row};
use crate::faults::{Class, Window};
use crate::history::{Call, Event, Micros, Outcome};
use std::fmt::Write;

/// How long after a fault its consequences last: a lease, a sweep, a retry.
const AFTERMATH: Micros = 3_000_000;

/// What a run was asked to be.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub seed: u64,
    pub seconds: u64,
    pub broker: bool,
}

/// The situations in which a cancel can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// It had not been claimed yet.
    Pending,
    /// It was paused, or waited for its next attempt.
    Waiting,
    /// It ran.
    Running,
    /// It ran, and its worker was lost before it stopped.
    OwnerLost,
    /// It had been cancelled before.
    Again,
    /// It had ended.
    Done,
    /// It hung, and was aborted.
    Hung,
}

impl Case {
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Waiting, Self::Running, Self::OwnerLost, Self::Again, Self::Done, Self::Hung];

    pub fn count(self, evidence: &Evidence) -> usize {
        if self == Self::OwnerLost {
            return evidence.rows.iter().filter(|row| owner_lost(row)).count();
        }
        if self == Self::Hung {
            return evidence.rows.iter().filter(|row| row.ended_by.as_deref() == Some("TASK_ABORTED")).count();
        }
        evidence.events.iter().filter(|event| of_answer(event) == Some(self)).count()
    }
}

fn owner_lost(row: &Row) -> bool {
    row.error_message.as_deref() == Some("The operation was cancelled. Its worker was lost.")
}

fn of_answer(event: &Event) -> Option<Case> {
    let Call::Cancel { .. } = event.call else { return None };
    let seen = event.seen().first()?;
    match (event.answer()?, seen.done, seen.attempt) {
        ("RECORDED", true, 0) => Some(Case::Pending),
        ("RECORDED", true, _) => Some(Case::Waiting),
        ("RECORDED", false, _) => Some(Case::Running),
        ("ALREADY_REQUESTED", ..) => Some(Case::Again),
        ("ALREADY_DONE", ..) => Some(Case::Done),
        _ => None,
    }
}

/// INV-31: what did not occur often enough for the run to tell anything.
pub fn trivial(evidence: &Evidence, terms: Terms) -> Vec<String> {
    let mut missing = Vec::new();
    let mut want = |what: &str, got: usize, least: u64| {
        if (got as u64) < least {
            missing.push(format!("{what}: {got}, at least {least} are wanted in {} s", terms.seconds));
        }
    };
    for class in Class::of_run(terms.broker) {
        let fired = evidence.windows.iter().filter(|window| window.class == class).count();
        want(class.name(), fired, (terms.seconds / 120).max(1));
    }
    for case in Case::ALL {
        // One that hangs keeps a slot until it is aborted: there are fewer of them.
        let every = if case == Case::Hung { 30 } else { 12 };
        want(&format!("cancels, {case:?}"), case.count(evidence), (terms.seconds / every).max(1));
    }
    want("operations", evidence.rows.len(), terms.seconds * 5_000 / 1_200);
    let (answered, quiet) = quiet_calls(evidence);
    if quiet >= 200 {
        want("percent of calls answered outside faults", answered * 100 / quiet, 95);
    }
    missing
}

/// Calls sent outside all faults and their aftermath: how many were answered, of how many.
fn quiet_calls(evidence: &Evidence) -> (usize, usize) {
    let quiet = |event: &&Event| !evidence.windows.iter().any(|window| meets(window, event.sent, event.answered));
    let quiet: Vec<_> = evidence.events.iter().filter(quiet).collect();
    let answered = quiet.iter().filter(|event| !matches!(event.outcome, Outcome::Unknown { .. })).count();
    (answered, quiet.len())
}

fn meets(window: &Window, from: Micros, to: Micros) -> bool {
    window.from <= to && from <= window.to + AFTERMATH
}

/// The whole story.
pub fn tell(evidence: &Evidence, violations: &[Violation], terms: Terms) -> String {
    let Terms { seed, seconds, broker } = terms;
    let mut text = String::new();
    let broker = if broker { "with" } else { "without" };
    let _ = writeln!(text, "\nchaos: seed {seed}, {seconds} s, {broker} a broker\n");
    let _ = writeln!(text, "{:<24}{:>6}{:>9}{:>15}", "fault", "fired", "cancels", "worst cancel");
    for class in Class::ALL {
        let windows: Vec<_> = evidence.windows.iter().filter(|window| window.class == class).collect();
        let met = |row: &Times| windows.iter().any(|window| meets(window, row.cancelled, row.ended));
        let _ = writeln!(text, "{}", line(class.name(), windows.len(), &cancels(evidence, met)));
    }
    let met_none = |row: &Times| !evidence.windows.iter().any(|window| meets(window, row.cancelled, row.ended));
    let _ = writeln!(text, "{}\n", line("none", 0, &cancels(evidence, met_none)));
    for case in Case::ALL {
        let _ = writeln!(text, "cancels, {:<18}{:>6}", format!("{case:?}:"), case.count(evidence));
    }
    let unknown = evidence.events.iter().filter(|event| matches!(event.outcome, Outcome::Unknown { .. })).count();
    let state = |state: &str| evidence.rows.iter().filter(|row| row.state == state).count();
    let _ = writeln!(
        text,
        "\ncalls {}, of unknown outcome {unknown}; changes in the database {}\noperations checked {}: succeeded {}, cancelled {}, failed {}",
        evidence.events.len(),
        evidence.log.len(),
        evidence.rows.len(),
        state("SUCCEEDED"),
        state("CANCELLED"),
        state("FAILED"),
    );
    let (attempts, late) = (evidence.rows.iter().map(|row| row.attempt).max(), late(evidence));
    let _ = writeln!(
        text,
        "most attempts of one {}; steps in the window after a lost worker's end {late}",
        attempts.unwrap_or(0)
    );
    let _ = writeln!(text, "violations {}", violations.len());
    for violation in violations.iter().take(20) {
        let _ = writeln!(text, "  {} {}: {}", violation.invariant, violation.about, violation.what);
    }
    text
}

fn late(evidence: &Evidence) -> usize {
    let late = |row: &Row| evidence.shown.get(&row.number).map_or(0, |shown| crate::checker::late_steps(row, shown));
    evidence.rows.iter().map(late).sum()
}

/// From a cancel to its end.
struct Times {
    cancelled: Micros,
    ended: Micros,
}

/// How long cancels took that meet a condition.
fn cancels(evidence: &Evidence, met: impl Fn(&Times) -> bool) -> Vec<Micros> {
    let times = evidence.rows.iter().filter_map(|row| {
        let times = Times { cancelled: row.cancelled_at?, ended: row.ended_at? };
        // One that ended at once, in its own answer, waited for nobody.
        (times.ended > times.cancelled && met(&times)).then_some(times.ended - times.cancelled)
    });
    times.collect()
}

fn line(name: &str, fired: usize, cancels: &[Micros]) -> String {
    let worst = cancels.iter().max().map_or("-".to_owned(), |worst| format!("{} ms", worst / 1_000));
    format!("{name:<24}{fired:>6}{:>9}{worst:>15}", cancels.len())
}
