//! What the queue looks like, and all that the process counts. Labels are routes and kinds, never names or ids.

use crate::operations::Operations;
use prometheus::{GaugeVec, IntGaugeVec, register_gauge_vec, register_int_gauge_vec};
use std::sync::LazyLock;

const OURS: &str = "the metric's name is ours alone";

static PENDING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!("safepoint_queue_pending", "Operations that wait for a worker", &["kind"]).expect(OURS)
});

static RUNNING: LazyLock<IntGaugeVec> =
    LazyLock::new(|| register_int_gauge_vec!("safepoint_queue_running", "Operations that run", &["kind"]).expect(OURS));

static CANCELLING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!("safepoint_queue_cancelling", "Operations that run and are asked to cancel", &["kind"])
        .expect(OURS)
});

static OLDEST: LazyLock<GaugeVec> = LazyLock::new(|| {
    register_gauge_vec!("safepoint_queue_oldest_pending_seconds", "The age of the oldest that waits", &["kind"])
        .expect(OURS)
});

/// All metrics of the process as text. The queue is looked at now; where the database does not answer, its gauges
/// are left out rather than old.
pub async fn render(operations: &Operations) -> String {
    let depths = operations.queue_depths().await.unwrap_or_default();
    for gauge in [&PENDING, &RUNNING, &CANCELLING] {
        gauge.reset();
    }
    OLDEST.reset();
    for depth in depths {
        let kind = [depth.kind.as_str()];
        PENDING.with_label_values(&kind).set(i64::try_from(depth.pending).unwrap_or(i64::MAX));
        RUNNING.with_label_values(&kind).set(i64::try_from(depth.running).unwrap_or(i64::MAX));
        CANCELLING.with_label_values(&kind).set(i64::try_from(depth.cancelling).unwrap_or(i64::MAX));
        OLDEST.with_label_values(&kind).set(depth.oldest_pending_seconds);
    }
    runtime::metrics::render()
}
