//! Fails operations that wait, or stand paused, past their deadline. What runs is ended by its worker.

use runtime::broker::{Hint, Publisher};
use runtime::{clock, failpoint};
use std::time::Duration;
use store::Store;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
/// As many as one statement takes: short statements hold short locks.
const BATCH: u32 = 500;

/// Looks about once a second until `shutdown`.
pub async fn fail(store: Store, publisher: Publisher, shutdown: CancellationToken) {
    loop {
        match failpoint::around!("keeper.fail_overdue", store.fail_overdue(BATCH).await) {
            Ok(failed) => {
                if !failed.is_empty() {
                    publisher.send(Hint::Changed { operations: failed.iter().map(|operation| operation.id).collect() });
                }
                for operation in &failed {
                    tracing::info!(operation.id = %operation.id, kind = operation.kind, "failed: past its deadline");
                }
                if failed.len() == BATCH as usize {
                    continue;
                }
            }
            Err(error) => tracing::warn!(%error, "could not look for what is overdue; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY.mul_f64(0.75 + clock::jitter() / 2.0)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
