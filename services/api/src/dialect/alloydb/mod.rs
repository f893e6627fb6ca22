//! The `AlloyDB` Admin API, v1, as far as exports and their operations go (google/cloud/alloydb/v1). Google's clients
//! read it strictly: not one field more than theirs stands in an answer.

mod request_schemas;
mod routes;
mod translate;
mod wire;

pub use routes::{
    cancel_operation, delete_operation, describe_operation, export_cluster, get_cluster, get_location, get_operation,
    import_cluster, list_clusters, list_locations, list_operations, wait_operation,
};

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
