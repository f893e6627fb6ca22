//! Registers the kinds that this worker runs, for the api and the keepers.

use crate::executors::Executors;
use runtime::clock;
use std::sync::Arc;
use std::time::Duration;
use store::{RegisteredKind, Store};
use tokio_util::sync::CancellationToken;

const TRY_AGAIN: Duration = Duration::from_secs(1);
/// A failover may have lost what was registered. The statement writes nothing where nothing has changed.
const EVERY: Duration = Duration::from_mins(1);

/// Registers all kinds, again and again.
pub async fn register(store: Store, executors: Arc<Executors>, ended: CancellationToken) {
    loop {
        let wait = if register_all(&store, &executors).await { EVERY } else { TRY_AGAIN };
        tokio::select! {
            () = tokio::time::sleep(wait.mul_f64(0.5 + clock::jitter())) => {}
            () = ended.cancelled() => return,
        }
    }
}

/// Whether the database took, or will never take, each of them. What is wrong with one is not wrong with the others.
async fn register_all(store: &Store, executors: &Executors) -> bool {
    let mut settled = true;
    for registered in executors.all() {
        let (info, spec_schema) = (registered.info.clone(), registered.spec_schema.clone());
        let kind = info.kind.clone();
        if let Err(error) = store.register_kind(&RegisteredKind { info, spec_schema }).await {
            tracing::warn!(%error, %kind, "the kind could not be registered; trying again");
            settled &= !error.is_passing();
        }
    }
    settled
}
