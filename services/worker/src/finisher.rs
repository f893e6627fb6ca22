//! Writes how attempts ended: what has come together goes in one statement, nothing waits for company.
//!
//! An end is tried until it is written, the attempt is fenced, or the database has refused it for good. Then less of it is
//! written, so that no operation runs again because its end can't be stored.

use crate::attempt::{Attempt, Stop};
use crate::metrics;
use crate::patience::Backoff;
use crate::unwritable::{self, Form, Next};
use runtime::broker::{Hint, Publisher};
use runtime::failpoint;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use store::{Ending, Finished, Settled, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

const BATCH: usize = 256;
/// After so many that could not be written one by one, the next batch comes. Each may have waited for a locked row.
const FAILURES: usize = 4;

/// An attempt's end on its way to the database.
struct Pending {
    attempt: Arc<Attempt>,
    ending: Ending,
    form: Form,
    /// How often the database has refused this form.
    refused: u32,
    /// Wakes the runner when it is dropped, which is when nothing more will come of it.
    _settled: oneshot::Sender<()>,
}

/// The lane for ends: its own task, its own connections.
#[derive(Clone)]
pub struct Finisher {
    queue: mpsc::Sender<Pending>,
}

impl Finisher {
    /// Starts the lane; it ends when the last clone is gone and all is written.
    pub fn start(store: Store, publisher: Publisher) -> Self {
        let (queue, pending) = mpsc::channel(BATCH);
        tokio::spawn(write_all(Lane { store, publisher }, pending));
        Self { queue }
    }

    /// Writes an end. Returns when it is written, or when it is certain that it never will be.
    pub async fn write(&self, attempt: Arc<Attempt>, ending: Ending) {
        let (settled, done) = oneshot::channel();
        let pending = Pending { attempt, ending, form: Form::Whole, refused: 0, _settled: settled };
        if self.queue.send(pending).await.is_ok() {
            let _ = done.await;
        }
    }
}

/// Where ends are written, and who is told.
struct Lane {
    store: Store,
    publisher: Publisher,
}

/// The ends that are not written yet.
#[derive(Default)]
struct Ends {
    together: Vec<Pending>,
    /// Those that failed with others, for a row's own reason: one by one, so that they do not hold up the others.
    alone: VecDeque<Pending>,
}

impl Ends {
    fn is_empty(&self) -> bool {
        self.together.is_empty() && self.alone.is_empty()
    }

    fn forget_fenced(&mut self) {
        let stands = |pending: &Pending| pending.attempt.stopping() != Some(Stop::LeaseLost);
        self.together.retain(stands);
        self.alone.retain(stands);
    }
}

async fn write_all(lane: Lane, mut queue: mpsc::Receiver<Pending>) {
    let (mut ends, mut backoff) = (Ends::default(), Backoff::new());
    loop {
        let room = BATCH.saturating_sub(ends.together.len());
        if ends.is_empty() {
            backoff = Backoff::new();
            if queue.recv_many(&mut ends.together, BATCH).await == 0 {
                return;
            }
        } else {
            // What ends meanwhile waits for none of those that are tried again.
            let more = async {
                if queue.recv_many(&mut ends.together, room).await == 0 {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = more, if room > 0 => {}
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
        ends.forget_fenced();
        write(&lane, &mut ends).await;
    }
}

/// One try for each, as far as the database answers. What is to be tried again stays.
async fn write(lane: &Lane, ends: &mut Ends) {
    let mut batch = std::mem::take(&mut ends.together);
    // The same order as in `checkpoints.rs`: statements that meet on several rows must not wait for each other.
    batch.sort_unstable_by_key(|pending: &Pending| pending.attempt.fence.id);
    if batch.len() < 2 {
        // A new one goes before those that failed.
        for pending in batch {
            ends.alone.push_front(pending);
        }
    } else if let Err(error) = write_batch(lane, &batch).await {
        tracing::warn!(%error, sqlstate = error.sqlstate(), ends = batch.len(), "ends could not be written; trying again");
        if error.is_passing() && !error.is_busy() {
            ends.together = batch;
            return;
        }
        // One of them holds up all, or is refused: each goes by itself.
        ends.alone.extend(batch);
    }
    write_alone(lane, ends).await;
}

async fn write_alone(lane: &Lane, ends: &mut Ends) {
    let mut failures = 0;
    for _ in 0..ends.alone.len() {
        if failures == FAILURES {
            return;
        }
        let Some(pending) = ends.alone.pop_front() else { return };
        match write_batch(lane, std::slice::from_ref(&pending)).await {
            Ok(()) => continue,
            Err(error) if error.is_busy() => {
                tracing::warn!(operation.id = %pending.attempt.fence.id, %error, "the operation's row is locked; trying again");
                ends.alone.push_back(pending);
            }
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, ends = ends.alone.len() + 1, "ends could not be written; trying again");
                // That says nothing about this row.
                ends.together.push(pending);
                ends.together.extend(ends.alone.drain(..));
                return;
            }
            Err(error) => ends.alone.extend(refused(pending, &error)),
        }
        failures += 1;
    }
}

/// The database will not take it, however often it is asked.
fn refused(mut pending: Pending, error: &StoreError) -> Option<Pending> {
    let (fence, kind) = (pending.attempt.fence, &pending.attempt.info.kind);
    pending.refused += 1;
    match unwritable::after(pending.refused, pending.form, error.refuses_a_value()) {
        Next::Again => Some(pending),
        Next::Write(form) => {
            metrics::end_given_up(kind, form.name());
            tracing::error!(
                operation.id = %fence.id, attempt = %fence.attempt, %error, sqlstate = error.sqlstate(),
                "the database refuses an end: {} is written", form.name()
            );
            let ending = if form == Form::Reduced { unwritable::reduced(&pending.ending) } else { pending.ending };
            Some(Pending { ending, form, refused: 0, ..pending })
        }
        Next::GiveUp => {
            metrics::end_given_up(kind, "lost");
            tracing::error!(
                operation.id = %fence.id, attempt = %fence.attempt, %error, sqlstate = error.sqlstate(),
                "an end cannot be written: given up"
            );
            None
        }
    }
}

async fn write_batch(Lane { store, publisher }: &Lane, batch: &[Pending]) -> Result<(), StoreError> {
    let finished: Vec<Finished> = batch.iter().map(finished).collect();
    let settled = failpoint::around!("worker.finish", store.finish(&finished).await)?;
    if !settled.is_empty() {
        publisher.send(Hint::Changed { operations: settled.iter().map(|settled| settled.id).collect() });
    }
    let settled: HashMap<_, _> = settled.iter().map(|settled| (settled.id, settled)).collect();
    for pending in batch {
        report(pending, settled.get(&pending.attempt.fence.id).copied());
    }
    Ok(())
}

fn report(pending: &Pending, settled: Option<&Settled>) {
    let fence = pending.attempt.fence;
    let Some(settled) = settled else {
        // Either a fence, or the answer to an earlier try of this very write was lost.
        tracing::warn!(operation.id = %fence.id, attempt = %fence.attempt, "the end was written before, or is fenced");
        return;
    };
    tracing::info!(operation.id = %fence.id, attempt = %fence.attempt, state = %settled.state, "attempt ended");
    if let Some(latency) = settled.cancel_latency {
        let delivery = settled.delivery_latency.as_ref().map(|(latency, road)| (*latency, road.as_str()));
        metrics::cancelled(&pending.attempt.info.kind, latency, delivery);
    }
}

/// Durations are taken now, at the moment of the write: the database turns them into its own times.
fn finished(pending: &Pending) -> Finished {
    let attempt = &pending.attempt;
    let position = attempt.position().clone();
    let whole = pending.form == Form::Whole;
    Finished {
        fence: attempt.fence,
        ending: pending.ending.clone(),
        progress: position.progress,
        checkpoint: position.checkpoint.filter(|_| whole),
        delivered: attempt.delivered().map(|delivered| (delivered.at.elapsed(), delivered.road)),
        observed: attempt.observed().map(|observed| (observed.at.elapsed(), observed.safe_point)),
        cleanup: attempt.cleanup().filter(|_| whole),
        ended_by: attempt.ended_by(),
    }
}
