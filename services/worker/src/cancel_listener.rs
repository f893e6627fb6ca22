//! The push road of a cancel. A hint that names the attempt by its whole fence comes from who has read the row after the
//! request was committed: it reaches the attempt at once. Of any other a look at the row decides.

use crate::registry::Registry;
use operation::{Fence, OperationId, Road, WorkerId};
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
        let span = tracing::info_span!("cancel.deliver", hints = hints.len());
        if let Some(Control::Cancel { trace_parent, .. } | Control::Pause { trace_parent, .. }) = hints.first() {
            telemetry::adopt_parent(&span, trace_parent.as_deref());
        }
        let unsure: Vec<OperationId> =
            span.in_scope(|| hints.iter().filter_map(|hint| deliver(&registry, hint)).collect());
        hints.clear();
        if unsure.is_empty() {
            continue;
        }
        let worker = *identity.borrow();
        let look = async { failpoint::around!("worker.requests", store.requests(worker, &unsure).await) };
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

/// Delivers a cancel that names an attempt which runs here; else returns whose row is to be looked at.
fn deliver(registry: &Registry, hint: &Control) -> Option<OperationId> {
    match *hint {
        Control::Cancel { operation: id, attempt, nonce, mode, .. } => {
            let delivered = nonce.is_some_and(|nonce| registry.deliver_cancel(Fence { id, attempt, nonce }, mode));
            (!delivered).then_some(id)
        }
        Control::Pause { operation, .. } => Some(operation),
    }
}
