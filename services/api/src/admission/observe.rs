//! The outermost layer: each request gets an id, a span and its place in the metrics; each error its final form.
//! Neither query strings nor bodies nor tokens are looked at here.

use crate::admission::call::is_get_in_disguise;
use crate::server::connection::Exchange;
use crate::server::unread;
use crate::wire::error::{ApiError, REQUEST_ID};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use operation::Code;
use prometheus::{HistogramVec, IntCounterVec, exponential_buckets, register_histogram_vec, register_int_counter_vec};
use runtime::telemetry;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tracing::{Instrument, Span, field};
use uuid::Uuid;

/// The label of what matched no route: paths are the caller's, and must not become labels.
const NO_ROUTE: &str = "(none)";

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

/// What names a request in its answer, the log and the audit log.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Wraps every request.
///
/// # Errors
/// Only what could not be answered at all.
pub async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request_id(request.headers());
    if is_get_in_disguise(request.method(), request.headers()) {
        request.head_mut().method = Method::GET;
    }
    let method = request.method().clone();
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        otel.name = field::Empty,
        http.request.method = %method,
        http.route = field::Empty,
        http.response.status_code = field::Empty,
        request.id = %id,
    );
    telemetry::adopt_parent(&span, header(request.headers(), "traceparent"));
    request.extensions_mut().insert(RequestId(id.clone()));
    let under_way = request.request().conn_data::<Exchange>().map(Exchange::begin);
    let held = unread::hold(&mut request);
    let started = Instant::now();
    let result = next.call(request).instrument(span.clone()).await;
    let response = match result {
        Ok(response) => unread::keep(held, under_way, finished(response, &id)),
        // Answered by actix itself, outside of us: all there is to do is to give it its form.
        Err(error) => return Err(in_our_form(&error, StatusCode::INTERNAL_SERVER_ERROR).with_request_id(&id).into()),
    };
    let route = response.request().match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned());
    record(&span, &method, &route, response.status());
    count(&method, &route, response.status().as_u16(), started.elapsed());
    Ok(response)
}

/// Counts an answer. Methods beyond the usual are one label: they are the caller's words.
fn count(method: &Method, route: &str, status: u16, took: Duration) {
    let method = match *method {
        Method::GET | Method::POST | Method::DELETE | Method::PUT | Method::PATCH | Method::HEAD => method.as_str(),
        _ => "(other)",
    };
    REQUESTS.with_label_values(&[method, route, &status.to_string()]).inc();
    SECONDS.with_label_values(&[method, route]).observe(took.as_secs_f64());
}

fn record(span: &Span, method: &Method, route: &str, status: StatusCode) {
    // All at once: each record formats the span's fields anew.
    tracing::record_all!(
        span,
        http.response.status_code = status.as_u16(),
        http.route = route,
        otel.name = format!("{method} {route}")
    );
    let _entered = span.enter();
    tracing::debug!("answered");
}

/// Names the request in its answer, and brings errors that are not ours into our form.
fn finished(response: ServiceResponse<impl MessageBody + 'static>, id: &str) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if let Some(error) = response.response().error() {
        let error = in_our_form(error, status).with_request_id(id);
        return response.error_response(error);
    }
    let mut response = response.map_into_boxed_body();
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
    response
}

fn in_our_form(error: &Error, status: StatusCode) -> ApiError {
    if let Some(error) = error.as_error::<ApiError>() {
        return error.clone();
    }
    // Errors of actix-web's own; their text is not for callers.
    if status.is_client_error() {
        ApiError::new(Code::InvalidArgument, "BAD_REQUEST", "the request cannot be understood").with_http_status(status)
    } else {
        ApiError::internal()
    }
}

/// The caller's id of the request, if it is one that can stand in a log; else a fresh one.
fn request_id(headers: &HeaderMap) -> String {
    let given = header(headers, REQUEST_ID.as_str())
        .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
    given.map_or_else(|| Uuid::new_v4().to_string(), ToOwned::to_owned)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
