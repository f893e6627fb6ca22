//! What a worker counts.

use operation::Kind;
use prometheus::{
    GaugeVec, Histogram, HistogramVec, IntCounterVec, IntGaugeVec, register_gauge_vec, register_histogram,
    register_histogram_vec, register_int_counter_vec, register_int_gauge_vec,
};
use std::sync::LazyLock;
use std::time::Duration;

const OURS: &str = "the metric's name is ours alone";

fn latency_buckets() -> Vec<f64> {
    vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0]
}

static GAP: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "safepoint_safe_point_gap_seconds",
        "Time between two safe points of an attempt",
        &["kind"],
        latency_buckets()
    )
    .expect(OURS)
});

static OVERDUE: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!(
        "safepoint_safe_point_overdue",
        "Attempts that have gone longer without a safe point than their executor declares",
        &["kind"]
    )
    .expect(OURS)
});

static STOP_BOUND: LazyLock<GaugeVec> = LazyLock::new(|| {
    register_gauge_vec!(
        "safepoint_stop_bound_seconds",
        "How long an attempt may take to stop before it is aborted",
        &["kind"]
    )
    .expect(OURS)
});

static ESCALATED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "safepoint_escalations_total",
        "Attempts that did not stop within the bound: task_aborted, and worker_given_up where that did not end them",
        &["kind", "step"]
    )
    .expect(OURS)
});

static RUNNING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!("safepoint_worker_running", "Attempts that this worker runs", &["kind"]).expect(OURS)
});

static ATTEMPTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("safepoint_attempts_total", "Attempts by how they ended", &["kind", "ending"])
        .expect(OURS)
});

static DELIVERED: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "safepoint_cancel_delivered_seconds",
        "From the cancel's request to the worker's hearing of it, by road",
        &["road"],
        latency_buckets()
    )
    .expect(OURS)
});

static CANCELLED: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "safepoint_cancel_seconds",
        "From the cancel's request to the operation's end",
        &["kind"],
        latency_buckets()
    )
    .expect(OURS)
});

static ENDS_GIVEN_UP: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "safepoint_ends_given_up_total",
        "Ends that the database refused for good, by what was tried instead: bare, reduced, or nothing (lost)",
        &["kind", "form"]
    )
    .expect(OURS)
});

static CHECKPOINTS_GIVEN_UP: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "safepoint_checkpoints_given_up_total",
        "Checkpoints that the database refused for good",
        &["kind"]
    )
    .expect(OURS)
});

static WAITED: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "safepoint_start_wait_seconds",
        "From the operation's creation to its first attempt",
        latency_buckets()
    )
    .expect(OURS)
});

/// A safe point was reached, so long after the one before.
pub fn safe_point_gap(kind: &Kind, gap: Duration) {
    GAP.with_label_values(&[kind.as_str()]).observe(gap.as_secs_f64());
}

/// So many attempts are past their executor's bound now.
pub fn overdue(kind: &Kind, attempts: usize) {
    OVERDUE.with_label_values(&[kind.as_str()]).set(i64::try_from(attempts).unwrap_or(i64::MAX));
}

/// How long an attempt of a kind may take to stop.
pub fn stop_bound(kind: &Kind, bound: Duration) {
    STOP_BOUND.with_label_values(&[kind.as_str()]).set(bound.as_secs_f64());
}

/// An attempt did not stop in time.
pub fn escalated(kind: &Kind, step: &str) {
    ESCALATED.with_label_values(&[kind.as_str(), step]).inc();
}

/// An attempt began.
pub fn began(kind: &Kind, first_after: Option<Duration>) {
    RUNNING.with_label_values(&[kind.as_str()]).inc();
    if let Some(waited) = first_after {
        WAITED.observe(waited.as_secs_f64());
    }
}

/// An attempt ended.
pub fn ended(kind: &Kind, ending: &str) {
    RUNNING.with_label_values(&[kind.as_str()]).dec();
    ATTEMPTS.with_label_values(&[kind.as_str(), ending]).inc();
}

/// A cancel was confirmed.
pub fn cancelled(kind: &Kind, latency: Duration, delivery: Option<(Duration, &str)>) {
    CANCELLED.with_label_values(&[kind.as_str()]).observe(latency.as_secs_f64());
    if let Some((latency, road)) = delivery {
        DELIVERED.with_label_values(&[road]).observe(latency.as_secs_f64());
    }
}

/// The database refused an end for good; what was written instead.
pub fn end_given_up(kind: &Kind, form: &str) {
    ENDS_GIVEN_UP.with_label_values(&[kind.as_str(), form]).inc();
}

/// The database refused a checkpoint for good.
pub fn checkpoint_given_up(kind: &Kind) {
    CHECKPOINTS_GIVEN_UP.with_label_values(&[kind.as_str()]).inc();
}
