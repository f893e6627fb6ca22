//! What happens to the workers, and what they do.

use super::protocol::{Action, Guard, Protocol};
use super::world::{Attempt, Hint, Incarnation, Invariant, Process, Progress, Stop, World};
use safepoint_operation::{Event, Outcome, Snapshot};

impl Protocol {
    pub fn happen(&self, world: &mut World, action: &Action) {
        match *action {
            Action::RequestCancel(o) => self.request_cancel(world, o),
            Action::RequestPause(o) => {
                world.left.pauses -= 1;
                self.ask(world, o, Event::RequestPause);
            }
            Action::Resume(o) => self.ask(world, o, Event::Resume),
            Action::PassDeadline(o) => {
                world.left.deadlines -= 1;
                world.rows[o].overdue = true;
            }
            Action::FailOverdue(o) => drop(self.write(world, o, Event::DeadlinePassed)),
            Action::Claim { w, o, answered } => self.claim(world, w, o, answered),
            Action::Reconcile { w: _, o } => self.reconcile(world, o),
            Action::Deliver(hint) => self.deliver(world, hint),
            Action::Renew(w) => (0..self.operations).for_each(|o| tell(world, w, o)),
            Action::NoticeDeadline { w, o } => run(world, w, o).stop = Some(Stop::Deadline),
            Action::Checkpoint { w, o } => self.look(world, w, o, Progress::Working),
            Action::CommitPoint { w, o } => self.look(world, w, o, Progress::Committed),
            Action::Publish { w, o } => run(world, w, o).at = Progress::Published,
            Action::Finish { w, o, outcome, answered } => self.finish(world, w, o, outcome, answered),
            Action::Sweep(o) => drop(self.write(world, o, Event::OwnerLost)),
            Action::Failover(o) => failover(world, o),
            Action::Expire(lease) => expire(world, lease),
            Action::SelfFence(w) => leave(world, w, Process::Up),
            Action::Mend(w) => world.workers[w].connected = true,
            Action::Thaw(w) | Action::Restart(w) => world.workers[w].process = Process::Up,
            Action::Drain(w) | Action::Cut(w) | Action::Freeze(w) | Action::Crash(w) => fault(world, w, action),
            Action::Heal => world.left = world.left.healed(),
        }
    }

    /// A cancel's hint stops the attempt that it names, whatever its row says by now; any other makes the worker look.
    fn deliver(&self, world: &mut World, hint: Hint) {
        let named = |attempt: &Attempt| {
            hint.cancels == Some((attempt.number, attempt.nonce))
                || (hint.cancels.is_some() && self.without == Some(Guard::HintNamesAttempt))
        };
        let attempt = world.workers[hint.to.worker].runs[hint.operation].as_mut();
        match attempt.filter(|attempt| named(attempt)) {
            Some(attempt) if attempt.at == Progress::Working && attempt.ended.is_none() => {
                attempt.stop = attempt.stop.max(Some(Stop::Cancel));
                if attempt.claim != hint.claim {
                    world.broken.insert(Invariant::StopsWhomItMeans);
                }
            }
            _ => tell(world, hint.to.worker, hint.operation),
        }
    }

    /// A worker gives back what it owns by the row and does not know of.
    fn reconcile(&self, world: &mut World, o: usize) {
        let now = world.rows[o].now;
        let nonce = now.nonce.expect("it runs");
        let _ = self.write(world, o, Event::Finish { attempt: now.attempt, nonce, outcome: Outcome::Released });
    }

    /// A checkpoint or the commit point: the row's answer says go on, stop, or that the fence is lost.
    fn look(&self, world: &mut World, w: usize, o: usize, then: Progress) {
        let attempt = *run(world, w, o);
        if !self.fence_stands(&world.rows[o], &attempt) {
            world.workers[w].runs[o] = None;
            return;
        }
        taken(world, o, &attempt);
        world.rows[o].before_claim = None;
        world.rows[o].before_cancel = None;
        let asked = asked(&world.rows[o].now);
        let attempt = run(world, w, o);
        if asked.is_some() {
            attempt.stop = asked;
        } else {
            attempt.at = then;
        }
    }

    fn finish(&self, world: &mut World, w: usize, o: usize, outcome: Outcome, answered: bool) {
        let attempt = *run(world, w, o);
        let event = Event::Finish { attempt: attempt.number, nonce: attempt.nonce, outcome };
        let written = self.write(world, o, event);
        if written.is_ok() {
            taken(world, o, &attempt);
        }
        if answered {
            world.workers[w].runs[o] = None;
        } else {
            // Written or not: it does not know, and writes it again.
            world.left.faults -= 1;
            run(world, w, o).ended = Some(outcome);
        }
    }
}

/// What a row asks of its attempt. A cancel is stronger than a pause.
fn asked(now: &Snapshot) -> Option<Stop> {
    if now.cancel_requested {
        Some(Stop::Cancel)
    } else if now.pause_requested {
        Some(Stop::Pause)
    } else {
        None
    }
}

/// A worker looks at a row: rule 0.
fn tell(world: &mut World, w: usize, o: usize) {
    let (owner, now) = (world.rows[o].owner, world.rows[o].now);
    if owner != Some(world.incarnation(w)) {
        return;
    }
    if let Some(attempt) = &mut world.workers[w].runs[o]
        && attempt.number == now.attempt
        && attempt.at == Progress::Working
        && attempt.ended.is_none()
    {
        attempt.stop = attempt.stop.max(asked(&now));
    }
}

fn run(world: &mut World, w: usize, o: usize) -> &mut Attempt {
    world.workers[w].runs[o].as_mut().expect("it runs here")
}

fn fault(world: &mut World, w: usize, action: &Action) {
    world.left.faults -= 1;
    let worker = &mut world.workers[w];
    if let Action::Drain(_) = action {
        for attempt in worker.runs.iter_mut().flatten() {
            attempt.stop.get_or_insert(Stop::Drain);
        }
    } else if let Action::Cut(_) = action {
        worker.connected = false;
    } else if let Action::Freeze(_) = action {
        worker.process = Process::Frozen;
    } else {
        leave(world, w, Process::Down);
    }
}

/// A worker gives up what it runs, and its identity.
fn leave(world: &mut World, w: usize, process: Process) {
    let worker = &mut world.workers[w];
    let old = Incarnation { worker: w, number: worker.incarnation };
    worker.runs.iter_mut().for_each(|run| *run = None);
    worker.process = process;
    worker.incarnation += 1;
    // Nobody hears what is sent to it, and a lease without operations is no concern of anybody.
    world.hints.retain(|hint| hint.to != old);
    if world.rows.iter().all(|row| row.owner != Some(old)) {
        world.leases.remove(&old);
    }
    world.leases.insert(Incarnation { worker: w, number: old.number + 1 });
}

fn expire(world: &mut World, lease: Incarnation) {
    world.leases.remove(&lease);
    let current = world.incarnation(lease.worker) == lease;
    let worker = &mut world.workers[lease.worker];
    if current && worker.process == Process::Frozen {
        // When it wakes it takes a step too many before it looks at its clock.
        worker.runs.iter_mut().flatten().for_each(|attempt| attempt.excused = true);
    }
}

fn failover(world: &mut World, o: usize) {
    world.left.faults -= 1;
    let row = &mut world.rows[o];
    if let Some(before) = row.before_cancel.take() {
        row.now = before;
        row.asked = false;
        row.forgotten = true;
        return;
    }
    let undone = row.claimant.take();
    row.owner = None;
    row.now = row.before_claim.take().expect("a claim to undo");
    for attempt in world.workers.iter_mut().filter_map(|worker| worker.runs[o].as_mut()) {
        attempt.excused |= Some(attempt.claim) == undone;
    }
}

/// A worker's write was taken: was it the claimant's?
fn taken(world: &mut World, o: usize, attempt: &Attempt) {
    if world.rows[o].claimant.is_some_and(|claimant| claimant != attempt.claim) {
        world.broken.insert(Invariant::Fenced);
    }
}
