//! INV-4, 5, 6, 25: what one read shows, and what a later one may show.

use super::Violation;
use crate::evidence::Evidence;
use crate::history::{Micros, Seen};
use std::collections::HashMap;

/// One operation in one answer.
struct Read<'a> {
    sent: Micros,
    answered: Micros,
    seen: &'a Seen,
}

pub fn check(evidence: &Evidence, violations: &mut Vec<Violation>) {
    let mut by_operation: HashMap<&str, Vec<Read<'_>>> = HashMap::new();
    for event in &evidence.events {
        for seen in event.seen() {
            let read = Read { sent: event.sent, answered: event.answered, seen };
            by_operation.entry(&seen.id).or_default().push(read);
        }
    }
    for reads in by_operation.values_mut() {
        for read in reads.iter() {
            shape(read.seen, violations);
        }
        reads.sort_by_key(|read| read.sent);
        terminal(reads, violations);
        monotone(reads, violations);
    }
}

/// Not done: neither error nor response. Done: exactly one.
fn shape(seen: &Seen, violations: &mut Vec<Violation>) {
    let ends = u32::from(seen.has_error) + u32::from(seen.has_response);
    if ends != u32::from(seen.done) {
        let what = format!("{} with {ends} of error and response", seen.state);
        violations.push(Violation::new("INV-5", &seen.id, what));
    }
}

/// All answers that show an end show the same.
fn terminal(reads: &[Read<'_>], violations: &mut Vec<Violation>) {
    let mut ends = reads.iter().filter_map(|read| read.seen.end.as_ref().map(|end| (read.seen, end)));
    let Some((_, first)) = ends.next() else { return };
    if let Some((seen, other)) = ends.find(|(_, end)| *end != first) {
        violations.push(Violation::new("INV-4", &seen.id, format!("ended twice: {first} then {other}")));
    }
}

/// What was answered before another call was sent can't be newer than what that call shows.
fn monotone(reads: &[Read<'_>], violations: &mut Vec<Violation>) {
    let mut answered: Vec<&Read<'_>> = reads.iter().collect();
    answered.sort_by_key(|read| read.answered);
    let mut before: Option<Best> = None;
    let mut known = answered.into_iter().peekable();
    for read in reads {
        while let Some(earlier) = known.next_if(|earlier| earlier.answered < read.sent) {
            before = Some(Best::with(before, earlier.seen));
        }
        let Some(best) = &before else { continue };
        let seen = read.seen;
        for (name, was, is) in [
            ("done", u64::from(best.done), u64::from(seen.done)),
            ("attempt", best.attempt, seen.attempt),
            ("revision", best.revision, seen.revision),
            ("itemsDone", best.items, seen.items),
            ("cancel", u64::from(best.cancel), u64::from(seen.cancel_requested)),
        ] {
            if is < was {
                let invariant = if name == "done" { "INV-4" } else { "INV-6" };
                violations.push(Violation::new(invariant, &seen.id, format!("{name} went back from {was} to {is}")));
            }
        }
    }
}

/// The furthest that all answers so far have shown.
#[derive(Default)]
struct Best {
    done: bool,
    attempt: u64,
    revision: u64,
    items: u64,
    cancel: bool,
}

impl Best {
    fn with(before: Option<Self>, seen: &Seen) -> Self {
        let before = before.unwrap_or_default();
        Self {
            done: before.done || seen.done,
            attempt: before.attempt.max(seen.attempt),
            revision: before.revision.max(seen.revision),
            items: before.items.max(seen.items),
            cancel: before.cancel || seen.cancel_requested,
        }
    }
}
