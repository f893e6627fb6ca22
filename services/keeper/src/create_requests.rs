//! Forgets the keys of idempotent creates when they are old.

use crate::TRY_AGAIN;
use runtime::{clock, failpoint};
use std::time::Duration;
use store::Store;
use tokio_util::sync::CancellationToken;

/// A client that tries again does so within days.
const KEPT: Duration = Duration::from_hours(30 * 24);
const EVERY: Duration = Duration::from_mins(10);
/// As many as one statement takes.
const BATCH: u64 = 1_000;

/// Looks every ten minutes until `shutdown`.
pub async fn forget(store: Store, shutdown: CancellationToken) {
    loop {
        let wait = match failpoint::around!("keeper.forget_keys", store.forget_create_requests(KEPT).await) {
            Ok(BATCH..) if !shutdown.is_cancelled() => continue,
            Ok(_) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "old request ids could not be forgotten; trying again");
                TRY_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait.mul_f64(0.5 + clock::jitter())) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
