//! Writes how attempts ended: what has come together goes in one statement, nothing waits for company.

use crate::attempt::{Attempt, Stop};
use crate::metrics;
use runtime::broker::{Hint, Publisher};
use runtime::{clock, failpoint};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Ending, Finished, Settled, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

const BATCH: usize = 256;

/// An attempt's end on its way to the database.
struct Pending {
    attempt: Arc<Attempt>,
    ending: Ending,
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
        if self.queue.send(Pending { attempt, ending, _settled: settled }).await.is_ok() {
            let _ = done.await;
        }
    }
}

/// Where ends are written, and who is told.
struct Lane {
    store: Store,
    publisher: Publisher,
}

async fn write_all(lane: Lane, mut queue: mpsc::Receiver<Pending>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        // The same order as in `checkpoints.rs`: statements that meet on several rows must not wait for each other.
        batch.sort_unstable_by_key(|pending: &Pending| pending.attempt.fence.id);
        let mut wait = Duration::from_millis(50);
        while !batch.is_empty() {
            batch.retain(|pending| pending.attempt.stopping() != Some(Stop::LeaseLost));
            match write_batch(&lane, &batch).await {
                Ok(()) => batch.clear(),
                Err(error) if error.is_passing() => {
                    tracing::warn!(%error, ends = batch.len(), "ends could not be written; trying again");
                    tokio::time::sleep(wait.mul_f64(1.0 + clock::jitter())).await;
                    wait = (wait * 2).min(Duration::from_secs(1));
                }
                Err(_) if batch.len() > 1 => write_each(&lane, &mut batch).await,
                Err(error) => {
                    tracing::error!(operation.id = %batch[0].attempt.fence.id, %error, "an end cannot be written");
                    batch.clear();
                }
            }
        }
    }
}

/// One of them can't be written: the others must not suffer.
async fn write_each(lane: &Lane, batch: &mut Vec<Pending>) {
    for pending in batch.drain(..) {
        if let Err(error) = write_batch(lane, std::slice::from_ref(&pending)).await {
            tracing::error!(operation.id = %pending.attempt.fence.id, %error, "an end cannot be written");
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
        metrics::cancelled(pending.attempt.kind, latency, delivery);
    }
}

/// Durations are taken now, at the moment of the write: the database turns them into its own times.
fn finished(pending: &Pending) -> Finished {
    let attempt = &pending.attempt;
    let position = attempt.position().clone();
    Finished {
        fence: attempt.fence,
        ending: pending.ending.clone(),
        progress: position.progress,
        checkpoint: position.checkpoint,
        delivered: attempt.delivered().map(|delivered| (delivered.at.elapsed(), delivered.road)),
        observed: attempt.observed().map(|observed| (observed.at.elapsed(), observed.safe_point)),
        cleanup: attempt.cleanup(),
        ended_by: attempt.ended_by(),
    }
}
