//! Our own API, `/api/v1`: everything known about an operation, and what the vendors' words can't say.

mod answer_schemas;
mod audit;
mod bulk;
mod counts;
mod feed;
mod kinds;
mod options;
mod parameters;
mod requests;
mod routes;
mod specs;
mod translate;
mod watch;
mod why;
mod wire;

use crate::admission::auth::{ADMIN, CANCEL, DELETE, READ, WRITE};
use crate::admission::endpoint::{Endpoint, at, under};

/// Above all of a project's.
const PROJECT: &str = "/api/v1/projects/{project}";
/// The operations.
pub const OPERATIONS: &str = "/api/v1/projects/{project}/operations";

/// The part of the document that is ours.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(
    audit::list,
    bulk::cancel,
    counts::counts,
    kinds::list,
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

/// Its routes, and the scope that each asks for. A pattern with a verb stands before the one without, which would match it too.
/// Each is described at its handler as well: a test compares both.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        under(OPERATIONS, ":cancel").post(CANCEL, bulk::cancel),
        under(OPERATIONS, ":counts").get(READ, counts::counts),
        at(OPERATIONS).get(READ, routes::list).post(WRITE, routes::create),
        under(OPERATIONS, "/{operation}:cancel").post(CANCEL, routes::cancel),
        under(OPERATIONS, "/{operation}:pause").post(WRITE, routes::pause),
        under(OPERATIONS, "/{operation}:resume").post(WRITE, routes::resume),
        under(OPERATIONS, "/{operation}:retry").post(WRITE, routes::retry),
        under(OPERATIONS, "/{operation}/why").get(READ, why::why),
        under(OPERATIONS, "/{operation}:wait").post(READ, watch::wait),
        under(OPERATIONS, "/{operation}/events").get(READ, watch::events),
        under(OPERATIONS, "/{operation}").get(READ, routes::get).delete(DELETE, routes::delete),
        under(PROJECT, "/kinds").get(READ, kinds::list),
        under(PROJECT, "/auditLog").get(ADMIN, audit::list),
    ]
}
