//! The methods of jobs. The project stands in the query, the body or the filter, so each handler reads that first and goes on
//! in it.

use super::jobs::{self, named, naming};
use super::request_schemas::{
    JobsFilter, OfJob, OfProject, RunTransferJobBody, TransferJobBody, TransferPage, UpdateTransferJobBody,
};
use super::{SERVICE_ACCOUNTS, TRANSFER_JOBS};
use super::{filter, requests, translate, wire};
use crate::admission::auth::DELETE;
use crate::admission::call::{Call, Identified};
use crate::kinds::transfer::Judge;
use crate::listing::paging;
use crate::openapi::{BadRequest, Conflict, InProject, NotFound, Nothing, TooSlow, Unavailable, Unimplemented, Usual};
use crate::operations::{ResourceCreation, ResourceError};
use crate::wire::bounds::LONGEST_JSON_FILTER;
use crate::wire::error::{ApiError, HandlerResult, Violations};
use crate::wire::fields::Fields;
use crate::wire::page_token::List;
use crate::wire::query::Query;
use actix_web::HttpResponse;
use kinds::storage_transfer::{COLLECTION, INFO, JOBS, JobName, JobStatus, run_name};
use operation::{Code, Resource};

const JOB_TYPE: &str = "storagetransfer.googleapis.com/TransferJob";
/// More than this is never on a page.
pub(super) const LARGEST_PAGE: u32 = 256;

/// `POST /v1/transferJobs`
#[utoipa::path(
    post,
    context_path = TRANSFER_JOBS,
    path = "",
    operation_id = "storagetransfer.transferJobs.create",
    tag = "storagetransfer",
    summary = "Creates a transfer job",
    request_body(content = TransferJobBody),
    responses((status = 200, body = wire::TransferJob, description = "The job"), Usual, BadRequest, TooSlow, Conflict, Unimplemented, Unavailable),
)]
pub async fn create_job(call: Identified) -> HandlerResult {
    let (call, fields) = by_body(call).await?;
    let mut violations = Violations::default();
    let created = requests::create(fields, &mut judge(&call, &mut violations));
    violations.into_result()?;
    let requests::Created { name, status, job } = created.ok_or_else(ApiError::internal)?;
    call.api().operations.may_create(&call.project, &INFO)?;
    call.creates()?;
    let creation = ResourceCreation {
        collection: &COLLECTION,
        project: call.project.clone(),
        naming: naming(name.as_ref(), &job.transfer),
        state: status.as_str().to_owned(),
        content: serde_json::to_value(job).map_err(|_| ApiError::internal())?,
        by: call.actor(),
    };
    let made = call.api().operations.create_resource(creation).await;
    shown(&made.map_err(|error| of_job(error, name.as_ref().map_or(JOBS, JobName::as_str)))?)
}

/// `GET /v1/{jobName=transferJobs/**}`: deleted ones too.
#[utoipa::path(
    get,
    context_path = TRANSFER_JOBS,
    path = "/{job}",
    operation_id = "storagetransfer.transferJobs.get",
    tag = "storagetransfer",
    summary = "Shows a transfer job",
    params(OfJob, OfProject),
    responses((status = 200, body = wire::TransferJob, description = "The job"), Usual, BadRequest, NotFound, Unavailable),
)]
pub async fn get_job(call: Identified) -> HandlerResult {
    let call = by_query(call).await?;
    let name = job_name(&call)?;
    let found = call.api().operations.resource(&named(&call, &name)).await;
    shown(&found.map_err(|error| of_job(error, name.as_str()))?)
}

/// `PATCH /v1/{jobName=transferJobs/**}`: what runs of it is not concerned.
#[utoipa::path(
    patch,
    context_path = TRANSFER_JOBS,
    path = "/{job}",
    operation_id = "storagetransfer.transferJobs.patch",
    tag = "storagetransfer",
    summary = "Changes a transfer job",
    params(OfJob),
    request_body(content = UpdateTransferJobBody),
    responses((status = 200, body = wire::TransferJob, description = "The job"), Usual, BadRequest, NotFound, TooSlow, Conflict, Unimplemented, Unavailable),
)]
pub async fn patch_job(call: Identified) -> HandlerResult {
    let (call, fields) = by_body(call).await?;
    let name = job_name(&call)?;
    let mut violations = Violations::default();
    let patch = requests::patch(fields, &name, &mut judge(&call, &mut violations));
    violations.into_result()?;
    if patch.status == Some(JobStatus::Deleted) {
        // By whatever method it is deleted.
        call.may(DELETE)?;
    }
    let (operations, job) = (&call.api().operations, named(&call, &name));
    let patched = if patch.only_deletes() {
        operations.delete_resource(job, call.actor()).await
    } else {
        operations.update_resource(job, move |seen| patch.apply(seen), call.actor()).await
    };
    shown(&patched.map_err(|error| of_job(error, name.as_str()))?)
}

/// `DELETE /v1/{jobName=transferJobs/**}`: it can be seen for a while, and never runs again. Also if it is deleted already.
#[utoipa::path(
    delete,
    context_path = TRANSFER_JOBS,
    path = "/{job}",
    operation_id = "storagetransfer.transferJobs.delete",
    tag = "storagetransfer",
    summary = "Deletes a transfer job",
    params(OfJob, OfProject),
    responses((status = 200, body = Nothing, description = "It is deleted"), Usual, BadRequest, NotFound, Conflict, Unavailable),
)]
pub async fn delete_job(call: Identified) -> HandlerResult {
    let call = by_query(call).await?;
    let name = job_name(&call)?;
    let deleted = call.api().operations.delete_resource(named(&call, &name), call.actor()).await;
    deleted.map_err(|error| of_job(error, name.as_str()))?;
    Ok(HttpResponse::Ok().json(serde_json::json!({})))
}

/// `POST /v1/{jobName=transferJobs/**}:run`: now, whatever its schedule says. One run at a time.
#[utoipa::path(
    post,
    context_path = TRANSFER_JOBS,
    path = "/{job}:run",
    operation_id = "storagetransfer.transferJobs.run",
    tag = "storagetransfer",
    summary = "Runs a transfer job",
    params(OfJob),
    request_body(content = RunTransferJobBody),
    responses((status = 200, body = wire::Operation, description = "The operation"), Usual, BadRequest, NotFound, TooSlow, Conflict, Unavailable),
)]
pub async fn run_job(call: Identified) -> HandlerResult {
    let (call, mut fields) = by_body(call).await?;
    let name = job_name(&call)?;
    let mut violations = Violations::default();
    if fields.text("jobName", &mut violations).is_some_and(|given| given != name.as_str()) {
        violations.add("jobName", "differs from the name in the path");
    }
    fields.finish(&mut violations);
    violations.into_result()?;
    call.api().operations.may_create(&call.project, &INFO)?;
    call.enqueues().await?;
    let ran = call.api().operations.run_resource(named(&call, &name), call.actor()).await;
    Ok(HttpResponse::Ok().json(translate::operation(ran.map_err(|error| of_job(error, name.as_str()))?)))
}

/// `GET /v1/transferJobs?filter=`: by name.
#[utoipa::path(
    get,
    context_path = TRANSFER_JOBS,
    path = "",
    operation_id = "storagetransfer.transferJobs.list",
    tag = "storagetransfer",
    summary = "Lists transfer jobs",
    params(JobsFilter, TransferPage),
    responses((status = 200, body = wire::ListTransferJobsResponse, description = "A page"), Usual, BadRequest, Unavailable),
)]
pub async fn list_jobs(call: Identified) -> HandlerResult {
    let (call, query, fields) = by_filter(call).await?;
    let mut violations = Violations::default();
    let filter = filter::of_jobs(fields, &mut violations);
    violations.into_result()?;
    let size = query.page_size()?.min(LARGEST_PAGE);
    let list = List {
        project: call.project.as_str(),
        parent: JOBS,
        filter: query.long_text("filter", LONGEST_JSON_FILTER)?.unwrap_or_default(),
    };
    let after: Option<String> = paging::position(&call, &query, list)?;
    let Some(listed) = filter.listed.clone() else {
        return Ok(HttpResponse::Ok()
            .json(wire::ListTransferJobsResponse { transfer_jobs: Vec::new(), next_page_token: None }));
    };
    let operations = &call.api().operations;
    let fetch = async |after, most: u32| {
        let (project, filter) = (call.project.clone(), listed.clone());
        let mut found = operations.resources(&COLLECTION, project, filter, after, most + 1).await?;
        // One row more than asked for tells whether there is another page.
        let more = found.len() > most as usize;
        found.truncate(most as usize);
        Ok((found.iter().map(jobs::read).collect::<Result<Vec<_>, _>>()?, more))
    };
    let keeps = |job: &_| filter.keeps(job);
    let keeps: Option<&dyn Fn(&_) -> bool> = if filter.keeps_all() { None } else { Some(&keeps) };
    let page = paging::kept(size, after, keeps, |job| job.name.to_string(), fetch).await?;
    let next_page_token = paging::next_page_token(&call, list, page.next.as_ref())?;
    Ok(HttpResponse::Ok().json(wire::ListTransferJobsResponse {
        transfer_jobs: page.items.into_iter().map(translate::job).collect(),
        next_page_token,
    }))
}

/// `GET /v1/googleServiceAccounts/{projectId}`. No account of Google's is used: buckets have keys of their own in the
/// configuration. Tools that ask for it get a name that is always the same for the project, and nobody's.
#[utoipa::path(
    get,
    context_path = SERVICE_ACCOUNTS,
    path = "/{project}",
    operation_id = "storagetransfer.googleServiceAccounts.get",
    tag = "storagetransfer",
    summary = "Shows whom transfers work as",
    params(InProject),
    responses((status = 200, body = wire::GoogleServiceAccount, description = "An account that stands for the project"), Usual),
)]
pub async fn get_service_account(call: Call) -> HandlerResult {
    Ok(HttpResponse::Ok().json(translate::service_account(&call.project)))
}

/// Goes on in the project that the body names.
async fn by_body(mut call: Identified) -> Result<(Call, Fields), ApiError> {
    let mut fields = call.body().await?;
    let project = project(&mut fields)?;
    Ok((call.enter(&project)?, fields))
}

/// Goes on in the project that the query names.
async fn by_query(mut call: Identified) -> Result<Call, ApiError> {
    let query = call.query().await?;
    let project = query.text("projectId")?.ok_or_else(|| ApiError::invalid_field("projectId", "is required"))?;
    call.enter(project)
}

/// Goes on in the project that the filter names; with what else the filter says.
pub(super) async fn by_filter(mut call: Identified) -> Result<(Call, Query, Fields), ApiError> {
    let query = call.query().await?;
    let text = query.long_text("filter", LONGEST_JSON_FILTER)?.ok_or_else(|| {
        ApiError::invalid_field("filter", "is required: a JSON object with projectId, e.g. {\"projectId\":\"p\"}")
    })?;
    let mut fields = Fields::of_parameter("filter", text)?;
    let project = project(&mut fields)?;
    Ok((call.enter(&project)?, query, fields))
}

fn project(fields: &mut Fields) -> Result<String, ApiError> {
    let mut violations = Violations::default();
    let project = fields.text("projectId", &mut violations);
    if project.is_none() {
        violations.add(fields.path("projectId"), "is required");
    }
    violations.into_result()?;
    project.ok_or_else(ApiError::internal)
}

fn shown(resource: &Resource) -> HandlerResult {
    Ok(HttpResponse::Ok().json(translate::job(jobs::read(resource)?)))
}

fn judge<'a>(call: &'a Call, violations: &'a mut Violations) -> Judge<'a> {
    let api = call.api();
    Judge { catalog: &api.catalog, destinations: &api.destinations, project: &call.project, violations }
}

/// The job of the path. What can't be a name is nobody's.
fn job_name(call: &Call) -> Result<JobName, ApiError> {
    let name = format!("{JOBS}/{}", call.segment("job"));
    name.parse().map_err(|_| of_job(ResourceError::NotFound, &name))
}

fn of_job(error: ResourceError, name: &str) -> ApiError {
    let told = |code, reason, message: String| ApiError::new(code, reason, message).with("transferJob", name);
    match error {
        ResourceError::NotFound => ApiError::not_found("TRANSFER_JOB_NOT_FOUND", JOB_TYPE, name),
        ResourceError::NameTaken => told(
            Code::AlreadyExists,
            "TRANSFER_JOB_EXISTS",
            format!("the project has a transfer job {name} already; the name of a deleted one is free after a while"),
        ),
        ResourceError::Deleted => {
            told(Code::FailedPrecondition, "TRANSFER_JOB_DELETED", format!("the transfer job {name} is deleted"))
        }
        ResourceError::Active(id) => {
            let active = run_name(name, id);
            let message = format!("the transfer job {name} has one run at a time, and {active} has not ended");
            told(Code::Aborted, "TRANSFER_JOB_ACTIVE", message).with("operation", active)
        }
        ResourceError::Contended => {
            let message = format!("the transfer job {name} is being changed by others: try again");
            told(Code::Aborted, "TRANSFER_JOB_CONTENDED", message)
        }
        ResourceError::Other(error) => error.into(),
    }
}
