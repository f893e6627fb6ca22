//! Stores how far attempts have come: one statement for many, about once a second. Its answer is one more road of a
//! cancel, and tells which attempts are fenced. It also watches the executors' declared bounds.

use crate::attempt::{Attempt, Stop};
use crate::executor;
use crate::metrics;
use crate::registry::Registry;
use operation::{Kind, OperationId, Road};
use runtime::broker::{Hint, Publisher};
use runtime::failpoint;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use store::{Position, Requested, Store};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
/// Few at a time: a statement holds the locks of all its rows until it is committed, and a cancel of one of them waits.
const BATCH: usize = 32;

/// Stores positions until `ended`.
pub async fn keep_stored(store: Store, registry: Arc<Registry>, publisher: Publisher, ended: CancellationToken) {
    let mut warned = HashSet::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = ended.cancelled() => return,
        }
        let attempts = registry.all();
        watch_bounds(&attempts, &mut warned);
        let mut changed: Vec<_> = attempts.iter().filter_map(changed).collect();
        // The same order as in `finisher.rs`: statements that meet on several rows must not wait for each other.
        changed.sort_unstable_by_key(|(_, position)| position.fence.id);
        for batch in changed.chunks(BATCH) {
            let operations = store_batch(&store, &registry, batch).await;
            if !operations.is_empty() {
                publisher.send(Hint::Changed { operations });
            }
        }
    }
}

/// What is to be stored of an attempt, if anything changed. A cancel that lets the current item come to its end may take
/// long: it stores on. The end of one that stops stores its position as well.
fn changed(attempt: &Arc<Attempt>) -> Option<(Arc<Attempt>, Position)> {
    if attempt.stopping().is_some_and(Stop::is_urgent) {
        return None;
    }
    let mut position = attempt.position();
    if !std::mem::take(&mut position.dirty) {
        return None;
    }
    position.measure();
    let stored = Position {
        fence: attempt.fence,
        progress: position.progress,
        checkpoint: position.checkpoint.clone(),
        items_per_second: position.rate.per_second(),
        safe_point: Some(attempt.last_safe_point()),
    };
    drop(position);
    Some((attempt.clone(), stored))
}

/// Returns those that were stored.
async fn store_batch(store: &Store, registry: &Registry, batch: &[(Arc<Attempt>, Position)]) -> Vec<OperationId> {
    let positions: Vec<Position> = batch.iter().map(|(_, position)| position.clone()).collect();
    let heard = match failpoint::around!("worker.checkpoint", store.checkpoint(&positions).await) {
        Ok(heard) => heard,
        Err(error) => {
            tracing::warn!(%error, attempts = batch.len(), "checkpoints could not be stored; trying again");
            for (attempt, _) in batch {
                attempt.position().dirty = true;
            }
            return Vec::new();
        }
    };
    let standing: HashSet<_> = heard.iter().map(|heard| heard.id).collect();
    for (attempt, _) in batch {
        if !standing.contains(&attempt.fence.id) {
            // Fenced, or its end was written a moment ago: then nobody looks at the stop any more.
            attempt.stop(Stop::LeaseLost);
        }
    }
    for (attempt, heard) in batch.iter().filter_map(|(attempt, _)| {
        heard.iter().find(|heard| heard.id == attempt.fence.id).map(|heard| (attempt, heard))
    }) {
        let (id, attempt) = (attempt.fence.id, attempt.fence.attempt);
        registry.deliver(Requested { id, attempt, cancel: heard.cancel, pause: heard.pause }, Road::Checkpoint);
    }
    standing.into_iter().collect()
}

fn watch_bounds(attempts: &[Arc<Attempt>], warned: &mut HashSet<operation::Fence>) {
    for kind in Kind::ALL {
        let bound = executor::safe_point_bound(kind);
        let late: Vec<_> = attempts.iter().filter(|a| a.kind == kind && a.without_safe_point() > bound).collect();
        metrics::overdue(kind, late.len());
        for attempt in late {
            if warned.insert(attempt.fence) {
                tracing::warn!(
                    operation.id = %attempt.fence.id, attempt = %attempt.fence.attempt, %kind, ?bound,
                    "no safe point within the executor's bound: a cancel waits"
                );
            }
        }
    }
    warned.retain(|fence| attempts.iter().any(|attempt| attempt.fence == *fence));
}
