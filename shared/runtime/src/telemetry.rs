//! Logs as JSON lines on stderr, and traces over OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` is set.

use opentelemetry::global;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::collections::HashMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

const TRACE_PARENT: &str = "traceparent";

/// Why telemetry can't start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter is not one.
    #[error("the log filter is not valid (an example: info,safepoint_store=debug)")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// The OTLP exporter can't be built from the environment.
    #[error("the OTLP exporter cannot be built: see the OTEL_EXPORTER_OTLP_ variables")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// It was started before.
    #[error("telemetry runs already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Sends what is left when dropped: keep it until the end of `main`.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.provider.take() {
            // The collector may be gone: nothing is lost but spans.
            let _ = provider.shutdown();
        }
    }
}

/// Starts logs and traces of a process.
///
/// # Errors
/// [`TelemetryError`].
pub fn init(service: &'static str, filter: &str) -> Result<Telemetry, TelemetryError> {
    // sqlx logs statements, lapin frames: neither belongs into a log that people may see. A hint for a worker that is gone
    // comes back, and is counted by the publisher.
    let filter = format!("sqlx=warn,lapin=warn,lapin::returned_messages=error,hyper=warn,reqwest=warn,{filter}");
    let filter = EnvFilter::try_new(filter).map_err(TelemetryError::Filter)?;
    let logs =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(std::io::stderr);
    let provider = traced().then(|| provider(service)).transpose()?;
    let traces = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("safepoint")).boxed());
    tracing_subscriber::registry().with(filter).with(logs).with(traces).try_init().map_err(TelemetryError::Twice)?;
    if let Some(provider) = &provider {
        global::set_tracer_provider(provider.clone());
    }
    Ok(Telemetry { provider })
}

fn traced() -> bool {
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn provider(service: &'static str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build().map_err(TelemetryError::Exporter)?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// The W3C traceparent of the current span, where traces are on.
pub fn current_trace_parent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove(TRACE_PARENT)
}

/// Makes a span the child of a W3C traceparent that came with a request or a message.
pub fn adopt_parent(span: &Span, trace_parent: Option<&str>) {
    if let Some(context) = trace_parent.and_then(context_of) {
        // Fails only where traces are off: then there is nothing to adopt.
        let _ = span.set_parent(context);
    }
}

/// Links a span to the trace that caused it: an attempt is no part of the create request, but follows from it.
pub fn link(span: &Span, trace_parent: Option<&str>) {
    if let Some(context) = trace_parent.and_then(context_of) {
        span.add_link(context.span().span_context().clone());
    }
}

fn context_of(trace_parent: &str) -> Option<opentelemetry::Context> {
    let carrier = HashMap::from([(TRACE_PARENT.to_owned(), trace_parent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    context.span().span_context().is_valid().then_some(context)
}
