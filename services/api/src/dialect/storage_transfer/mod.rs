//! The Storage Transfer Service API, v1 (google/storagetransfer/v1): jobs, their runs, and who is told of their ends.
//! Its paths do not tell the project: that stands in the query, the body, the filter, or with the operation itself.

mod filter;
mod job_routes;
mod names;
mod notification;
mod operation_routes;
mod request_schemas;
mod requests;
mod schedule;
mod transfer_spec;
mod translate;
mod wire;

pub use job_routes::{create_job, delete_job, get_job, get_service_account, list_jobs, patch_job, run_job};
pub use operation_routes::{
    cancel_operation, delete_operation, get_operation, list_operations, pause_operation, resume_operation,
    wait_operation,
};

/// The part of the document that is Storage Transfer's.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(
    job_routes::create_job,
    job_routes::delete_job,
    job_routes::get_job,
    job_routes::get_service_account,
    job_routes::list_jobs,
    job_routes::patch_job,
    job_routes::run_job,
    operation_routes::cancel_operation,
    operation_routes::delete_operation,
    operation_routes::get_operation,
    operation_routes::list_operations,
    operation_routes::pause_operation,
    operation_routes::resume_operation,
    operation_routes::wait_operation
))]
pub struct Document;
