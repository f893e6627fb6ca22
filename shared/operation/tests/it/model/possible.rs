//! What may happen in a state.

use super::protocol::{Action, Guard};
use super::world::{Attempt, Incarnation, Process, Progress, Stop, World};
use safepoint_operation::{Outcome, State};

/// What clients, the keeper and time may do to an operation.
pub fn requests(world: &World, o: usize, without: Option<Guard>, actions: &mut Vec<Action>) {
    if world.left.cancels > 0 {
        actions.push(Action::RequestCancel(o));
    }
    if world.left.pauses > 0 {
        actions.push(Action::RequestPause(o));
    }
    let row = &world.rows[o];
    if row.now.state == State::Paused || row.now.pause_requested {
        actions.push(Action::Resume(o));
    }
    if world.left.deadlines > 0 && !row.overdue && !row.now.state.is_done() {
        actions.push(Action::PassDeadline(o));
    }
    let waits = matches!(row.now.state, State::Pending | State::Paused);
    if row.overdue && waits && without != Some(Guard::KeeperLooksAtDeadlines) {
        actions.push(Action::FailOverdue(o));
    }
    let orphaned = row.owner.is_some_and(|owner| !world.leases.contains(&owner));
    if row.runs() && orphaned && without != Some(Guard::Sweeper) {
        actions.push(Action::Sweep(o));
    }
    if world.left.faults > 0 && (row.before_claim.is_some() || row.before_cancel.is_some()) {
        actions.push(Action::Failover(o));
    }
}

pub fn faults(world: &World, w: usize, actions: &mut Vec<Action>) {
    let worker = &world.workers[w];
    let busy = worker.runs.iter().any(Option::is_some);
    match worker.process {
        Process::Down => actions.push(Action::Restart(w)),
        Process::Frozen => actions.push(Action::Thaw(w)),
        Process::Up => {
            if world.left.faults > 0 {
                actions.push(Action::Crash(w));
            }
            if world.left.faults > 0 && busy {
                actions.push(Action::Freeze(w));
            }
            if world.left.faults > 0 && busy {
                actions.push(Action::Drain(w));
            }
            if !worker.connected {
                actions.push(Action::Mend(w));
                if busy {
                    actions.push(Action::SelfFence(w));
                }
            } else if world.leased(w) {
                if world.left.faults > 0 {
                    actions.push(Action::Cut(w));
                }
                actions.push(Action::Renew(w));
            } else {
                // The renewal's answer: the lease is lost.
                actions.push(Action::SelfFence(w));
            }
        }
    }
}

pub fn work(world: &World, w: usize, o: usize, without: Option<Guard>, actions: &mut Vec<Action>) {
    let (worker, row) = (&world.workers[w], &world.rows[o]);
    if !worker.runs_at_all() {
        return;
    }
    let Some(attempt) = worker.runs[o] else {
        if worker.speaks() {
            idle(world, w, o, without, actions);
        }
        return;
    };
    if row.overdue && attempt.goes_on() {
        actions.push(Action::NoticeDeadline { w, o });
    }
    if attempt.at == Progress::Committed {
        // One quick step, which needs no database.
        actions.push(Action::Publish { w, o });
    }
    if !worker.connected {
        return;
    }
    if attempt.goes_on() {
        actions.push(Action::Checkpoint { w, o });
        actions.push(Action::CommitPoint { w, o });
    }
    for outcome in outcomes(&attempt) {
        actions.push(Action::Finish { w, o, outcome, answered: true });
        if world.left.faults > 0 {
            actions.push(Action::Finish { w, o, outcome, answered: false });
        }
    }
}

/// What a worker may do about an operation that it does not run.
fn idle(world: &World, w: usize, o: usize, without: Option<Guard>, actions: &mut Vec<Action>) {
    let row = &world.rows[o];
    let too_late = row.overdue && without != Some(Guard::ClaimLooksAtDeadline);
    if world.leased(w) && world.left.claims > 0 && row.now.state == State::Pending && !too_late {
        actions.push(Action::Claim { w, o, answered: true });
        if world.left.faults > 0 {
            actions.push(Action::Claim { w, o, answered: false });
        }
    }
    if row.runs() && row.owner == Some(world.incarnation(w)) && without != Some(Guard::Reconcile) {
        actions.push(Action::Reconcile { w, o });
    }
}

/// A lease ends when its worker can't renew it. A worker that runs and is only cut off has fenced itself before.
pub fn may_expire(world: &World, lease: Incarnation, without: Option<Guard>) -> bool {
    let worker = &world.workers[lease.worker];
    let abandoned = world.incarnation(lease.worker) != lease;
    let goes_on = !worker.connected && without == Some(Guard::SelfFence);
    abandoned || worker.process != Process::Up || goes_on
}

/// How an attempt may end where it stands.
fn outcomes(attempt: &Attempt) -> Vec<Outcome> {
    if let Some(outcome) = attempt.ended {
        return vec![outcome];
    }
    match (attempt.at, attempt.stop) {
        (Progress::Published, _) => vec![Outcome::Succeeded],
        (Progress::Committed, _) => Vec::new(),
        (Progress::Working, Some(Stop::Cancel)) => vec![Outcome::Cancelled],
        (Progress::Working, Some(Stop::Pause)) => vec![Outcome::Paused],
        (Progress::Working, Some(Stop::Drain)) => vec![Outcome::Released],
        (Progress::Working, Some(Stop::Deadline)) => vec![Outcome::DeadlineExceeded],
        (Progress::Working, None) => {
            vec![Outcome::Failed { retryable: true }, Outcome::Failed { retryable: false }]
        }
    }
}

/// Whether a hint for this identity finds anybody.
pub fn hears(world: &World, to: Incarnation) -> bool {
    world.workers[to.worker].speaks() && world.incarnation(to.worker) == to
}
