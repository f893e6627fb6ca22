//! The process's metrics, in Prometheus' text format.

use prometheus::{Encoder, TextEncoder};

/// Everything registered, as text (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
pub fn render() -> String {
    let mut text = Vec::new();
    let encoded = TextEncoder::new().encode(&prometheus::gather(), &mut text);
    if let Err(error) = encoded {
        tracing::warn!(%error, "the metrics could not be written");
    }
    String::from_utf8(text).unwrap_or_default()
}
