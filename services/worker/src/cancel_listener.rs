//! The push road of a cancel. A hint that names the attempt by its whole fence comes from who has read the row after the
//! request was committed: it reaches the attempt at once. Of any other a look at the row decides.

use crate::registry::Registry;
use operation::{Fence, OperationId, Road, WorkerId};
use runtime::broker::Control;
use runtime::{failpoint, telemetry};
use std::sync::Arc;
use store::Store;
use tokio::sync::{mpsc, watch};
use tracing::{Instrument, Span};

/// As many hints as one look serves.
const BATCH: usize = 256;

/// Hears hints until the broker's side ends. `store` is this lane's own connection.
pub async fn listen(
    mut controls: mpsc::Receiver<Control>,
    store: Store,
    identity: watch::Receiver<WorkerId>,
    registry: Arc<Registry>,
) {
    // A task of its own: what needs no look waits for none.
    let (unsure, to_look) = mpsc::channel(BATCH);
    tokio::spawn(look(to_look, store, identity, registry.clone()));
    while let Some(hint) = controls.recv().await {
        let span = tracing::info_span!("cancel.deliver");
        let (Control::Cancel { trace_parent, .. } | Control::Pause { trace_parent, .. }) = &hint;
        telemetry::adopt_parent(&span, trace_parent.as_deref());
        if !span.in_scope(|| deliver(&registry, &hint)) {
            // More than a look serves: the renewal tells the same within seconds.
            let _ = unsure.try_send((operation_of(&hint), span));
        }
    }
}

/// Delivers a cancel that names an attempt which runs here, and its mode. False: a look at the row decides.
fn deliver(registry: &Registry, hint: &Control) -> bool {
    let Control::Cancel { operation: id, attempt, nonce: Some(nonce), mode: Some(mode), .. } = *hint else {
        return false;
    };
    registry.deliver_cancel(Fence { id, attempt, nonce }, mode)
}

/// Looks at the rows of all hints that have come.
async fn look(
    mut hints: mpsc::Receiver<(OperationId, Span)>,
    store: Store,
    identity: watch::Receiver<WorkerId>,
    registry: Arc<Registry>,
) {
    let mut came = Vec::with_capacity(BATCH);
    while hints.recv_many(&mut came, BATCH).await > 0 {
        let worker = *identity.borrow();
        let (operations, spans): (Vec<_>, Vec<_>) = came.drain(..).unzip();
        let look = async { failpoint::around!("worker.requests", store.requests(worker, &operations).await) };
        match look.instrument(spans.into_iter().next().unwrap_or_else(Span::none)).await {
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
