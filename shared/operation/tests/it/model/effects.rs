//! What happens: the database decides with the product's own `transition`.

use super::protocol::{Action, Guard, Protocol};
use super::world::{Attempt, Hint, Incarnation, Invariant, Process, Progress, Stop, World, nonce};
use operation::{Event, Notice, Outcome, Refused, Snapshot, State, transition};

impl Protocol {
    pub fn happen(&self, world: &mut World, action: &Action) {
        match *action {
            Action::RequestCancel(o) => self.request_cancel(world, o),
            Action::RequestPause(o) => {
                world.left.pauses -= 1;
                self.ask(world, o, Event::RequestPause);
            }
            Action::Resume(o) => self.ask(world, o, Event::Resume),
            Action::Claim { w, o, nonce, answered } => self.claim(world, w, o, nonce, answered),
            Action::Reconcile { w: _, o } => {
                let now = world.rows[o].now;
                let event = Event::Finish {
                    attempt: now.attempt,
                    nonce: now.nonce.expect("it runs"),
                    outcome: Outcome::Released,
                };
                let _ = self.write(world, o, event);
            }
            Action::Deliver(hint) => tell(world, hint.to.worker, hint.operation),
            Action::Renew(w) => (0..self.operations).for_each(|o| tell(world, w, o)),
            Action::Checkpoint { w, o } => self.look(world, w, o, Progress::Working),
            Action::CommitPoint { w, o } => self.look(world, w, o, Progress::Committed),
            Action::Publish { w, o } => run(world, w, o).at = Progress::Published,
            Action::Finish { w, o, outcome, answered } => self.finish(world, w, o, outcome, answered),
            Action::Drain(w) => {
                world.left.faults -= 1;
                for attempt in world.workers[w].runs.iter_mut().flatten() {
                    attempt.stop.get_or_insert(Stop::Drain);
                }
            }
            Action::Sweep(o) => drop(self.write(world, o, Event::OwnerLost)),
            Action::Failover(o) => failover(world, o),
            Action::Expire(lease) => drop(world.leases.remove(&lease)),
            Action::Cut(w) => {
                world.left.faults -= 1;
                world.workers[w].connected = false;
            }
            Action::Mend(w) => world.workers[w].connected = true,
            Action::SelfFence(w) => leave(world, w, Process::Up),
            Action::Freeze(w) => {
                world.left.faults -= 1;
                world.workers[w].process = Process::Frozen;
                // Its lease may end before it wakes: then it takes a step too many before it knows.
                world.workers[w].runs.iter_mut().flatten().for_each(|attempt| attempt.excused = true);
            }
            Action::Crash(w) => {
                world.left.faults -= 1;
                leave(world, w, Process::Down);
            }
            Action::Thaw(w) | Action::Restart(w) => world.workers[w].process = Process::Up,
        }
    }

    fn request_cancel(&self, world: &mut World, o: usize) {
        world.left.cancels -= 1;
        let before = world.rows[o].now;
        let late = before.cancel_requested || before.state.is_done();
        self.ask(world, o, Event::RequestCancel);
        if late && world.rows[o].now != before {
            world.broken.insert(Invariant::LateCancelsAreHarmless);
        }
        world.rows[o].asked |= !late;
    }

    /// A request of a client, and the hint that follows it.
    fn ask(&self, world: &mut World, o: usize, event: Event) {
        if self.write(world, o, event) == Ok(Notice::Owner)
            && let Some(to) = world.rows[o].owner
        {
            world.hints.insert(Hint { to, operation: o, attempt: world.rows[o].now.attempt.0 });
        }
    }

    fn claim(&self, world: &mut World, w: usize, o: usize, number: u8, answered: bool) {
        let (before, asked) = (world.rows[o].now, world.rows[o].asked);
        if self.write(world, o, Event::Claim { nonce: nonce(number) }).is_err() {
            return;
        }
        if asked {
            world.broken.insert(Invariant::NothingStartsAfterACancel);
        }
        world.left.claims -= 1;
        let owner = world.incarnation(w);
        let row = &mut world.rows[o];
        row.owner = Some(owner);
        row.before_claim = Some(before);
        row.claims += 1;
        row.claimant = Some(row.claims);
        row.fences.insert((row.now.attempt.0, number));
        let attempt = Attempt {
            number: row.now.attempt,
            nonce: nonce(number),
            stop: None,
            at: Progress::Working,
            ended: None,
            claim: row.claims,
            excused: false,
        };
        if answered {
            world.workers[w].runs[o] = Some(attempt);
        } else {
            world.left.faults -= 1;
        }
    }

    /// A checkpoint or the commit point: the row's answer says go on, stop, or that the fence is lost.
    fn look(&self, world: &mut World, w: usize, o: usize, then: Progress) {
        let attempt = *run(world, w, o);
        let now = world.rows[o].now;
        let number_fits = now.attempt == attempt.number || self.without == Some(Guard::Attempt);
        let nonce_fits = now.nonce == Some(attempt.nonce) || self.without == Some(Guard::Nonce);
        if now.state != State::Running || !number_fits || !nonce_fits {
            world.workers[w].runs[o] = None;
            return;
        }
        taken(world, o, &attempt);
        world.rows[o].before_claim = None;
        let asked = asked(&now);
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

    /// One statement on a row.
    fn write(&self, world: &mut World, o: usize, event: Event) -> Result<Notice, Refused> {
        let row = &mut world.rows[o];
        let next = self.decide(&row.now, event)?;
        if row.ended.is_some_and(|ended| ended != next.0) {
            world.broken.insert(if next.0.state.is_done() && !matches!(event, Event::RequestCancel) {
                Invariant::OneFinisher
            } else {
                Invariant::TerminalIsFinal
            });
        }
        row.now = next.0;
        row.before_claim = None;
        if !row.runs() {
            row.owner = None;
        }
        if row.now.state.is_done() {
            row.ended.get_or_insert(row.now);
        }
        Ok(next.1)
    }

    /// The product's decision, with one guard taken out where the test asks for that.
    fn decide(&self, now: &Snapshot, event: Event) -> Result<(Snapshot, Notice), Refused> {
        let plain = |now: &Snapshot, event| transition(now, event).map(|next| (next.snapshot, next.notice));
        match (self.without, event) {
            (Some(Guard::Attempt), Event::Finish { nonce, outcome, .. }) => {
                plain(now, Event::Finish { attempt: now.attempt, nonce, outcome })
            }
            (Some(Guard::Nonce), Event::Finish { attempt, nonce, outcome }) => {
                plain(now, Event::Finish { attempt, nonce: now.nonce.unwrap_or(nonce), outcome })
            }
            (Some(Guard::NotDone), Event::RequestCancel) if now.state.is_done() => {
                Ok((Snapshot { cancel_requested: true, ..*now }, Notice::Nobody))
            }
            (Some(Guard::ClaimLooksAtCancel), Event::Finish { attempt, nonce, outcome: Outcome::Cancelled }) => {
                self.decide(now, Event::Finish { attempt, nonce, outcome: Outcome::Released })
            }
            (Some(Guard::ClaimLooksAtCancel), Event::Finish { .. } | Event::OwnerLost | Event::Claim { .. }) => {
                let forgetful = Snapshot { cancel_requested: false, ..*now };
                let (next, notice) = plain(&forgetful, event)?;
                Ok((Snapshot { cancel_requested: now.cancel_requested, ..next }, notice))
            }
            (_, event) => plain(now, event),
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

/// A hint or a renewal makes a worker look at a row: rule 0.
fn tell(world: &mut World, w: usize, o: usize) {
    let (owner, now) = (world.rows[o].owner, world.rows[o].now);
    if owner != Some(world.incarnation(w)) {
        return;
    }
    if let Some(attempt) = &mut world.workers[w].runs[o]
        && attempt.number == now.attempt
        && attempt.at == Progress::Working
        && let Some(stop) = asked(&now)
    {
        attempt.stop = Some(stop);
    }
}

fn run(world: &mut World, w: usize, o: usize) -> &mut Attempt {
    world.workers[w].runs[o].as_mut().expect("it runs here")
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

fn failover(world: &mut World, o: usize) {
    world.left.faults -= 1;
    let row = &mut world.rows[o];
    if let Some(before) = row.before_claim.take() {
        (row.now, row.owner, row.claimant) = (before, None, None);
    }
    for worker in &mut world.workers {
        if let Some(attempt) = &mut worker.runs[o] {
            attempt.excused = true;
        }
    }
}

/// A worker's write was taken: was it the claimant's?
fn taken(world: &mut World, o: usize, attempt: &Attempt) {
    if world.rows[o].claimant.is_some_and(|claimant| claimant != attempt.claim) {
        world.broken.insert(Invariant::Fenced);
    }
}
