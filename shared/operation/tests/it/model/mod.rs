//! A model of the protocol, in which everything that can happen happens in every order: workers crash, freeze for
//! longer than their lease, are cut off; answers of the database are lost after their commit; hints come late, twice or
//! never; deadlines pass; a failover undoes a claim or a cancel. It runs the product's own `transition`, and each guard is taken out
//! once to see that the model misses it.

mod database;
mod effects;
mod endings;
mod possible;
mod promises;
mod protocol;
mod world;

use endings::Walk;
use protocol::{Action, Guard, Protocol};
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::collections::BTreeSet;
use world::Budget;

/// A cancel and its repetition, a pause, a deadline, three attempts, and any two faults.
const EVERYTHING: Budget = Budget { cancels: 2, pauses: 1, deadlines: 1, claims: 3, faults: 2 };

const SMALL: Protocol = Protocol { workers: 2, operations: 1, left: EVERYTHING, without: None, heals: false };

/// The whole space of two workers and one operation.
#[test]
fn two_workers_and_an_operation_keep_every_promise() {
    let explored = SMALL.checker().threads(2).spawn_bfs().join();
    assert!(explored.is_done(), "the space was not explored to its end");
    explored.assert_properties();
    tell(&explored, "all there are");
}

/// A million states and more of three workers and two operations.
#[test]
fn three_workers_and_two_operations_keep_every_promise() {
    let protocol = Protocol { workers: 3, operations: 2, ..SMALL };
    let explored = protocol.checker().threads(2).target_state_count(5_000_000).spawn_bfs().join();
    assert!(explored.unique_state_count() >= 1_000_000, "too few to mean much");
    for property in promises_of(&explored) {
        explored.assert_no_discovery(property);
    }
    tell(&explored, "the nearest");
}

/// INV-17, 18: however often things have gone wrong, once that is over everything ends, whatever then happens first.
/// The model has no clock, so it says nothing of how soon.
#[test]
fn what_was_accepted_ends_once_all_is_healed() {
    let protocol = Protocol { heals: true, ..SMALL };
    let mut walk = Walk::default();
    for start in protocol.init_states() {
        if let Err(wrong) = walk.on(&protocol, &start) {
            panic!("{wrong}, after\n{}", numbered(&walk.path));
        }
    }
    println!("2 workers, 1 operation, {} states, healed at any of them: every run ends", walk.seen.len());
}

/// Each guard holds something that nothing else holds.
#[test]
fn a_missing_guard_is_missed() {
    for (guard, property) in [
        (Guard::Attempt, promises::FENCED),
        (Guard::Nonce, promises::FENCED),
        (Guard::HintNamesAttempt, promises::MEANT),
        (Guard::NotDone, promises::TERMINAL),
        (Guard::ClaimLooksAtCancel, promises::NOT_AFTER_A_CANCEL),
        (Guard::ClaimLooksAtDeadline, promises::NOT_OVERDUE),
        (Guard::SelfFence, promises::ONE_AT_WORK),
        (Guard::Sweeper, promises::ENDS),
        (Guard::Reconcile, promises::ENDS),
        (Guard::KeeperLooksAtDeadlines, promises::ENDS),
    ] {
        let protocol = Protocol { without: Some(guard), heals: property == promises::ENDS, ..SMALL };
        let path = shortest(&protocol, property).unwrap_or_else(|| panic!("without {guard:?}, {property} still holds"));
        println!("without {guard:?}, \"{property}\" breaks, at the soonest by\n{}", numbered(&path));
    }
}

/// A shortest way to break a property, and of those one that needs the fewest faults. The first that stateright tells is
/// one of a block of states, and not always the nearest: so it looks again, only at what is nearer, until there is
/// nothing.
fn shortest(protocol: &Protocol, property: &'static str) -> Option<Vec<Action>> {
    let mut shortest = within(protocol, property, usize::MAX)?;
    while let Some(steps) = shortest.len().checked_sub(1)
        && let Some(shorter) = within(protocol, property, steps)
    {
        shortest = shorter;
    }
    let poorer = (0..=1).flat_map(|deadlines| (0..=2).map(move |faults| Budget { deadlines, faults, ..EVERYTHING }));
    let mut poorer = poorer.map(|left| Protocol { left, ..protocol.clone() });
    poorer.find_map(|poorer| within(&poorer, property, shortest.len()))
}

/// A way to break a property in at most so many steps.
fn within(protocol: &Protocol, property: &'static str, steps: usize) -> Option<Vec<Action>> {
    // One thread: with more, a state's depth is not its distance. The start has a depth of one, and what is as deep as
    // the bound is not looked at.
    let checker = protocol.clone().checker().threads(1).target_max_depth(steps.saturating_add(2));
    let explored = checker.finish_when(HasDiscoveries::AnyOf(BTreeSet::from([property]))).spawn_bfs().join();
    explored.discovery(property).map(stateright::Path::into_actions)
}

fn promises_of(explored: &impl Checker<Protocol>) -> impl Iterator<Item = &'static str> {
    let always = explored.model().properties().into_iter().filter(|one| one.expectation == Expectation::Always);
    always.map(|property| property.name)
}

fn tell(explored: &impl Checker<Protocol>, which: &str) {
    let Protocol { workers, operations, .. } = explored.model();
    println!("{workers} workers, {operations} operation(s), {} states, {which}:", explored.unique_state_count());
    promises_of(explored).for_each(|property| println!("  holds: {property}"));
}

fn numbered(path: &[Action]) -> String {
    let lines = path.iter().enumerate().map(|(step, action)| format!("  {}. {action:?}", step + 1));
    lines.collect::<Vec<_>>().join("\n")
}
