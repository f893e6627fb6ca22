//! The model: what can happen, and what must hold whatever happens.

use super::possible;
use super::world::{Budget, Hint, Incarnation, Invariant, Process, Row, Worker, World};
use operation::{Outcome, State};
use stateright::{Model, Property};
use std::collections::BTreeSet;

/// What can be taken away from the protocol, to see that the model misses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// A worker's write is taken whatever attempt it names.
    Attempt,
    /// A worker's write is taken whatever nonce it names.
    Nonce,
    /// A cancel is recorded on what has ended.
    NotDone,
    /// Nobody looks at the cancel where an attempt stops or its worker is lost, nor where one is claimed.
    ClaimLooksAtCancel,
    /// A worker cut off from the database goes on.
    SelfFence,
}

/// The protocol between some workers and operations.
#[derive(Debug, Clone)]
pub struct Protocol {
    pub workers: usize,
    pub operations: usize,
    pub left: Budget,
    pub without: Option<Guard>,
}

/// One thing that happens. `w` is a worker, `o` an operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    RequestCancel(usize),
    RequestPause(usize),
    Resume(usize),
    Claim {
        w: usize,
        o: usize,
        nonce: u8,
        answered: bool,
    },
    Reconcile {
        w: usize,
        o: usize,
    },
    Deliver(Hint),
    /// The answer to a renewal tells what is asked.
    Renew(usize),
    /// The answer to a checkpoint tells what is asked, and whether the fence stands.
    Checkpoint {
        w: usize,
        o: usize,
    },
    CommitPoint {
        w: usize,
        o: usize,
    },
    Publish {
        w: usize,
        o: usize,
    },
    Finish {
        w: usize,
        o: usize,
        outcome: Outcome,
        answered: bool,
    },
    Drain(usize),
    Cut(usize),
    Mend(usize),
    SelfFence(usize),
    Freeze(usize),
    Thaw(usize),
    Crash(usize),
    Restart(usize),
    /// The database's clock passes the end of a lease.
    Expire(Incarnation),
    Sweep(usize),
    /// A standby without the newest claim becomes the database.
    Failover(usize),
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let worker =
            Worker { incarnation: 0, process: Process::Up, connected: true, runs: vec![None; self.operations] };
        vec![World {
            rows: vec![Row::new(2); self.operations],
            workers: vec![worker; self.workers],
            leases: (0..self.workers).map(|worker| Incarnation { worker, number: 0 }).collect(),
            hints: BTreeSet::new(),
            left: self.left,
            broken: BTreeSet::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for o in 0..self.operations {
            possible::requests(world, o, actions);
        }
        for w in 0..self.workers {
            possible::faults(world, w, actions);
            for o in 0..self.operations {
                possible::work(world, w, o, actions);
            }
        }
        actions.extend(world.hints.iter().filter(|hint| possible::hears(world, hint.to)).copied().map(Action::Deliver));
        let ending = world.leases.iter().copied().filter(|&lease| possible::may_expire(world, lease, self.without));
        actions.extend(ending.map(Action::Expire));
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        self.happen(&mut world, &action);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("INV-4 a done operation never changes", |_, w: &World| {
                holds(w, Invariant::TerminalIsFinal)
            }),
            Property::always("INV-7 one finisher", |_, w: &World| holds(w, Invariant::OneFinisher)),
            Property::always("INV-8 no write of a stale attempt is taken", |_, w: &World| holds(w, Invariant::Fenced)),
            Property::always("INV-10 never two attempts at work", |_, w: &World| {
                (0..w.rows.len()).all(|o| w.at_work(o) <= 1)
            }),
            Property::always("INV-13 nothing starts after a cancel", |_, w: &World| {
                holds(w, Invariant::NothingStartsAfterACancel)
            }),
            Property::always("INV-14 nobody is cancelled who was not asked to be", |_, w: &World| {
                w.rows.iter().all(|row| row.now.state != State::Cancelled || row.asked)
            }),
            Property::always("INV-16 late cancels are harmless", |_, w: &World| {
                holds(w, Invariant::LateCancelsAreHarmless)
            }),
            Property::always("INV-19 bounded tries", |_, w: &World| {
                w.rows.iter().all(|row| row.now.failures <= row.now.failure_limit)
            }),
            Property::always("the CHECKs of the table hold", |_, w: &World| w.rows.iter().all(Row::is_well_formed)),
            // The space is worth its exploration: all of this happens in it.
            Property::sometimes("a cancel is confirmed", |_, w: &World| any(w, State::Cancelled, true)),
            Property::sometimes("work wins against a cancel", |_, w: &World| any(w, State::Succeeded, true)),
            Property::sometimes("work succeeds after a take-over", |_, w: &World| {
                w.rows.iter().any(|row| row.now.state == State::Succeeded && row.now.failures > 0)
            }),
            Property::sometimes("tries run out", |_, w: &World| any(w, State::Failed, false)),
            Property::sometimes("work waits, paused", |_, w: &World| any(w, State::Paused, false)),
        ]
    }
}

fn holds(world: &World, invariant: Invariant) -> bool {
    !world.broken.contains(&invariant)
}

fn any(world: &World, state: State, asked: bool) -> bool {
    world.rows.iter().any(|row| row.now.state == state && row.asked == asked)
}
