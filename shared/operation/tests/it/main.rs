//! Properties of the transition over any sequence of events.

mod model;

use operation::{AttemptNumber, Event, Nonce, Refused, Snapshot, State, transition};
use proptest::prelude::*;
use testkit::events::{Step, steps};
use uuid::Uuid;

fn event(step: Step, now: &Snapshot, turn: u128) -> Event {
    match step {
        Step::Claim => Event::Claim { nonce: Nonce::from_uuid(Uuid::from_u128(turn + 1)) },
        Step::RequestCancel => Event::RequestCancel,
        Step::RequestPause => Event::RequestPause,
        Step::Resume => Event::Resume,
        Step::OwnerLost => Event::OwnerLost,
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
