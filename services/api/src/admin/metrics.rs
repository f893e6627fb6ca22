//! What the api counts. Labels are routes and kinds, never names or ids.

use crate::operations::Operations;
use actix_web::http::Method;
use prometheus::{
    GaugeVec, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, exponential_buckets, register_gauge_vec,
    register_histogram_vec, register_int_counter_vec, register_int_gauge, register_int_gauge_vec,
};
use std::sync::LazyLock;
use std::time::Duration;

const OURS: &str = "the metric's name is ours alone";

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("safepoint_http_requests_total", "Requests answered", &["method", "route", "status"])
        .expect(OURS)
});

static SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    // 0.5 ms to 16 s.
    let buckets = exponential_buckets(0.0005, 2.0, 16).expect("the buckets are constants");
    register_histogram_vec!("safepoint_http_request_seconds", "How long answers took", &["method", "route"], buckets)
        .expect(OURS)
});

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

static WATCHERS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!("safepoint_watchers", "Clients that wait for operations: long polls and streams").expect(OURS)
});

/// How many clients wait now.
pub fn watchers(count: usize) {
    WATCHERS.set(i64::try_from(count).unwrap_or(i64::MAX));
}

/// Counts an answer. Methods beyond the usual are one label: they are the caller's words.
pub fn observe(method: &Method, route: &str, status: u16, took: Duration) {
    let method = match *method {
        Method::GET | Method::POST | Method::DELETE | Method::PUT | Method::PATCH | Method::HEAD => method.as_str(),
        _ => "(other)",
    };
    REQUESTS.with_label_values(&[method, route, &status.to_string()]).inc();
    SECONDS.with_label_values(&[method, route]).observe(took.as_secs_f64());
}

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
