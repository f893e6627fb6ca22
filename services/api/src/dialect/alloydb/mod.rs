//! The `AlloyDB` Admin API, v1, as far as exports and their operations go (google/cloud/alloydb/v1). Google's clients
//! read it strictly: not one field more than theirs stands in an answer.

mod request_schemas;
mod routes;
mod translate;
mod wire;

use crate::admission::auth::{CANCEL, DELETE, READ, WRITE};
use crate::admission::endpoint::{Endpoint, at, under};
use routes::{
    cancel_operation, delete_operation, describe_operation, export_cluster, get_cluster, get_location, get_operation,
    import_cluster, list_clusters, list_locations, list_operations, wait_operation,
};

/// Above all locations.
const LOCATIONS: &str = "/v1/projects/{project}/locations";
/// Above all that is in a location.
const LOCATION: &str = "/v1/projects/{project}/locations/{location}";

/// The part of the document that is `AlloyDB`'s.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(
    routes::cancel_operation,
    routes::delete_operation,
    routes::describe_operation,
    routes::export_cluster,
    routes::get_cluster,
    routes::get_location,
    routes::get_operation,
    routes::import_cluster,
    routes::list_clusters,
    routes::list_locations,
    routes::list_operations,
    routes::wait_operation
))]
pub struct Document;

/// Its routes, and the scope that each asks for. A pattern with a verb stands before the one without, which would match it too.
/// Each is described at its handler as well: a test compares both.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at(LOCATIONS).get(READ, list_locations),
        at(LOCATION).get(READ, get_location),
        under(LOCATION, "/clusters").get(READ, list_clusters),
        under(LOCATION, "/clusters/{cluster}:export").post(WRITE, export_cluster),
        under(LOCATION, "/clusters/{cluster}:import").post(WRITE, import_cluster),
        under(LOCATION, "/clusters/{cluster}").get(READ, get_cluster),
        under(LOCATION, "/operations").get(READ, list_operations),
        under(LOCATION, "/operations/{operation}:describe").get(READ, describe_operation),
        under(LOCATION, "/operations/{operation}:cancel").post(CANCEL, cancel_operation),
        under(LOCATION, "/operations/{operation}:wait").post(READ, wait_operation),
        under(LOCATION, "/operations/{operation}").get(READ, get_operation).delete(DELETE, delete_operation),
    ]
}
