//! INV-4, 7, 9, 13, 15, 17, 19: the rows at the end, and each change that the database saw.

use super::Violation;
use crate::evidence::{Change, Evidence, Row};
use crate::history::Micros;
use std::collections::HashMap;

/// From a committed cancel to the end, whatever happens meanwhile: a lease, a sweep, an outage of some seconds, and a step
/// that keeps a processor busy, all several times over.
pub const CANCEL_BOUND: Micros = 30_000_000;

pub fn check(evidence: &Evidence, violations: &mut Vec<Violation>) {
    let mut ends: HashMap<&str, u32> = HashMap::new();
    for change in &evidence.log {
        if let Some(before) = &change.before {
            if before.done() && change.visible {
                violations.push(Violation::new("INV-4", &change.id, format!("{before:?} became {:?}", change.after)));
            }
            if !before.done() && change.after.done() {
                *ends.entry(&change.id).or_default() += 1;
            }
            attempts(change, violations);
        }
    }
    for row in &evidence.rows {
        let ends = ends.get(row.id.as_str()).copied().unwrap_or_default();
        if row.done() && ends != 1 {
            violations.push(Violation::new("INV-7", &row.id, format!("was finished {ends} times")));
        }
        end(row, violations);
        audited(row, violations);
    }
}

/// A claim takes the next number, and nothing else changes it; what was cancelled is not claimed.
fn attempts(change: &Change, violations: &mut Vec<Violation>) {
    let (Some(before), after) = (&change.before, &change.after) else { return };
    let claimed = before.state != "RUNNING" && after.state == "RUNNING";
    if after.attempt != before.attempt + u32::from(claimed) {
        violations.push(Violation::new("INV-9", &change.id, format!("{before:?} became {after:?}")));
    }
    if claimed && before.cancel {
        violations.push(Violation::new("INV-13", &change.id, "was claimed although it was cancelled"));
    }
    if before.cancel && !after.cancel {
        violations.push(Violation::new("INV-6", &change.id, "its cancel was taken back"));
    }
    if after.failures < before.failures {
        violations.push(Violation::new("INV-19", &change.id, "its failures went back"));
    }
}

/// Each change that somebody asked for has one entry, and there is none without its change; a cancel may become more urgent
/// once.
fn audited(row: &Row, violations: &mut Vec<Violation>) {
    let told = |verb: &str| row.audited.iter().filter(|told| *told == verb).count();
    let cancels = if row.cancelled_at.is_some() { 1..=2 } else { 0..=0 };
    if told("CREATE") + told("RETRY") != 1
        || !cancels.contains(&told("CANCEL"))
        || told("DELETE") != usize::from(row.deleted)
    {
        violations.push(Violation::new("AUDIT", &row.id, format!("the audit log tells of {:?}", row.audited)));
    }
}

fn end(row: &Row, violations: &mut Vec<Violation>) {
    let Some(ended) = row.ended_at else {
        let what = format!("is {} although all faults are healed", row.state);
        return violations.push(Violation::new("INV-17", &row.id, what));
    };
    if let Some(cancelled) = row.cancelled_at
        && ended - cancelled > CANCEL_BOUND
    {
        let what = format!("took {} ms from its cancel to its end", (ended - cancelled) / 1_000);
        violations.push(Violation::new("INV-15", &row.id, what));
    }
    if row.ended_by.as_deref().is_some_and(|step| step != "SAFE_POINT") && row.cleanup.as_deref() != Some("unknown") {
        let what = format!("was ended by {:?}, and says that what it left is {:?}", row.ended_by, row.cleanup);
        violations.push(Violation::new("INV-15", &row.id, what));
    }
    if row.failures > row.failure_limit {
        violations.push(Violation::new("INV-19", &row.id, format!("failed {} times", row.failures)));
    }
    if row.state == "FAILED" && row.failures == 0 {
        violations.push(Violation::new("INV-19", &row.id, "FAILED without a failure"));
    }
}
