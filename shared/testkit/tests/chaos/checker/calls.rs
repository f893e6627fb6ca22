//! INV-1, 2, 3: creates. INV-14, 16: cancels. INV-26: deletes. And no error of our own.

use super::Violation;
use crate::evidence::Evidence;
use crate::history::{Call, Micros, Outcome};
use std::collections::{HashMap, HashSet};

pub fn check(evidence: &Evidence, violations: &mut Vec<Violation>) {
    creates(evidence, violations);
    cancels(evidence, violations);
    deletes(evidence, violations);
    for event in &evidence.events {
        if let Outcome::Unknown { why } = &event.outcome
            && why.starts_with("500")
        {
            violations.push(Violation::new("no error of ours", format!("{:?}", event.call), why.clone()));
        }
    }
}

fn creates(evidence: &Evidence, violations: &mut Vec<Violation>) {
    let rows: HashSet<&str> = evidence.rows.iter().map(|row| row.id.as_str()).collect();
    let mut asked: HashSet<u64> = HashSet::new();
    let mut answers: HashMap<u64, &str> = HashMap::new();
    for event in &evidence.events {
        let Call::Create { number, key, other_body } = &event.call else { continue };
        asked.insert(*number);
        if *other_body {
            if event.is_done() {
                violations.push(Violation::new("INV-3", key.clone().unwrap_or_default(), "another body was taken"));
            }
            continue;
        }
        if let Some(status) = event.refused_with() {
            violations.push(Violation::new("INV-3", number.to_string(), format!("a create was refused: {status}")));
        }
        let Some(seen) = event.seen().first() else { continue };
        if !rows.contains(seen.id.as_str()) {
            violations.push(Violation::new("INV-1", &seen.id, "was created, and is not there"));
        }
        if answers.insert(*number, &seen.id).is_some_and(|before| before != seen.id) {
            violations.push(Violation::new("INV-3", &seen.id, "is the second operation of one key"));
        }
    }
    let mut made: HashMap<u64, &str> = HashMap::new();
    for row in &evidence.rows {
        if !asked.contains(&row.number) {
            violations.push(Violation::new("INV-2", &row.id, "was asked for by nobody"));
        }
        if made.insert(row.number, &row.id).is_some() {
            violations.push(Violation::new("INV-2", &row.id, "is the second operation of one create"));
        }
    }
}

/// A cancel may be invoked at its sending: then it can be in force.
fn cancels(evidence: &Evidence, violations: &mut Vec<Violation>) {
    let mut first: HashMap<&str, Micros> = HashMap::new();
    for event in &evidence.events {
        let (Call::Cancel { id } | Call::Delete { id, cancel: true }) = &event.call else { continue };
        earliest(&mut first, id, event.sent);
        if event.refused_with().is_some_and(|status| status != 404) {
            violations.push(Violation::new("INV-16", id, format!("a cancel was refused: {:?}", event.outcome)));
        }
    }
    for row in &evidence.rows {
        if row.state != "CANCELLED" && row.cancelled_at.is_none() {
            continue;
        }
        match (first.get(row.id.as_str()), row.cancelled_at) {
            (None, _) => violations.push(Violation::new("INV-14", &row.id, "was cancelled by nobody")),
            (_, None) => violations.push(Violation::new("INV-14", &row.id, "is CANCELLED without a request")),
            (Some(sent), Some(at)) if at < *sent => {
                violations.push(Violation::new("INV-14", &row.id, "was cancelled before anybody asked"));
            }
            _ => {}
        }
    }
}

/// What a delete has hidden is shown by no later answer. One that cancels hides when the operation ends: until then it is shown,
/// but its end is not, and once it was not found it is gone for good. One that does not cancel hides nothing that runs.
fn deletes(evidence: &Evidence, violations: &mut Vec<Violation>) {
    let (mut hidden, mut hidden_at_its_end) = (HashMap::new(), HashMap::new());
    let ends: HashMap<&str, Option<Micros>> = evidence.rows.iter().map(|row| (row.id.as_str(), row.ended_at)).collect();
    for event in &evidence.events {
        match &event.call {
            Call::Delete { id, cancel: false } if event.is_done() => {
                earliest(&mut hidden, id, event.answered);
                if ends.get(id.as_str()).is_some_and(|end| end.is_none_or(|end| end > event.answered)) {
                    violations.push(Violation::new("INV-26", id, "was deleted before it had ended"));
                }
            }
            Call::Delete { id, cancel: true } if event.is_done() => {
                earliest(&mut hidden_at_its_end, id, event.answered);
            }
            Call::Get { id } if event.refused_with() == Some(404) => earliest(&mut hidden, id, event.answered),
            Call::Create { .. }
            | Call::Get { .. }
            | Call::Cancel { .. }
            | Call::Pause { .. }
            | Call::Resume { .. }
            | Call::Delete { .. }
            | Call::List { .. } => {}
        }
    }
    for event in &evidence.events {
        let since =
            |hidden: &HashMap<&str, Micros>, id: &str| hidden.get(id).is_some_and(|hidden| *hidden < event.sent);
        for seen in event.seen() {
            if since(&hidden, &seen.id) || (seen.done && since(&hidden_at_its_end, &seen.id)) {
                violations.push(Violation::new("INV-26", &seen.id, "was deleted, and is shown"));
            }
        }
    }
}

fn earliest<'a>(times: &mut HashMap<&'a str, Micros>, id: &'a str, at: Micros) {
    let time = times.entry(id).or_insert(at);
    *time = at.min(*time);
}
