//! The looks at the rows of what is watched: for a hint at once, and at every tick for all. One statement for many.

use super::{Known, Watches};
use operation::OperationId;
use runtime::clock;
use std::collections::HashSet;
use std::sync::Arc;
use store::{Change, Store};
use tokio::sync::{mpsc, watch};

/// As many rows as one statement looks at.
const CHUNK: usize = 512;
/// As many hints as one look serves.
const HINTS: usize = 64;

/// Looks at what hints name.
pub(super) async fn hear(watches: Watches, store: Store, mut hints: mpsc::Receiver<Vec<OperationId>>) {
    let mut heard = Vec::with_capacity(HINTS);
    while hints.recv_many(&mut heard, HINTS).await > 0 {
        let ids: HashSet<OperationId> = heard.drain(..).flatten().collect();
        look(&watches, &store, &watches.seen_of(&ids)).await;
    }
}

/// Looks at everything, over and over: what a hint did not tell is found all the same.
pub(super) async fn tick(watches: Watches, store: Store, mut broker_up: watch::Receiver<bool>) {
    let (terms, ended) = (watches.0.terms, watches.0.ended.clone());
    loop {
        let every = if *broker_up.borrow_and_update() { terms.tick } else { terms.tick_without_broker };
        tokio::select! {
            // Replicas do not look in step.
            () = tokio::time::sleep(every.mul_f64(0.75 + clock::jitter() / 4.0)) => {}
            // What happened while nobody listened is found now.
            Ok(()) = broker_up.changed() => {}
            () = ended.cancelled() => return,
        }
        look(&watches, &store, &watches.seen()).await;
    }
}

/// A look that fails is made up for by the next tick.
async fn look(watches: &Watches, store: &Store, seen: &[(OperationId, i64)]) {
    for chunk in seen.chunks(CHUNK) {
        match store.changed(chunk).await {
            Ok(changes) => changes.into_iter().for_each(|change| match change {
                Ok(Change::Newer(operation)) => watches.learn(operation.id, Known::There(Arc::from(operation))),
                Ok(Change::Gone(id)) => watches.learn(id, Known::Gone),
                Err(error) => tracing::error!(%error, "a watched operation cannot be read"),
            }),
            Err(error) => {
                tracing::warn!(%error, watched = seen.len(), "watched operations could not be looked at; trying again");
                return;
            }
        }
    }
}
