//! A model of the protocol, in which everything that can happen happens in every order: workers crash, freeze for
//! longer than their lease, are cut off; answers of the database are lost after their commit; hints come late, twice or
//! never; a failover undoes a claim. It runs the product's own `transition`, and each guard is taken out once to see
//! that the model misses it.

mod effects;
mod possible;
mod protocol;
mod world;

use protocol::{Guard, Protocol};
use stateright::{Checker, HasDiscoveries, Model};
use world::Budget;

/// A cancel and its repetition, a pause, three attempts, and any two faults.
const EVERYTHING: Budget = Budget { cancels: 2, pauses: 1, claims: 3, faults: 2 };

/// The whole space of two workers and one operation.
#[test]
fn two_workers_and_an_operation_keep_every_promise() {
    let checker = Protocol { workers: 2, operations: 1, left: EVERYTHING, without: None }.checker();
    let explored = checker.threads(2).spawn_bfs().join();
    println!("{} states, {} deep", explored.unique_state_count(), explored.max_depth());
    assert!(explored.is_done(), "the space was not explored to its end");
    explored.assert_properties();
}

/// A million states and more of three workers and two operations.
#[test]
fn three_workers_and_two_operations_keep_every_promise() {
    let protocol = Protocol { workers: 3, operations: 2, left: EVERYTHING, without: None };
    let explored = protocol.checker().threads(2).target_state_count(5_000_000).spawn_bfs().join();
    println!("{} states, {} deep", explored.unique_state_count(), explored.max_depth());
    assert!(explored.unique_state_count() >= 1_000_000, "too few to mean much");
    for property in explored.model().properties() {
        if property.expectation == stateright::Expectation::Always {
            explored.assert_no_discovery(property.name);
        }
    }
}

/// Each guard holds something that nothing else holds.
#[test]
fn a_missing_guard_is_missed() {
    for (guard, property) in [
        (Guard::Attempt, "INV-8 no write of a stale attempt is taken"),
        (Guard::Nonce, "INV-8 no write of a stale attempt is taken"),
        (Guard::NotDone, "INV-4 a done operation never changes"),
        (Guard::ClaimLooksAtCancel, "INV-13 nothing starts after a cancel"),
        (Guard::SelfFence, "INV-10 never two attempts at work"),
    ] {
        let protocol = Protocol { workers: 2, operations: 1, left: EVERYTHING, without: Some(guard) };
        let explored = protocol.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        let path = explored.discovery(property).unwrap_or_else(|| panic!("without {guard:?}, {property} still holds"));
        println!("without {guard:?}, {property} breaks:");
        for (step, action) in path.into_actions().iter().enumerate() {
            println!("  {}. {action:?}", step + 1);
        }
    }
}
