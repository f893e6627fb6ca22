//! Tells of the ends of operations whose owners asked for that: one message each to the exchange `<namespace>.notifications`.
//! An end waits in our database until the broker has its message, so none is lost; one may be sent twice, with the same id.

mod event;

use event::notification;

use futures_util::future::join_all;
use kinds::{NOTICES, Notice, Notices};
use operation::OperationId;
use runtime::broker::Notifier;
use runtime::{clock, failpoint};
use std::time::Duration;
use store::{Operation, Store, StoreError};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
/// As many as one statement takes on.
const BATCH: u32 = 100;
/// Longer than the broker is waited for. What a keeper that died had taken on is taken on by another then.
const CLAIMED_FOR: Duration = Duration::from_secs(15);

/// Looks about once a second until `shutdown`, while the broker is there.
pub async fn tell(store: Store, mut notifier: Notifier, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = notifier.wait_up() => {}
            () = shutdown.cancelled() => return,
        }
        match round(&store, &notifier, &shutdown).await {
            Ok(true) if !shutdown.is_cancelled() => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "could not look for ends to tell of; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY.mul_f64(0.75 + clock::jitter() / 2.0)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Tells once of at most as many of each kind as one statement takes on. Whether there may be more.
///
/// # Errors
/// [`StoreError`].
pub async fn round(store: &Store, notifier: &Notifier, shutdown: &CancellationToken) -> Result<bool, StoreError> {
    let mut more = false;
    for notices in NOTICES {
        more |= round_of(notices, store, notifier, shutdown).await?;
    }
    Ok(more)
}

async fn round_of(
    notices: &Notices,
    store: &Store,
    notifier: &Notifier,
    shutdown: &CancellationToken,
) -> Result<bool, StoreError> {
    let untold = failpoint::around!("keeper.to_notify", store.to_notify(&notices.kind, CLAIMED_FOR, BATCH).await)?;
    let more = untold.len() == BATCH as usize;
    let sends = untold.iter().filter_map(readable).map(|operation| told(notices, notifier, operation));
    // Whoever waits for the broker's answer may go away: then nobody is told that it was sent.
    let told: Vec<OperationId> = tokio::select! {
        told = join_all(sends) => told.into_iter().flatten().collect(),
        () = shutdown.cancelled() => return Ok(false),
    };
    if !told.is_empty() {
        failpoint::around!("keeper.notified", store.notified(&told).await)?;
    }
    Ok(more)
}

fn readable(read: &Result<Operation, StoreError>) -> Option<&Operation> {
    // It names the row. A newer version may read it: it comes again.
    read.as_ref().inspect_err(|error| tracing::warn!(%error, "nobody can be told of an end")).ok()
}

/// Its id, where there is nothing left to tell.
async fn told(notices: &Notices, notifier: &Notifier, operation: &Operation) -> Option<OperationId> {
    let id = operation.id;
    match (notices.of)(operation.view()) {
        Notice::Message(message) => {
            let routing_key = message.routing_key.clone();
            notifier
                .send(notification(operation, message))
                .await
                .inspect_err(|error| tracing::warn!(%error, operation.id = %id, "telling of its end later"))
                .ok()?;
            tracing::info!(operation.id = %id, routing_key, "its end is told");
        }
        Notice::NotAskedFor => {}
        Notice::Unreadable(error) => {
            tracing::warn!(error, operation.id = %id, "nobody can be told of an end: this version cannot read what it is of");
            return None;
        }
        Notice::NoSuchTopic => {
            tracing::warn!(operation.id = %id, "its end is not told: its project has no such topic");
        }
    }
    Some(id)
}
