//! Stores how far attempts have come: one statement for many, about once a second. Its answer is one more road of a
//! cancel, and tells which attempts are fenced. It also watches the executors' declared bounds.

use crate::attempt::{Attempt, Stop};
use crate::executors::Executors;
use crate::metrics;
use crate::registry::Registry;
use operation::{KindInfo, OperationId, Road};
use runtime::broker::{Hint, Publisher};
use runtime::failpoint;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use store::{Heard, Position, Requested, Store, StoreError};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
/// Few at a time: a statement holds the locks of all its rows until it is committed, and a cancel of one of them waits.
const BATCH: usize = 32;

/// Stores positions until `ended`. The statements are spread over the second: in one burst they would take the processors
/// and the disk from the cancels that come along with it.
pub async fn keep_stored(
    store: Store,
    registry: Arc<Registry>,
    executors: Arc<Executors>,
    publisher: Publisher,
    ended: CancellationToken,
) {
    let mut warned = HashSet::new();
    let (mut pause, mut after) = (EVERY, None);
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = ended.cancelled() => return,
        }
        let mut attempts = registry.all();
        if after.is_none() {
            watch_bounds(&executors, &attempts, &mut warned);
        }
        // The same order as in `finisher.rs`: statements that meet on several rows must not wait for each other.
        attempts.sort_unstable_by_key(|attempt| attempt.fence.id);
        pause = EVERY.div_f64(attempts.len().div_ceil(BATCH).max(1) as f64);
        let batch;
        (batch, after) = batch_after(&attempts, after, |attempt| attempt.fence.id);
        let changed: Vec<_> = batch.iter().filter_map(changed).collect();
        if changed.is_empty() {
            continue;
        }
        let operations = store_batch(&store, &registry, &changed).await;
        if !operations.is_empty() {
            publisher.send(Hint::Changed { operations });
        }
    }
}

/// The batch behind an id in a sorted list, and the id that the next one is behind: none where it begins anew.
fn batch_after<T>(all: &[T], after: Option<OperationId>, id: fn(&T) -> OperationId) -> (&[T], Option<OperationId>) {
    let begin = all.partition_point(|one| after.is_some_and(|after| id(one) <= after));
    let batch = &all[begin..all.len().min(begin + BATCH)];
    (batch, batch.last().map(id).filter(|_| begin + BATCH < all.len()))
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
    match failpoint::around!("worker.checkpoint", store.checkpoint(&positions).await) {
        Ok(heard) => stored(registry, batch, &heard),
        Err(error) if error.is_passing() => {
            tracing::warn!(%error, attempts = batch.len(), "checkpoints could not be stored; trying again");
            for (attempt, _) in batch {
                attempt.position().dirty = true;
            }
            Vec::new()
        }
        // One of them can't be stored: the others must not suffer.
        Err(_) => store_each(store, registry, batch).await,
    }
}

async fn store_each(store: &Store, registry: &Registry, batch: &[(Arc<Attempt>, Position)]) -> Vec<OperationId> {
    let mut operations = Vec::new();
    for one in batch {
        match store.checkpoint(std::slice::from_ref(&one.1)).await {
            Ok(heard) => operations.extend(stored(registry, std::slice::from_ref(one), &heard)),
            Err(error) => not_stored(&one.0, &one.1, &error),
        }
    }
    operations
}

/// A checkpoint that the database refuses is not offered again: what is stored stands until the executor makes another one.
fn not_stored(attempt: &Attempt, position: &Position, error: &StoreError) {
    let mut now = attempt.position();
    now.dirty = true;
    if !error.refuses_a_value() {
        return;
    }
    if now.checkpoint == position.checkpoint {
        now.checkpoint = None;
    }
    metrics::checkpoint_given_up(&attempt.info.kind);
    tracing::error!(
        operation.id = %attempt.fence.id, attempt = %attempt.fence.attempt, %error, sqlstate = error.sqlstate(),
        "the database refuses a checkpoint: the one before it stands"
    );
}

/// What the answer tells of the attempts. Returns those that were stored.
fn stored(registry: &Registry, batch: &[(Arc<Attempt>, Position)], heard: &[Heard]) -> Vec<OperationId> {
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

fn watch_bounds(executors: &Executors, attempts: &[Arc<Attempt>], warned: &mut HashSet<operation::Fence>) {
    for KindInfo { kind, safe_point_bound: bound, .. } in executors.all().map(|registered| &registered.info) {
        let is_late = |attempt: &&Arc<Attempt>| attempt.info.kind == *kind && attempt.without_safe_point() > *bound;
        let late: Vec<_> = attempts.iter().filter(is_late).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// One walk comes by each once, whoever comes or goes meanwhile, and then begins anew.
    #[test]
    fn a_walk_comes_by_each_once() {
        let ids = |range: std::ops::Range<u128>| range.map(|n| OperationId::from_uuid(Uuid::from_u128(n))).collect();
        let mut all: Vec<OperationId> = ids(100..100 + 2 * BATCH as u128 + 7);
        let (mut seen, mut after) = (Vec::new(), None);
        for size in [BATCH, BATCH, 5] {
            let batch;
            (batch, after) = batch_after(&all, after, |id| *id);
            assert_eq!(batch.len(), size);
            seen.extend_from_slice(batch);
            // The first and the last end, and one begins that sorts before all others.
            all.remove(0);
            all.pop();
            all.insert(0, ids(seen.len() as u128..seen.len() as u128 + 1)[0]);
        }
        assert_eq!(after, None);
        let walked: Vec<OperationId> = ids(100..100 + seen.len() as u128);
        assert_eq!(seen, walked);
        assert_eq!(batch_after(&all[..BATCH], None, |id| *id).1, None, "one batch is all there is");
        assert!(batch_after::<OperationId>(&[], after, |id| *id).0.is_empty());
        let last = all.last().copied();
        assert_eq!(batch_after(&all, last, |id| *id), ([].as_slice(), None), "all behind it have ended");
    }
}
