//! Our own API, `/api/v1`: everything known about an operation, and what the vendors' words can't say.

mod answer_schemas;
mod audit;
mod bulk;
mod counts;
mod feed;
mod options;
mod request_schemas;
mod routes;
mod translate;
mod watch;
mod why;
mod wire;

pub use audit::list as audit_log;
pub use bulk::cancel as cancel_many;
pub use counts::counts;
pub use routes::{cancel, create, delete, get, list, pause, resume, retry};
pub use watch::{events, wait};
pub use why::why;

/// The part of the document that is ours.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(
    audit::list,
    bulk::cancel,
    counts::counts,
    routes::cancel,
    routes::create,
    routes::delete,
    routes::get,
    routes::list,
    routes::pause,
    routes::resume,
    routes::retry,
    watch::events,
    watch::wait,
    why::why
))]
pub struct Document;
