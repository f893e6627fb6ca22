//! Takes operations back from workers whose lease has ended.

use operation::{Kind, State};
use prometheus::{IntCounterVec, register_int_counter_vec};
use runtime::broker::{Hint, Publisher};
use runtime::{clock, failpoint};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;
use store::{Store, Swept};
use tokio_util::sync::CancellationToken;

/// With a lease of 10 s a lost worker's work goes on within about 11 s.
const EVERY: Duration = Duration::from_secs(1);
/// As many as one statement takes: short statements hold short locks.
const BATCH: u32 = 500;

static SWEPT: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "safepoint_swept_total",
        "Operations taken from lost workers, by what became of them",
        &["kind", "state"]
    )
    .expect("the metric's name is ours alone")
});

/// Sweeps about once a second until `shutdown`.
pub async fn sweep(store: Store, publisher: Publisher, shutdown: CancellationToken) {
    loop {
        match failpoint::around!("keeper.sweep", store.sweep(BATCH).await) {
            Ok(swept) => {
                report(&swept, &publisher);
                if swept.len() == BATCH as usize {
                    continue;
                }
            }
            Err(error) => tracing::warn!(%error, "could not sweep; trying again"),
        }
        if let Err(error) = failpoint::around!("keeper.bury", store.bury_workers().await) {
            tracing::debug!(%error, "lost workers are forgotten later");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY.mul_f64(0.75 + clock::jitter() / 2.0)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

fn report(swept: &[Swept], publisher: &Publisher) {
    if !swept.is_empty() {
        publisher.send(Hint::Changed { operations: swept.iter().map(|operation| operation.id).collect() });
    }
    for operation in swept {
        tracing::warn!(
            operation.id = %operation.id, attempt = %operation.attempt, kind = operation.kind, state = %operation.state,
            "its worker is lost"
        );
        SWEPT.with_label_values(&[operation.kind.as_str(), operation.state.as_str()]).inc();
    }
    let waiting: BTreeSet<Kind> = swept
        .iter()
        .filter(|operation| operation.state == State::Pending)
        .filter_map(|operation| operation.kind.parse().ok())
        .collect();
    for kind in waiting {
        publisher.send(Hint::Work { kind, trace_parent: None });
    }
}
