//! Each kind of violation, planted into a run without fault, is found; and nothing is found in that run.

use super::check;
use crate::evidence::{Change, Evidence, Facts, Row, Step};
use crate::history::{Call, Event, Micros, Outcome, Seen};

const SUCCEEDED: &str = "0001";
const CANCELLED: &str = "0002";
const END: Micros = 1_000;

fn seen(id: &str, state: &str, revision: u64, items: u64) -> Seen {
    let done = matches!(state, "SUCCEEDED" | "CANCELLED");
    Seen {
        id: id.to_owned(),
        state: state.to_owned(),
        done,
        attempt: u64::from(revision > 1),
        revision,
        items,
        cancel_requested: state == "CANCELLED",
        has_error: state == "CANCELLED",
        has_response: state == "SUCCEEDED",
        end: done.then(|| state.to_owned()),
    }
}

/// A call that takes 10 us and shows one operation.
fn event(sent: Micros, call: Call, seen: Option<Seen>, answer: Option<&str>) -> Event {
    let outcome = Outcome::Done { seen: seen.into_iter().collect(), answer: answer.map(ToOwned::to_owned), next: None };
    Event { session: 1, replica: 0, call, sent, answered: sent + 10, outcome }
}

fn create(number: u64) -> Call {
    Call::Create { number, key: Some(format!("key-{number}")), other_body: false }
}

fn get(id: &str) -> Call {
    Call::Get { id: id.to_owned() }
}

fn delete(id: &str, cancel: bool) -> Call {
    Call::Delete { id: id.to_owned(), cancel }
}

fn row(id: &str, number: u64, state: &str, items: u64) -> Row {
    let cancelled = state == "CANCELLED";
    Row {
        id: id.to_owned(),
        number,
        state: state.to_owned(),
        attempt: 1,
        failures: 0,
        failure_limit: 5,
        items,
        steps: 3,
        error_code: cancelled.then_some(1),
        error_message: cancelled.then(|| "The operation was cancelled.".to_owned()),
        cancelled_at: cancelled.then_some(END - 300),
        ended_at: Some(END),
        cleanup: cancelled.then(|| "kept".to_owned()),
        road: None,
        ended_by: None,
        deleted: false,
        audited: if cancelled { vec!["CREATE".to_owned(), "CANCEL".to_owned()] } else { vec!["CREATE".to_owned()] },
    }
}

fn facts(state: &str, attempt: u32, cancel: bool) -> Facts {
    Facts { state: state.to_owned(), attempt, failures: 0, cancel }
}

fn change(id: &str, before: Option<Facts>, after: Facts) -> Change {
    Change { id: id.to_owned(), at: 0, before, after, visible: true }
}

fn life(id: &str, end: &str) -> Vec<Change> {
    let (pending, running) = (facts("PENDING", 0, false), facts("RUNNING", 1, false));
    vec![
        change(id, None, pending.clone()),
        change(id, Some(pending), running.clone()),
        change(id, Some(running), facts(end, 1, end == "CANCELLED")),
    ]
}

fn steps(id: &str, count: u64) -> Vec<Step> {
    (1..=count).map(|number| Step { number, line: format!("{number} {id} 1\n"), at: END - 100 }).collect()
}

/// Two operations: one succeeds, one is cancelled after 2 of 3 steps.
fn clean() -> Evidence {
    let cancel = Call::Cancel { id: CANCELLED.to_owned() };
    Evidence {
        events: vec![
            event(0, create(1), Some(seen(SUCCEEDED, "PENDING", 1, 0)), None),
            event(20, create(2), Some(seen(CANCELLED, "PENDING", 1, 0)), None),
            event(100, get(SUCCEEDED), Some(seen(SUCCEEDED, "RUNNING", 2, 1)), None),
            event(600, cancel, Some(seen(CANCELLED, "RUNNING", 3, 1)), Some("RECORDED")),
            event(1_100, get(SUCCEEDED), Some(seen(SUCCEEDED, "SUCCEEDED", 4, 3)), None),
            event(1_200, get(CANCELLED), Some(seen(CANCELLED, "CANCELLED", 4, 2)), None),
            event(1_300, Call::List { walk: 1 }, Some(seen(CANCELLED, "CANCELLED", 4, 2)), None),
            event(1_400, Call::List { walk: 1 }, Some(seen(SUCCEEDED, "SUCCEEDED", 4, 3)), None),
        ],
        rows: vec![row(SUCCEEDED, 1, "SUCCEEDED", 3), row(CANCELLED, 2, "CANCELLED", 2)],
        log: [life(SUCCEEDED, "SUCCEEDED"), life(CANCELLED, "CANCELLED")].concat(),
        shown: [(1, steps(SUCCEEDED, 3)), (2, steps(CANCELLED, 2))].into(),
        windows: Vec::new(),
    }
}

#[test]
fn a_run_without_fault_is_clean() {
    assert_eq!(check(&clean()), []);
}

/// It is shown until it has ended, its own delete is its cancel, and later ones find nothing.
#[test]
fn a_delete_that_cancels_is_clean() {
    let mut evidence = clean();
    evidence.events.retain(|event| event.sent < 600);
    evidence.events.push(event(600, delete(CANCELLED, true), None, None));
    evidence.events.push(event(700, get(CANCELLED), Some(seen(CANCELLED, "RUNNING", 3, 1)), None));
    for (at, call) in
        [(1_500, get(CANCELLED)), (1_600, Call::Cancel { id: CANCELLED.to_owned() }), (1_700, delete(CANCELLED, true))]
    {
        let mut missing = event(at, call, None, None);
        missing.outcome = Outcome::Refused { status: 404, reason: "OPERATION_NOT_FOUND".to_owned() };
        evidence.events.push(missing);
    }
    evidence.rows[1].deleted = true;
    evidence.rows[1].audited.push("DELETE".to_owned());
    assert_eq!(check(&evidence), []);
}

/// Plants a violation, and wants exactly this invariant to be named.
fn finds(invariant: &str, what: &str, plant: impl FnOnce(&mut Evidence)) {
    let mut evidence = clean();
    plant(&mut evidence);
    let mut found: Vec<_> = check(&evidence).iter().map(|violation| violation.invariant).collect();
    found.dedup();
    assert_eq!(found, [invariant], "{what}: {:#?}", check(&evidence));
}

#[test]
fn what_creates_may_not_do_is_found() {
    finds("INV-1", "an accepted operation is lost", |evidence| drop(evidence.rows.remove(0)));
    finds("INV-2", "a row that nobody asked for", |evidence| {
        evidence.rows.push(row("0009", 9, "SUCCEEDED", 3));
        evidence.log.extend(life("0009", "SUCCEEDED"));
        evidence.shown.insert(9, steps("0009", 3));
    });
    finds("INV-3", "two operations of one key", |evidence| {
        evidence.events.push(event(1_500, create(1), Some(seen(CANCELLED, "CANCELLED", 4, 2)), None));
    });
    finds("INV-3", "another body under a used key", |evidence| {
        let call = Call::Create { number: 1, key: Some("key-1".to_owned()), other_body: true };
        evidence.events.push(event(1_500, call, Some(seen(SUCCEEDED, "SUCCEEDED", 4, 3)), None));
    });
    finds("no error of ours", "a 500", |evidence| {
        let mut wrong = event(1_500, get(SUCCEEDED), None, None);
        wrong.outcome = Outcome::Unknown { why: "500 internal".to_owned() };
        evidence.events.push(wrong);
    });
}

#[test]
fn what_reads_may_not_show_is_found() {
    let again = |seen: Seen| {
        move |evidence: &mut Evidence| evidence.events.push(event(1_500, get(SUCCEEDED), Some(seen), None))
    };
    let late = seen(SUCCEEDED, "SUCCEEDED", 4, 3);
    finds("INV-4", "another end", again(Seen { end: Some("another".to_owned()), ..late.clone() }));
    finds("INV-4", "done, then not (also INV-25)", again(seen(SUCCEEDED, "RUNNING", 5, 3)));
    finds("INV-5", "a response and an error", again(Seen { has_error: true, ..late.clone() }));
    finds("INV-5", "neither", again(Seen { has_response: false, ..late.clone() }));
    finds("INV-6", "an older revision", again(Seen { revision: 3, ..late.clone() }));
    finds("INV-6", "an older attempt", again(Seen { attempt: 0, ..late.clone() }));
    finds("INV-6", "less progress", again(Seen { items: 2, ..late }));
    finds("INV-6", "a cancel that is taken back", |evidence| {
        let mut forgetful = seen(CANCELLED, "CANCELLED", 4, 2);
        forgetful.cancel_requested = false;
        evidence.events.push(event(1_500, get(CANCELLED), Some(forgetful), None));
    });
}

#[test]
fn what_lists_may_not_show_is_found() {
    finds("INV-24", "one is left out", |evidence| {
        evidence.events[6].outcome = Outcome::Done { seen: Vec::new(), answer: None, next: None };
    });
    finds("INV-24", "one is shown twice", |evidence| {
        let again = event(1_500, Call::List { walk: 1 }, Some(seen(SUCCEEDED, "SUCCEEDED", 4, 3)), None);
        evidence.events.push(again);
    });
    finds("INV-26", "a deleted one is shown", |evidence| {
        evidence.events.push(event(1_500, delete(SUCCEEDED, false), None, None));
        evidence.events.push(event(1_600, get(SUCCEEDED), Some(seen(SUCCEEDED, "SUCCEEDED", 4, 3)), None));
    });
    finds("INV-26", "a deleted one is shown once it has ended", |evidence| {
        evidence.events.push(event(650, delete(CANCELLED, true), None, None));
        evidence.events.retain(|event| event.sent < 1_100);
        evidence.events.push(event(1_600, get(CANCELLED), Some(seen(CANCELLED, "CANCELLED", 4, 2)), None));
    });
    finds("INV-26", "one that was gone is shown again", |evidence| {
        let mut gone = event(700, get(CANCELLED), None, None);
        gone.outcome = Outcome::Refused { status: 404, reason: "OPERATION_NOT_FOUND".to_owned() };
        evidence.events.extend([event(650, delete(CANCELLED, true), None, None), gone]);
        evidence.events.retain(|event| event.sent < 1_100);
        evidence.events.push(event(800, get(CANCELLED), Some(seen(CANCELLED, "RUNNING", 3, 1)), None));
    });
    finds("INV-26", "a running one is hidden", |evidence| {
        evidence.events.push(event(650, delete(CANCELLED, false), None, None));
        evidence.events.retain(|event| event.sent < 1_100);
    });
}

#[test]
fn what_rows_may_not_do_is_found() {
    let running = || facts("RUNNING", 1, false);
    finds("INV-4", "an end that changes", |evidence| {
        evidence.log.push(change(SUCCEEDED, Some(facts("SUCCEEDED", 1, false)), facts("SUCCEEDED", 1, true)));
    });
    finds("INV-7", "two finishers", |evidence| {
        evidence.log.push(change(SUCCEEDED, Some(running()), facts("SUCCEEDED", 1, false)));
    });
    finds("INV-9", "a claim that skips a number", |evidence| {
        evidence.log.push(change(SUCCEEDED, Some(facts("PENDING", 1, false)), facts("RUNNING", 3, false)));
    });
    finds("INV-9", "a number without a claim", |evidence| {
        evidence.log.push(change(SUCCEEDED, Some(running()), facts("PENDING", 2, false)));
    });
    finds("INV-13", "a claim of what is cancelled", |evidence| {
        evidence.log.push(change(CANCELLED, Some(facts("PENDING", 1, true)), facts("RUNNING", 2, true)));
    });
    finds("INV-15", "a cancel that takes for ever", |evidence| evidence.rows[1].ended_at = Some(END + 40_000_000));
    finds("INV-15", "an aborted one that claims to know what it left", |evidence| {
        evidence.rows[1].ended_by = Some("TASK_ABORTED".to_owned());
    });
    finds("INV-17", "one that does not end", |evidence| {
        evidence.rows[0].ended_at = None;
        evidence.rows[0].state = "RUNNING".to_owned();
    });
    finds("INV-19", "one that is tried without end", |evidence| evidence.rows[0].failures = 6);
    finds("AUDIT", "a cancel that is not told", |evidence| evidence.rows[1].audited.truncate(1));
    finds("AUDIT", "a cancel that nobody asked for", |evidence| evidence.rows[0].audited.push("CANCEL".to_owned()));
    finds("AUDIT", "two creates", |evidence| evidence.rows[0].audited.push("CREATE".to_owned()));
}

#[test]
fn what_cancels_may_not_do_is_found() {
    let cancel = || Call::Cancel { id: CANCELLED.to_owned() };
    finds("INV-14", "a cancel by nobody", |evidence| evidence.events.retain(|event| event.call != cancel()));
    finds("INV-14", "a cancel before it was asked for", |evidence| evidence.rows[1].cancelled_at = Some(500));
    finds("INV-16", "a late cancel is refused", |evidence| {
        let mut refused = event(1_500, cancel(), None, None);
        refused.outcome = Outcome::Refused { status: 400, reason: "too late".to_owned() };
        evidence.events.push(refused);
    });
}

#[test]
fn what_effects_may_not_be_is_found() {
    let shown =
        |number: u64, shown: Vec<Step>| move |evidence: &mut Evidence| drop(evidence.shown.insert(number, shown));
    finds("INV-12", "a step is missing", shown(1, steps(SUCCEEDED, 2)));
    finds("INV-12", "a step that is not told", shown(2, steps(CANCELLED, 3)));
    finds("INV-12", "a told step that is not there", shown(2, steps(CANCELLED, 1)));
    finds("INV-12", "another operation's line", shown(1, steps(CANCELLED, 3)));
    finds("INV-12", "a gap", |evidence| {
        let steps = evidence.shown.get_mut(&1).expect("steps");
        steps[1].number = 4;
    });
    finds("INV-12", "an attempt that is fenced goes on", |evidence| {
        evidence.rows[0].attempt = 2;
        let steps = evidence.shown.get_mut(&1).expect("steps");
        steps[1].line = format!("2 {SUCCEEDED} 2\n");
    });
    let late = |evidence: &mut Evidence, late: usize| {
        let steps = evidence.shown.get_mut(&2).expect("steps");
        steps.iter_mut().rev().take(late).for_each(|step| step.at = END + 1);
    };
    finds("INV-13", "a step after the end", |evidence| late(evidence, 1));
    finds("INV-13", "two steps after the end of a lost one", |evidence| {
        evidence.rows[1].cleanup = Some("unknown".to_owned());
        late(evidence, 2);
    });
}

/// One may fall into the window; where several do, somebody does not look at the lease.
#[test]
fn a_window_that_has_grown_is_found() {
    finds("INV-13", "two lost ones with a late step", |evidence| {
        evidence.rows[1].cleanup = Some("unknown".to_owned());
        let mut other = evidence.rows[1].clone();
        (other.id, other.number) = ("0003".to_owned(), 3);
        evidence.events.push(event(30, create(3), None, None));
        evidence.events.push(event(600, Call::Cancel { id: other.id.clone() }, None, None));
        evidence.log.extend(life(&other.id, "CANCELLED"));
        for (number, id) in [(2, CANCELLED), (3, "0003")] {
            let mut shown = steps(id, 2);
            shown[1].at = END + 1;
            evidence.shown.insert(number, shown);
        }
        evidence.rows.push(other);
    });
}

/// What nobody could tell: more steps than the lost worker reported, and the one that was under way.
#[test]
fn a_lost_worker_may_have_done_more_than_it_told() {
    let mut evidence = clean();
    evidence.rows[1].cleanup = Some("unknown".to_owned());
    let mut shown = steps(CANCELLED, 3);
    shown[2].at = END + 1;
    evidence.shown.insert(2, shown);
    assert_eq!(check(&evidence), []);
}
