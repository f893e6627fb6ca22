//! The model: what can happen, and what must hold whatever happens.

use super::world::{Budget, Hint, Incarnation, Process, Row, Worker, World};
use super::{possible, promises};
use safepoint_operation::Outcome;
use stateright::{Model, Property};
use std::collections::BTreeSet;

/// What can be taken away from the protocol, to see that the model misses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// A worker's write is taken whatever attempt it names.
    Attempt,
    /// A worker's write is taken whatever nonce it names.
    Nonce,
    /// A cancel's hint stops whatever attempt of its operation runs.
    HintNamesAttempt,
    /// A cancel is recorded on what has ended.
    NotDone,
    /// Nobody looks at the cancel where an attempt stops or its worker is lost, nor where one is claimed.
    ClaimLooksAtCancel,
    /// An operation is claimed after its deadline.
    ClaimLooksAtDeadline,
    /// A worker cut off from the database goes on.
    SelfFence,
    /// Nobody takes operations from lost workers.
    Sweeper,
    /// Nobody gives back what was claimed by a statement whose answer was lost.
    Reconcile,
    /// Nobody fails what waits beyond its deadline.
    KeeperLooksAtDeadlines,
}

/// The protocol between some workers and operations.
#[derive(Debug, Clone)]
pub struct Protocol {
    pub workers: usize,
    pub operations: usize,
    pub left: Budget,
    pub without: Option<Guard>,
    /// Whether all faults may heal at any moment, for good: then what was accepted must end.
    pub heals: bool,
}

/// One thing that happens. `w` is a worker, `o` an operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    RequestCancel(usize),
    RequestPause(usize),
    Resume(usize),
    /// The database's clock passes the operation's deadline.
    PassDeadline(usize),
    /// The keeper ends what waits beyond its deadline.
    FailOverdue(usize),
    Claim {
        w: usize,
        o: usize,
        answered: bool,
    },
    Reconcile {
        w: usize,
        o: usize,
    },
    Deliver(Hint),
    /// The answer to a renewal tells what is asked.
    Renew(usize),
    /// The worker's own clock passes the deadline.
    NoticeDeadline {
        w: usize,
        o: usize,
    },
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
    /// A standby without the newest claim, or cancel, becomes the database.
    Failover(usize),
    /// From now on nothing goes wrong and nobody asks for anything.
    Heal,
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
            possible::requests(world, o, self.without, actions);
        }
        for w in 0..self.workers {
            possible::faults(world, w, actions);
            for o in 0..self.operations {
                possible::work(world, w, o, self.without, actions);
            }
        }
        actions.extend(world.hints.iter().filter(|hint| possible::hears(world, hint.to)).copied().map(Action::Deliver));
        let ending = world.leases.iter().copied().filter(|&lease| possible::may_expire(world, lease, self.without));
        actions.extend(ending.map(Action::Expire));
        if self.heals && !world.left.is_healed() {
            actions.push(Action::Heal);
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        self.happen(&mut world, &action);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all(self)
    }
}
