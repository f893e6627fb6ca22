//! INV-24: a walk through the list shows each operation that existed throughout exactly once.

use super::Violation;
use crate::evidence::Evidence;
use crate::history::{Call, Event, Micros};
use std::collections::{HashMap, HashSet};

pub fn check(evidence: &Evidence, violations: &mut Vec<Violation>) {
    let mut walks: HashMap<u64, Vec<&Event>> = HashMap::new();
    for event in &evidence.events {
        if let Call::List { walk } = event.call
            && event.is_done()
        {
            walks.entry(walk).or_default().push(event);
        }
    }
    let (created, deleted) = lives(evidence);
    // Ids are ordered by time: a walk covers those from the newest to the last one it shows.
    let mut known: Vec<(&str, Micros)> = created.into_iter().collect();
    known.sort_unstable();
    for (number, pages) in walks {
        walk(number, &pages, &known, &deleted, violations);
    }
}

/// When each operation was surely there, and from when on perhaps not.
fn lives(evidence: &Evidence) -> (HashMap<&str, Micros>, HashMap<&str, Micros>) {
    let (mut created, mut deleted) = (HashMap::new(), HashMap::new());
    for event in &evidence.events {
        match &event.call {
            Call::Create { .. } => {
                if let Some(seen) = event.seen().first() {
                    let at = created.entry(seen.id.as_str()).or_insert(event.answered);
                    *at = event.answered.min(*at);
                }
            }
            Call::Delete { id, cancel: _ } => {
                let at = deleted.entry(id.as_str()).or_insert(event.sent);
                *at = event.sent.min(*at);
            }
            Call::Get { .. } | Call::Cancel { .. } | Call::Pause { .. } | Call::Resume { .. } | Call::List { .. } => {}
        }
    }
    (created, deleted)
}

fn walk(
    number: u64,
    pages: &[&Event],
    known: &[(&str, Micros)],
    deleted: &HashMap<&str, Micros>,
    violations: &mut Vec<Violation>,
) {
    let (Some(first), Some(last)) = (pages.first(), pages.last()) else { return };
    let mut shown = HashSet::new();
    for seen in pages.iter().flat_map(|page| page.seen()) {
        if !shown.insert(seen.id.as_str()) {
            violations.push(Violation::new("INV-24", &seen.id, format!("walk {number} shows it twice")));
        }
    }
    let Some(oldest) = last.seen().last() else { return };
    let covered = &known[known.partition_point(|(id, _)| *id < oldest.id.as_str())..];
    for (id, created) in covered {
        let throughout = *created < first.sent && deleted.get(id).is_none_or(|deleted| *deleted > last.answered);
        if throughout && !shown.contains(id) {
            violations.push(Violation::new("INV-24", *id, format!("walk {number} does not show it")));
        }
    }
}
