//! Forgets what lies beside operations when it is old: the keys of idempotent creates, deleted resources, and the audit log.

use crate::TRY_AGAIN;
use kinds::COLLECTIONS;
use runtime::{clock, failpoint};
use std::time::Duration;
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

/// A client that tries again does so within days.
const KEYS_KEPT: Duration = Duration::from_hours(30 * 24);
const EVERY: Duration = Duration::from_mins(10);
/// As many as one statement takes.
const BATCH: u32 = 1_000;

/// Looks every ten minutes until `shutdown`; entries of the audit log are kept for `audit_log_kept`.
pub async fn forget(store: Store, audit_log_kept: Duration, shutdown: CancellationToken) {
    loop {
        let wait = match once(&store, audit_log_kept).await {
            Ok(true) if !shutdown.is_cancelled() => continue,
            Ok(_) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "what is old could not be forgotten; trying again");
                TRY_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait.mul_f64(0.5 + clock::jitter())) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Whether there may be more.
async fn once(store: &Store, audit_log_kept: Duration) -> Result<bool, StoreError> {
    // None keeps the others from their turn.
    let keys = failpoint::around!("keeper.forget_keys", store.forget_create_requests(KEYS_KEPT, BATCH).await);
    let resources = forget_resources(store).await;
    let entries = failpoint::around!("keeper.forget_audit_log", store.forget_audit_log(audit_log_kept, BATCH).await);
    Ok(keys?.max(resources?).max(entries?) >= u64::from(BATCH))
}

/// As many as of the collection with most of them.
async fn forget_resources(store: &Store) -> Result<u64, StoreError> {
    let mut most = 0;
    for collection in COLLECTIONS {
        let (name, kept) = (collection.name, collection.deleted_kept);
        let forgotten = failpoint::around!("keeper.forget_resources", store.forget_resources(name, kept, BATCH).await);
        most = forgotten?.max(most);
    }
    Ok(most)
}
