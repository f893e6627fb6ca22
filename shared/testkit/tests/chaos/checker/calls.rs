//! INV-1, 2, 3: creates. INV-14, 16: cancels. INV-26: deletes. And no error of our own.

use super::Violation;
use crate::evidence::Evidence;
use crate::history::{Call, Event, Micros, Outcome};
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
        let Call::Cancel { id } = &event.call else { continue };
        let sent = first.entry(id).or_insert(event.sent);
        *sent = event.sent.min(*sent);
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

fn deletes(evidence: &Evidence, violations: &mut Vec<Violation>) {
    let mut hidden: HashMap<&str, Micros> = HashMap::new();
    for event in &evidence.events {
        if let Call::Delete { id } = &event.call
            && event.is_done()
        {
            hidden.insert(id, event.answered);
        }
    }
    let shows = |event: &Event, id: &str| event.seen().iter().any(|seen| seen.id == id);
    for event in &evidence.events {
        for seen in event.seen() {
            if hidden.get(seen.id.as_str()).is_some_and(|hidden| *hidden < event.sent) && shows(event, &seen.id) {
                violations.push(Violation::new("INV-26", &seen.id, "was deleted, and is shown"));
            }
        }
    }
}
