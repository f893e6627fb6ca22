//! What the model's states are made of.

use safepoint_operation::{AttemptNumber, Nonce, Outcome, Snapshot, State};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The whole system at one moment: the database, the processes, the messages under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub rows: Vec<Row>,
    pub workers: Vec<Worker>,
    /// Leases that stand in the database.
    pub leases: BTreeSet<Incarnation>,
    /// Hints that were sent. One that is never delivered is lost; one stays here, so it may come twice and late.
    pub hints: BTreeSet<Hint>,
    /// What may still go wrong, so that the space is finite.
    pub left: Budget,
    /// Invariants that an action broke.
    pub broken: BTreeSet<Invariant>,
}

/// One identity of a worker: a crash and a self-fence end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation {
    pub worker: usize,
    pub number: u8,
}

/// An operation's row, and what only the model knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    pub now: Snapshot,
    pub owner: Option<Incarnation>,
    /// The row before its newest claim, while nothing was written since: what an asynchronous failover goes back to.
    pub before_claim: Option<Snapshot>,
    /// The row before a cancel of what runs, likewise.
    pub before_cancel: Option<Snapshot>,
    /// How often each attempt's number was handed out. More than once after a failover only.
    pub handed_out: Vec<u8>,
    /// How many claims there were; the newest one's number is its claimant's ghost of a fence, which no guard looks at.
    pub claims: u8,
    pub claimant: Option<u8>,
    pub asked: bool,
    /// A cancel was forgotten by a failover.
    pub forgotten: bool,
    /// Its deadline has passed, by the database's clock.
    pub overdue: bool,
    pub ended: Option<Snapshot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Worker {
    pub incarnation: u8,
    pub process: Process,
    pub connected: bool,
    /// What it runs, by operation.
    pub runs: Vec<Option<Attempt>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Process {
    Up,
    /// Stopped by a signal, a hypervisor, a swap storm: its clocks go on, it does not.
    Frozen,
    Down,
}

/// An attempt as its worker knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub number: AttemptNumber,
    pub nonce: Nonce,
    pub stop: Option<Stop>,
    pub at: Progress,
    /// It has ended, and only its end is still to be written, perhaps once more.
    pub ended: Option<Outcome>,
    /// The claim it came from, which no guard looks at.
    pub claim: u8,
    /// Its lease ended while it was frozen, or its claim was undone by a failover: for a moment it does not know that
    /// it is one too many.
    pub excused: bool,
}

/// The stronger one wins, as in the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stop {
    Drain,
    Pause,
    Deadline,
    Cancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    Working,
    /// Past its commit point.
    Committed,
    /// Its output is visible.
    Published,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hint {
    pub to: Incarnation,
    pub operation: usize,
    /// That of a cancel names its attempt.
    pub cancels: Option<(AttemptNumber, Nonce)>,
    /// The claim that this attempt came from, which no guard looks at.
    pub claim: u8,
}

/// How much may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    pub cancels: u8,
    pub pauses: u8,
    pub deadlines: u8,
    pub claims: u8,
    /// Crashes, freezes, cuts, lost answers, failovers and drains together.
    pub faults: u8,
}

/// What an action can break. Their numbers are those of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// INV-4: a done operation never changes again.
    TerminalIsFinal,
    /// INV-7: one finisher.
    OneFinisher,
    /// INV-8: no write of a stale attempt is taken.
    Fenced,
    /// A cancel stops the attempt that it was asked of.
    StopsWhomItMeans,
    /// INV-13: after a cancel nothing starts.
    NothingStartsAfterACancel,
    /// INV-16: a repeated or late cancel changes nothing.
    LateCancelsAreHarmless,
    /// After its deadline nothing starts.
    NothingStartsOverdue,
    /// What was asked to cancel does not end by its deadline.
    CancelBeatsDeadline,
}

impl Budget {
    /// Nothing goes wrong any more and nobody asks for anything; work may be claimed as often as it takes.
    pub fn healed(self) -> Self {
        Self { cancels: 0, pauses: 0, faults: 0, claims: u8::MAX, deadlines: self.deadlines }
    }

    pub fn is_healed(self) -> bool {
        self.claims == u8::MAX
    }
}

impl Worker {
    pub fn runs_at_all(&self) -> bool {
        self.process == Process::Up
    }

    /// Whether it can speak to the database.
    pub fn speaks(&self) -> bool {
        self.runs_at_all() && self.connected
    }
}

impl Attempt {
    /// Whether it works and has heard of no reason to stop.
    pub fn goes_on(&self) -> bool {
        self.at == Progress::Working && self.stop.is_none() && self.ended.is_none()
    }
}

impl World {
    pub fn incarnation(&self, worker: usize) -> Incarnation {
        Incarnation { worker, number: self.workers[worker].incarnation }
    }

    /// Whether a worker's lease stands, by the database.
    pub fn leased(&self, worker: usize) -> bool {
        self.leases.contains(&self.incarnation(worker))
    }

    /// Attempts of one operation that take steps now and have no excuse.
    pub fn at_work(&self, operation: usize) -> usize {
        let live = self.workers.iter().filter(|worker| worker.runs_at_all());
        live.filter(|worker| worker.runs[operation].is_some_and(|attempt| !attempt.excused && attempt.ended.is_none()))
            .count()
    }
}

impl Row {
    pub fn new(failure_limit: u32) -> Self {
        Self {
            now: Snapshot::new(failure_limit),
            owner: None,
            before_claim: None,
            before_cancel: None,
            handed_out: Vec::new(),
            claims: 0,
            claimant: None,
            asked: false,
            forgotten: false,
            overdue: false,
            ended: None,
        }
    }

    pub fn runs(&self) -> bool {
        self.now.state == State::Running
    }

    /// A nonce that the next attempt's number was never handed out with. Else it repeats as much as chance may: what
    /// holds with this one holds with a better one.
    pub fn fresh_nonce(&self) -> u8 {
        self.handed_out.get(self.now.attempt.0 as usize).copied().unwrap_or(0)
    }

    pub fn hand_out(&mut self, attempt: AttemptNumber) {
        self.handed_out.resize(self.handed_out.len().max(attempt.0 as usize), 0);
        self.handed_out[attempt.0 as usize - 1] += 1;
    }

    /// What `CHECK`s hold of every row.
    pub fn is_well_formed(&self) -> bool {
        let now = &self.now;
        (now.state == State::Running) == now.nonce.is_some()
            && (now.state == State::Running) == self.owner.is_some()
            && !(now.cancel_requested && matches!(now.state, State::Pending | State::Paused))
    }
}

/// Nonces are told apart by a small number.
pub fn nonce(number: u8) -> Nonce {
    Nonce::from_uuid(Uuid::from_u128(u128::from(number)))
}
