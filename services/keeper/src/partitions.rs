//! Makes the partitions of `operations` ahead of time.

use crate::TRY_AGAIN;
use runtime::{clock, failpoint};
use std::time::Duration;
use store::Store;
use tokio_util::sync::CancellationToken;

/// A keeper that is down for less than this many weeks is not missed.
pub const WEEKS_AHEAD: u8 = 4;

const EVERY: Duration = Duration::from_hours(1);

/// Looks once an hour until `shutdown`.
pub async fn keep_ahead(store: Store, shutdown: CancellationToken) {
    loop {
        let made =
            failpoint::around!("keeper.make_partitions", store.ensure_partitions(clock::now(), WEEKS_AHEAD).await);
        let wait = match made {
            Ok(made) => {
                if made > 0 {
                    tracing::info!(made, "partitions made");
                }
                EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "partitions could not be made; trying again");
                TRY_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait.mul_f64(0.5 + clock::jitter())) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
