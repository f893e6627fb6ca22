//! The push road of a cancel: a hint names an operation, a look at its row decides.

use crate::registry::Registry;
use operation::{OperationId, Road, WorkerId};
use runtime::broker::Control;
use runtime::{failpoint, telemetry};
use std::sync::Arc;
use store::Store;
use tokio::sync::{mpsc, watch};
use tracing::Instrument;

/// As many hints as one look serves.
const BATCH: usize = 256;

/// Hears hints until the broker's side ends. `store` is this lane's own connection.
pub async fn listen(
    mut controls: mpsc::Receiver<Control>,
    store: Store,
    identity: watch::Receiver<WorkerId>,
    registry: Arc<Registry>,
) {
    let mut hints = Vec::with_capacity(BATCH);
    while controls.recv_many(&mut hints, BATCH).await > 0 {
        let worker = *identity.borrow();
        let span = tracing::info_span!("cancel.deliver", hints = hints.len());
        if let Some(Control::Cancel { trace_parent, .. } | Control::Pause { trace_parent, .. }) = hints.first() {
            telemetry::adopt_parent(&span, trace_parent.as_deref());
        }
        let operations: Vec<OperationId> = hints.drain(..).map(|hint| operation_of(&hint)).collect();
        let look = async { failpoint::around!("worker.requests", store.requests(worker, &operations).await) };
        match look.instrument(span).await {
            Ok(requests) => {
                for requested in requests {
                    registry.deliver(requested, Road::Push);
                }
            }
            // The renewal tells the same within seconds.
            Err(error) => tracing::warn!(%error, "hints came, but the rows could not be read"),
        }
    }
}

fn operation_of(hint: &Control) -> OperationId {
    match hint {
        Control::Cancel { operation, .. } | Control::Pause { operation, .. } => *operation,
    }
}
