//! The `AlloyDB` Admin API, v1, as far as exports and their operations go (google/cloud/alloydb/v1). Google's clients
//! read it strictly: not one field more than theirs stands in an answer.

mod routes;
mod translate;
mod wire;

pub use routes::{
    cancel_operation, delete_operation, export_cluster, get_cluster, get_location, get_operation, import_cluster,
    list_clusters, list_locations, list_operations, wait_operation,
};
