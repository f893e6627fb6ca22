//! What must hold whatever happens, and what should happen for the exploration to mean something.

use super::endings::stands_still;
use super::protocol::Protocol;
use super::world::{Invariant, Row, World};
use safepoint_operation::State;
use stateright::Property;

pub const FENCED: &str = "INV-8 no write of a stale attempt is taken";
pub const MEANT: &str = "a cancel's hint stops the attempt that was asked to stop, and no other";
pub const TERMINAL: &str = "INV-4 a done operation never changes";
pub const NOT_AFTER_A_CANCEL: &str = "INV-13 nothing starts after a cancel";
pub const NOT_OVERDUE: &str = "nothing starts after its deadline";
pub const ONE_AT_WORK: &str = "INV-10 never two attempts at work";
pub const ENDS: &str = "INV-17, 18 what was accepted does not stand still once all is healed";

pub fn all(protocol: &Protocol) -> Vec<Property<Protocol>> {
    let mut all = always();
    if protocol.heals {
        all.push(Property::always(ENDS, |protocol: &Protocol, w: &World| !stands_still(protocol, w)));
    }
    all.extend(sometimes());
    all
}

fn always() -> Vec<Property<Protocol>> {
    vec![
        Property::always(TERMINAL, |_, w: &World| holds(w, Invariant::TerminalIsFinal)),
        Property::always("INV-7 one finisher", |_, w: &World| holds(w, Invariant::OneFinisher)),
        Property::always(FENCED, |_, w: &World| holds(w, Invariant::Fenced)),
        Property::always(MEANT, |_, w: &World| holds(w, Invariant::StopsWhomItMeans)),
        Property::always(ONE_AT_WORK, |_, w: &World| (0..w.rows.len()).all(|o| w.at_work(o) <= 1)),
        Property::always(NOT_AFTER_A_CANCEL, |_, w: &World| holds(w, Invariant::NothingStartsAfterACancel)),
        Property::always("INV-14 nobody is cancelled who was not asked to be", |_, w: &World| {
            w.rows.iter().all(|row| row.now.state != State::Cancelled || row.asked)
        }),
        Property::always("INV-16 repeated and late cancels change nothing", |_, w: &World| {
            holds(w, Invariant::LateCancelsAreHarmless)
        }),
        Property::always("INV-19 bounded tries, then FAILED, and CANCELLED only where asked", |_, w: &World| {
            w.rows.iter().all(tries_are_bounded)
        }),
        Property::always(NOT_OVERDUE, |_, w: &World| holds(w, Invariant::NothingStartsOverdue)),
        Property::always("a cancel is stronger than a deadline", |_, w: &World| {
            holds(w, Invariant::CancelBeatsDeadline)
        }),
        Property::always("the CHECKs of the table hold", |_, w: &World| w.rows.iter().all(Row::is_well_formed)),
    ]
}

/// The space is worth its exploration: all of this happens in it.
fn sometimes() -> Vec<Property<Protocol>> {
    vec![
        Property::sometimes("a cancel is confirmed", |_, w: &World| any(w, State::Cancelled, true)),
        Property::sometimes("work wins against a cancel", |_, w: &World| any(w, State::Succeeded, true)),
        Property::sometimes("work succeeds after a take-over", |_, w: &World| {
            w.rows.iter().any(|row| row.now.state == State::Succeeded && row.now.failures > 0)
        }),
        Property::sometimes("work goes on whose cancel was forgotten", |_, w: &World| {
            w.rows.iter().any(|row| row.now.state == State::Succeeded && row.forgotten && row.now.attempt.0 > 1)
        }),
        Property::sometimes("tries run out", |_, w: &World| any(w, State::Failed, false)),
        Property::sometimes("work waits, paused", |_, w: &World| any(w, State::Paused, false)),
        Property::sometimes("work wins against its deadline", |_, w: &World| {
            w.rows.iter().any(|row| row.now.state == State::Succeeded && row.overdue)
        }),
        Property::sometimes("a deadline ends it, and is no failure", |_, w: &World| {
            w.rows.iter().any(|row| row.now.state == State::Failed && row.overdue && row.now.failures == 0)
        }),
    ]
}

fn tries_are_bounded(row: &Row) -> bool {
    let now = &row.now;
    let given_up = now.state == State::Failed || (now.state == State::Cancelled && row.asked);
    now.failures < now.failure_limit || (now.failures == now.failure_limit && given_up)
}

fn holds(world: &World, invariant: Invariant) -> bool {
    !world.broken.contains(&invariant)
}

fn any(world: &World, state: State, asked: bool) -> bool {
    world.rows.iter().any(|row| row.now.state == state && row.asked == asked)
}
