//! What the database does: each statement decides with the product's own `transition`.

use super::protocol::{Guard, Protocol};
use super::world::{Attempt, Hint, Invariant, Progress, Row, World, nonce};
use safepoint_operation::{Event, Notice, Outcome, Refused, Snapshot, State, transition};

impl Protocol {
    /// A client asks to cancel, perhaps not for the first time, perhaps too late.
    pub fn request_cancel(&self, world: &mut World, o: usize) {
        world.left.cancels -= 1;
        let before = world.clone();
        self.ask(world, o, Event::RequestCancel);
        let row = &mut world.rows[o];
        if row.runs() && row.now != before.rows[o].now {
            row.before_cancel = Some(before.rows[o].now);
        }
        let late = before.rows[o].now.cancel_requested || before.rows[o].now.state.is_done();
        if late && *world != before {
            world.broken.insert(Invariant::LateCancelsAreHarmless);
        }
        world.rows[o].asked |= !late;
    }

    /// A request of a client, and the hint that follows it.
    pub fn ask(&self, world: &mut World, o: usize, event: Event) {
        if self.write(world, o, event) == Ok(Notice::Owner)
            && let Some(to) = world.rows[o].owner
        {
            let Row { now, claims, .. } = world.rows[o];
            let cancels = now.nonce.filter(|_| event == Event::RequestCancel).map(|nonce| (now.attempt, nonce));
            world.hints.insert(Hint { to, operation: o, cancels, claim: claims });
        }
    }

    pub fn claim(&self, world: &mut World, w: usize, o: usize, answered: bool) {
        let (before, asked) = (world.rows[o].now, world.rows[o].asked);
        let number = world.rows[o].fresh_nonce();
        if self.write(world, o, Event::Claim { nonce: nonce(number) }).is_err() {
            return;
        }
        if asked {
            world.broken.insert(Invariant::NothingStartsAfterACancel);
        }
        if world.rows[o].overdue {
            world.broken.insert(Invariant::NothingStartsOverdue);
        }
        if !world.left.is_healed() {
            world.left.claims -= 1;
        }
        let owner = world.incarnation(w);
        let row = &mut world.rows[o];
        row.owner = Some(owner);
        row.before_claim = Some(before);
        row.hand_out(row.now.attempt);
        row.claims += 1;
        row.claimant = Some(row.claims);
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

    /// Whether a row takes what an attempt writes beside its end.
    pub fn fence_stands(&self, row: &Row, attempt: &Attempt) -> bool {
        let number_fits = row.now.attempt == attempt.number || self.without == Some(Guard::Attempt);
        let nonce_fits = row.now.nonce == Some(attempt.nonce) || self.without == Some(Guard::Nonce);
        row.runs() && number_fits && nonce_fits
    }

    /// One statement on a row.
    pub fn write(&self, world: &mut World, o: usize, event: Event) -> Result<Notice, Refused> {
        let row = &mut world.rows[o];
        let (next, notice) = self.decide(&row.now, event)?;
        if row.ended.is_some_and(|ended| ended != next) {
            world.broken.insert(Invariant::TerminalIsFinal);
            if matches!(event, Event::Finish { .. } | Event::OwnerLost | Event::DeadlinePassed) {
                world.broken.insert(Invariant::OneFinisher);
            }
        }
        let by_deadline =
            matches!(event, Event::DeadlinePassed | Event::Finish { outcome: Outcome::DeadlineExceeded, .. });
        if by_deadline && row.asked && next.state == State::Failed {
            world.broken.insert(Invariant::CancelBeatsDeadline);
        }
        row.now = next;
        row.before_claim = None;
        row.before_cancel = None;
        if !row.runs() {
            row.owner = None;
        }
        if row.now.state.is_done() {
            row.ended.get_or_insert(row.now);
        }
        Ok(notice)
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
