//! Properties of the transition over any sequence of events.

mod model;

use proptest::prelude::*;
use safepoint_operation::{AttemptNumber, Event, Nonce, Outcome, Refused, Snapshot, State, transition};
use testkit::events::{Step, steps};
use uuid::Uuid;

fn event(step: Step, now: &Snapshot, turn: u128) -> Event {
    match step {
        Step::Claim => Event::Claim { nonce: Nonce::from_uuid(Uuid::from_u128(turn + 1)) },
        Step::RequestCancel { .. } => Event::RequestCancel,
        Step::RequestPause => Event::RequestPause,
        Step::Resume => Event::Resume,
        Step::OwnerLost => Event::OwnerLost,
        Step::DeadlinePassed => Event::DeadlinePassed,
        Step::Finish { outcome, stale: false } => {
            Event::Finish { attempt: now.attempt, nonce: now.nonce.unwrap_or(Nonce::from_uuid(Uuid::nil())), outcome }
        }
        Step::Finish { outcome, stale: true } => {
            Event::Finish { attempt: now.attempt, nonce: Nonce::from_uuid(Uuid::max()), outcome }
        }
    }
}

/// What holds of every operation at every moment.
fn check_shape(now: &Snapshot) -> Result<(), TestCaseError> {
    prop_assert_eq!(now.state == State::Running, now.nonce.is_some(), "a fence stands exactly while it runs");
    prop_assert!(now.state != State::Cancelled || now.cancel_requested, "INV-14: cancelled without a request");
    prop_assert!(
        !(now.cancel_requested && matches!(now.state, State::Pending | State::Paused)),
        "a cancelled operation waits for nobody"
    );
    prop_assert!(now.failures <= now.failure_limit, "INV-19: more failures than the limit");
    prop_assert!(now.pause_requested <= (now.state == State::Running), "a pause is asked of what runs");
    Ok(())
}

/// INV-19: what counts as a failure, and that the last one ends it. Nobody is CANCELLED for failing too often.
fn check_failures(event: Event, before: &Snapshot, after: &Snapshot) -> Result<(), TestCaseError> {
    let failed = matches!(event, Event::OwnerLost | Event::Finish { outcome: Outcome::Failed { .. }, .. });
    prop_assert_eq!(after.failures, before.failures + u32::from(failed), "{:?}", event);
    if after.failures == after.failure_limit {
        let end = if after.cancel_requested { State::Cancelled } else { State::Failed };
        let told = matches!(event, Event::Finish { outcome: Outcome::Failed { retryable: false }, .. });
        prop_assert_eq!(after.state, if told { State::Failed } else { end }, "the limit of failures is the end");
    }
    Ok(())
}

/// A deadline ends what it meets, and a cancel is stronger.
fn check_deadline(event: Event, before: &Snapshot, after: &Snapshot) -> Result<(), TestCaseError> {
    if let Event::DeadlinePassed = event {
        prop_assert!(matches!(before.state, State::Pending | State::Paused), "only a worker ends what it runs");
        prop_assert_eq!(after.state, State::Failed);
    }
    if let Event::Finish { outcome: Outcome::DeadlineExceeded, .. } = event {
        let end = if before.cancel_requested { State::Cancelled } else { State::Failed };
        prop_assert_eq!(after.state, end, "no other attempt would do better");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// INV-4, 8, 9, 14, 16, 19 over any sequence of events.
    #[test]
    fn any_life_keeps_the_invariants(limit in 1u32..4, steps in steps(24)) {
        let mut now = Snapshot::new(limit);
        for (turn, step) in steps.into_iter().enumerate() {
            let event = event(step, &now, turn as u128);
            let result = transition(&now, event);
            if now.state.is_done() {
                prop_assert!(result.is_err(), "INV-4: {event:?} changed a done operation");
            }
            if let Step::Finish { stale: true, .. } = step {
                prop_assert_eq!(result, Err(Refused::Fenced), "INV-8: a stale fence changed something");
            }
            let Ok(next) = result else { continue };
            let claimed = u32::from(matches!(event, Event::Claim { .. }));
            prop_assert_eq!(next.snapshot.attempt, AttemptNumber(now.attempt.0 + claimed), "INV-9");
            prop_assert!(next.snapshot.cancel_requested >= now.cancel_requested, "INV-6: a request was taken back");
            prop_assert!(next.snapshot != now, "a transition that changes nothing must be refused with a reason");
            check_failures(event, &now, &next.snapshot)?;
            check_deadline(event, &now, &next.snapshot)?;
            now = next.snapshot;
            check_shape(&now)?;
        }
    }

    /// INV-13, 15: once a cancel is requested no attempt begins, and the next end of the attempt is the end.
    #[test]
    fn after_a_cancel_nothing_begins(steps in steps(24)) {
        let mut now = Snapshot::new(3);
        for (turn, step) in steps.into_iter().enumerate() {
            let event = event(step, &now, turn as u128);
            if let Ok(next) = transition(&now, event) {
                if now.cancel_requested {
                    prop_assert!(!matches!(event, Event::Claim { .. }), "INV-13: claimed after a cancel");
                    if matches!(event, Event::Finish { .. } | Event::OwnerLost) {
                        prop_assert!(next.snapshot.state.is_done(), "INV-15: {event:?} did not end it");
                    }
                }
                now = next.snapshot;
            }
        }
    }
}

#[test]
fn a_cancel_answers_from_a_closed_vocabulary() {
    let pending = Snapshot::new(3);
    let nonce = Nonce::from_uuid(Uuid::from_u128(7));
    let running = transition(&pending, Event::Claim { nonce }).expect("a pending operation can be claimed").snapshot;
    let asked = transition(&running, Event::RequestCancel).expect("a running operation can be cancelled").snapshot;
    assert_eq!(asked.state, State::Running, "CANCELLED is said only when its worker has stopped");
    assert_eq!(transition(&asked, Event::RequestCancel), Err(Refused::AlreadyRequested));
    let cancelled = transition(&pending, Event::RequestCancel).expect("a pending one ends at once").snapshot;
    assert_eq!(cancelled.state, State::Cancelled);
    assert_eq!(transition(&cancelled, Event::RequestCancel), Err(Refused::Done));
}

#[test]
fn a_deadline_ends_what_waits_and_leaves_what_runs_to_its_worker() {
    let pending = Snapshot::new(3);
    let paused = transition(&pending, Event::RequestPause).expect("a pending operation can be paused").snapshot;
    for waiting in [pending, paused] {
        let failed = transition(&waiting, Event::DeadlinePassed).expect("nobody runs it").snapshot;
        assert_eq!((failed.state, failed.failures), (State::Failed, 0));
        assert_eq!(transition(&failed, Event::DeadlinePassed), Err(Refused::Done));
    }
    let nonce = Nonce::from_uuid(Uuid::from_u128(7));
    let running = transition(&pending, Event::Claim { nonce }).expect("a pending operation can be claimed").snapshot;
    assert_eq!(transition(&running, Event::DeadlinePassed), Err(Refused::WrongState));
    let stop = Event::Finish { attempt: running.attempt, nonce, outcome: Outcome::DeadlineExceeded };
    let failed = transition(&running, stop).expect("its worker ends it").snapshot;
    assert_eq!((failed.state, failed.failures, failed.nonce), (State::Failed, 0, None));
    let asked = transition(&running, Event::RequestCancel).expect("a running operation can be cancelled").snapshot;
    assert_eq!(transition(&asked, stop).expect("its worker ends it").snapshot.state, State::Cancelled);
}

/// A row that waits with a cancel can't be, says a CHECK. Were there one, it would not start all the same.
#[test]
fn what_was_asked_to_cancel_is_never_claimed() {
    let asked = Snapshot { cancel_requested: true, ..Snapshot::new(3) };
    let nonce = Nonce::from_uuid(Uuid::from_u128(7));
    assert_eq!(transition(&asked, Event::Claim { nonce }), Err(Refused::WrongState));
}
