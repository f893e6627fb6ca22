//! The Storage Transfer Service API, v1 (google/storagetransfer/v1): jobs, their runs, and who is told of their ends.
//! Its paths do not tell the project: that stands in the query, the body, the filter, or with the operation itself.

mod filter;
mod job_routes;
mod jobs;
mod notification;
mod operation_routes;
mod request_schemas;
mod requests;
mod schedule;
mod transfer_spec;
mod translate;
mod wire;

use crate::admission::auth::{CANCEL, DELETE, READ, WRITE};
use crate::admission::endpoint::{Endpoint, at, tail, under};
use job_routes::{create_job, delete_job, get_job, get_service_account, list_jobs, patch_job, run_job};
use operation_routes::{
    cancel_operation, delete_operation, get_operation, list_operations, pause_operation, resume_operation,
    wait_operation,
};

/// The jobs.
pub const TRANSFER_JOBS: &str = "/v1/transferJobs";
/// Their runs.
pub const TRANSFER_OPERATIONS: &str = "/v1/transferOperations";
/// Whom Storage Transfer works as.
const SERVICE_ACCOUNTS: &str = "/v1/googleServiceAccounts";

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

/// Its routes, and the scope that each asks for. A pattern with a verb stands before the one without, which would match it too.
/// Each is described at its handler as well: a test compares both.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at(TRANSFER_JOBS).get(READ, list_jobs).post(WRITE, create_job),
        tail(TRANSFER_JOBS, "{job}", ":run").post(WRITE, run_job),
        tail(TRANSFER_JOBS, "{job}", "").get(READ, get_job).patch(WRITE, patch_job).delete(DELETE, delete_job),
        at(TRANSFER_OPERATIONS).get(READ, list_operations),
        tail(TRANSFER_OPERATIONS, "{operation}", ":cancel").post(CANCEL, cancel_operation),
        tail(TRANSFER_OPERATIONS, "{operation}", ":pause").post(WRITE, pause_operation),
        tail(TRANSFER_OPERATIONS, "{operation}", ":resume").post(WRITE, resume_operation),
        tail(TRANSFER_OPERATIONS, "{operation}", ":wait").post(READ, wait_operation),
        tail(TRANSFER_OPERATIONS, "{operation}", "").get(READ, get_operation).delete(DELETE, delete_operation),
        under(SERVICE_ACCOUNTS, "/{project}").get(READ, get_service_account),
    ]
}
