//! What operators and their machines ask.

pub mod health;
pub mod metrics;

use crate::admission::endpoint::{Endpoint, at};

/// The part of the document that is the operators'.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(health::alive, health::ready, health::metrics))]
pub struct Document;

/// Its routes; none asks for a token.
pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/healthz").open(health::alive), at("/readyz").open(health::ready), at("/metrics").open(health::metrics)]
}
