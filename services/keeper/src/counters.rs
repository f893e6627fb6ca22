//! Folds transitions into the counts of operations. The counts are exact without it; a read is the dearer, the more
//! transitions are not folded yet.

use runtime::{clock, failpoint};
use std::time::Duration;
use store::Store;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
/// As many as one statement takes: tens of milliseconds.
const BATCH: u32 = 5_000;

/// Folds about once a second until `shutdown`.
pub async fn compact(store: Store, shutdown: CancellationToken) {
    loop {
        match failpoint::around!("keeper.compact", store.compact_counts(BATCH).await) {
            Ok(moves) if moves == u64::from(BATCH) && !shutdown.is_cancelled() => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "transitions could not be folded into the counts; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY.mul_f64(0.75 + clock::jitter() / 2.0)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
