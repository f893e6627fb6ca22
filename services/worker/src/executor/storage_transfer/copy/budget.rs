//! How much memory the objects that stream at a time may hold.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one permit of the budget is for.
const UNIT: usize = 64 * 1024;
/// What all objects that stream at a time may hold in memory.
const BUDGET: usize = 64 * 1024 * 1024;

/// The memory of all that streams for one operation.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET / UNIT)))
    }
}

impl Budget {
    /// Waits until there is room for so much.
    pub async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = bytes.min(BUDGET).div_ceil(UNIT).max(1);
        self.0.clone().acquire_many_owned(u32::try_from(units).unwrap_or(u32::MAX)).await.ok()
    }
}
