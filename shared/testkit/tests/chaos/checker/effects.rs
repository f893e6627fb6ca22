//! INV-12, 13: what stands at the destination.

use super::Violation;
use crate::evidence::{Evidence, Row, Step};

/// In so many operations whose worker was lost, one step at most may fall into the window of microseconds between the last
/// look at the lease and the rename. A worker that does not look at all falls into it with each freeze.
const LOST_FOR_ONE_LATE: usize = 500;

pub fn check(evidence: &Evidence, violations: &mut Vec<Violation>) {
    for row in &evidence.rows {
        let shown = evidence.shown.get(&row.number).map_or(&[][..], Vec::as_slice);
        lines(row, shown, violations);
        count(row, shown, violations);
        late(row, shown, violations);
    }
    window(evidence, violations);
}

/// Whether an attempt of it was lost at its end, so that nobody could tell what it left.
fn unknown(row: &Row) -> bool {
    let lost = row.error_code == Some(10) && row.error_message.as_ref().is_some_and(|text| text.contains("lost"));
    lost || (row.state == "CANCELLED" && row.cleanup.as_deref() == Some("unknown"))
}

/// Steps that may appear after the end: one, where the worker was lost in the moment between its last look at the lease
/// and the rename, and nobody took over (see the worker's `sink/small.rs`).
pub fn late_steps(row: &Row, shown: &[Step]) -> usize {
    let Some(ended) = row.ended_at else { return 0 };
    // Files bear the time of the kernel's tick, which lies some milliseconds back and never ahead.
    shown.iter().filter(|step| step.at > ended).count()
}

/// Each step once, one line, in order, and by attempts that follow one another.
fn lines(row: &Row, shown: &[Step], violations: &mut Vec<Violation>) {
    let mut attempt_before = 0;
    for (step, expected) in shown.iter().zip(1..) {
        let attempt = step
            .line
            .strip_prefix(&format!("{expected} {} ", row.id))
            .and_then(|rest| rest.strip_suffix('\n')?.parse::<u32>().ok());
        let Some(attempt) = attempt.filter(|_| step.number == expected) else {
            let what = format!("shows step {} with {:?} in place {expected}", step.number, step.line);
            return violations.push(Violation::new("INV-12", &row.id, what));
        };
        if attempt < attempt_before || attempt > row.attempt {
            let what = format!("step {expected} is of attempt {attempt}, after one of {attempt_before}");
            violations.push(Violation::new("INV-12", &row.id, what));
        }
        attempt_before = attempt;
    }
}

/// As many steps as it reports; where nobody could tell, at least as many.
fn count(row: &Row, shown: &[Step], violations: &mut Vec<Violation>) {
    let shown = shown.len() as u64;
    let wrong = match row.state.as_str() {
        "SUCCEEDED" => shown != row.steps || row.items != row.steps,
        _ if unknown(row) => shown < row.items,
        _ => shown != row.items,
    };
    if row.done() && wrong {
        let what = format!("{} (left: {:?}) shows {shown} steps and reports {}", row.state, row.cleanup, row.items);
        violations.push(Violation::new("INV-12", &row.id, what));
    }
}

fn late(row: &Row, shown: &[Step], violations: &mut Vec<Violation>) {
    let late = late_steps(row, shown);
    if late > usize::from(unknown(row)) {
        violations.push(Violation::new("INV-13", &row.id, format!("{late} steps became visible after its end")));
    }
}

/// The window of lost workers is documented, and must stay as small as it is.
fn window(evidence: &Evidence, violations: &mut Vec<Violation>) {
    let lost: Vec<_> = evidence.rows.iter().filter(|row| unknown(row)).collect();
    let late: usize =
        lost.iter().filter_map(|row| Some(late_steps(row, evidence.shown.get(&row.number)?).min(1))).sum();
    if late > 1 + lost.len() / LOST_FOR_ONE_LATE {
        let what = format!("{late} of {} lost operations got a step after their end", lost.len());
        violations.push(Violation::new("INV-13", "all", what));
    }
}
