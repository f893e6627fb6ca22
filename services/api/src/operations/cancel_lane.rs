//! Cancels that come at the same moment share a statement and its commit: in a storm of them the database does a
//! fraction of the work, and a cancel that comes alone waits for nobody.

use std::collections::HashMap;
use std::sync::Arc;
use store::{Address, Asked, Operation, Requester, Store, StoreError};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// So many cancels at a time go each by itself.
const ALONE: usize = 2;
/// So many at most go together: the statement holds their rows until its commit.
const TOGETHER: usize = 32;
/// Cancels that wait for the statement that is under way. Beyond that each goes by itself.
const WAITING: usize = 1024;

/// Records cancels.
#[derive(Debug, Clone)]
pub struct CancelLane {
    store: Store,
    alone: Arc<Semaphore>,
    together: mpsc::Sender<Waiting>,
}

struct Waiting {
    address: Address,
    requester: Requester,
    /// Dropped where it was not recorded with the others.
    recorded: oneshot::Sender<Operation>,
}

impl CancelLane {
    /// Starts the task that records many at a time; it ends when the last clone is gone.
    pub fn start(store: Store) -> Self {
        let (together, waiting) = mpsc::channel(WAITING);
        tokio::spawn(record_together(store.clone(), waiting));
        Self { store, alone: Arc::new(Semaphore::new(ALONE)), together }
    }

    /// Records a cancel: committed when this returns. `None` where there is no such operation.
    ///
    /// # Errors
    /// As [`Store::cancel`].
    pub async fn cancel(&self, address: &Address, requester: &Requester) -> Result<Option<Asked>, StoreError> {
        if let Ok(_alone) = self.alone.try_acquire() {
            return self.store.cancel(address, requester).await;
        }
        let (recorded, answer) = oneshot::channel();
        let waiting = Waiting { address: address.clone(), requester: requester.clone(), recorded };
        if self.together.try_send(waiting).is_ok()
            && let Ok(operation) = answer.await
        {
            return Ok(Some(Asked::Recorded(operation)));
        }
        // By itself it waits for the row, or tells why there is nothing to record.
        self.store.cancel(address, requester).await
    }
}

/// One statement at a time, for all that came during the one before.
async fn record_together(store: Store, mut queue: mpsc::Receiver<Waiting>) {
    let mut came = Vec::with_capacity(TOGETHER);
    while queue.recv_many(&mut came, TOGETHER).await > 0 {
        let (mut cancels, mut waiting) = (Vec::with_capacity(came.len()), HashMap::new());
        for Waiting { address, requester, recorded } in came.drain(..) {
            // The second of two for one operation goes by itself, after this one.
            waiting.entry(address.id).or_insert_with(|| {
                cancels.push((address, requester));
                recorded
            });
        }
        match store.cancel_together(&cancels).await {
            Ok(operations) => {
                for operation in operations {
                    if let Some(recorded) = waiting.remove(&operation.id) {
                        // Nobody waits where its task was ended.
                        let _ = recorded.send(operation);
                    }
                }
            }
            // Each asks anew by itself, and is told of its own error.
            Err(error) => tracing::warn!(%error, cancels = cancels.len(), "cancels could not be recorded together"),
        }
    }
}
