//! Tells the api and the keepers which kinds this worker runs.

use crate::executors::Executors;
use runtime::clock;
use std::sync::Arc;
use std::time::Duration;
use store::{RegisteredKind, Store, StoreError};
use tokio_util::sync::CancellationToken;

const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Registers all kinds, as often as it takes.
pub async fn register(store: Store, executors: Arc<Executors>, ended: CancellationToken) {
    while let Err(error) = register_all(&store, &executors).await {
        tracing::warn!(%error, "the kinds could not be registered; trying again");
        tokio::select! {
            () = tokio::time::sleep(TRY_AGAIN.mul_f64(0.5 + clock::jitter())) => {}
            () = ended.cancelled() => return,
        }
    }
}

async fn register_all(store: &Store, executors: &Executors) -> Result<(), StoreError> {
    for registered in executors.all() {
        let (info, spec_schema) = (registered.info.clone(), registered.spec_schema.clone());
        store.register_kind(&RegisteredKind { info, spec_schema }).await?;
    }
    Ok(())
}
