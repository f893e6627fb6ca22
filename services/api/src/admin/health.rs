//! What operators and their machines ask. No versions, hosts or names stand in the answers.

use crate::admin::metrics;
use crate::openapi::{Health, Open};
use crate::operations::Operations;
use crate::state::Api;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ContentType};
use actix_web::{HttpResponse, web};
use runtime::admin::{Readiness, liveness};

/// `GET /healthz`: no thread hangs. Where all of them do, the operators' listener tells.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "operators",
    summary = "Tells whether the process is alive",
    security(()),
    responses((status = 200, body = Health, description = "It is"),
        (status = 503, body = Health, description = "A thread hangs: only a restart helps"), Open)
)]
pub async fn alive(api: web::Data<Api>) -> HttpResponse {
    respond(liveness([&api.serving_threads]))
}

/// `GET /readyz`: whether calls can be served. Without the broker they can, and cancels take the slower road.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "operators",
    summary = "Tells whether calls can be served",
    security(()),
    responses((status = 200, body = Health, description = "They can"),
        (status = 503, body = Health, description = "They cannot"), Open)
)]
pub async fn ready(api: web::Data<Api>) -> HttpResponse {
    let readiness = match api.serving_threads.not_ready() {
        Some(threads) => Readiness::Unresponsive(threads),
        None => readiness(&api.operations).await,
    };
    respond(readiness.answer())
}

fn respond((status, body): (u16, String)) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).insert_header(ContentType::json()).body(body)
}

/// `GET /metrics`: the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operators",
    summary = "Shows the metrics, for Prometheus",
    security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "The metrics"), Open)
)]
pub async fn metrics(api: web::Data<Api>) -> HttpResponse {
    let text = metrics::render(&api.operations).await;
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; version=0.0.4")).body(text)
}

/// Asks the database and the broker.
pub async fn readiness(operations: &Operations) -> Readiness {
    Readiness::of(operations.database_is_up().await, operations.broker_is_up())
}
