//! `AlloyDB`'s methods. Whether the caller may act in the project is settled when a handler starts.

use super::request_schemas::{CancelBody, ExportClusterBody, InLocation, OfCluster, OfOperation, PartialSuccess};
use super::translate::{self, FILTER};
use super::wire;
use super::{LOCATION, LOCATIONS};
use crate::admission::call::Call;
use crate::kinds::catalog::{ClusterName, is_id};
use crate::listing::paging::{self, Collections};
use crate::openapi::{BadRequest, Filter, InProject, NotFound, Page, TooSlow, Unavailable, Unimplemented, Usual};
use crate::operations::{Address, Creation, OperationsError, Order};
use crate::wire::error::{ApiError, HandlerResult, Violations};
use actix_web::HttpResponse;
use kinds::Parameters;
use kinds::postgres_export::INFO;
use operation::{CancelMode, RetryPolicy};
use std::collections::BTreeMap;

const OPERATION_TYPE: &str = "longrunning.googleapis.com/Operation";
const CLUSTER_TYPE: &str = "alloydb.googleapis.com/Cluster";
const LOCATION_TYPE: &str = "locations.googleapis.com/Location";
/// The location that stands for all of them in lists (AIP-159).
const ANY: &str = "-";

/// `POST /v1/{name=projects/*/locations/*/clusters/*}:export`
#[utoipa::path(
    post,
    context_path = LOCATION,
    path = "/clusters/{cluster}:export",
    operation_id = "alloydb.clusters.export",
    tag = "alloydb",
    summary = "Exports a cluster's database",
    params(InProject, InLocation, OfCluster),
    request_body(content = ExportClusterBody),
    responses((status = 200, body = wire::Operation, description = "The operation"), Usual, BadRequest, NotFound, TooSlow, Unavailable),
)]
pub async fn export_cluster(mut call: Call) -> HandlerResult {
    let cluster = cluster(&call)?;
    let mut violations = Violations::default();
    let request = wire::ExportClusterRequest::read(call.body().await?, &mut violations);
    let named = cluster.clone();
    let export = call.judge(move |api, _| translate::export(request, &named, &api.catalog, violations)).await?;
    call.api().operations.may_create(&call.project, &INFO)?;
    let creation = Creation {
        project: call.project.clone(),
        collection: translate::collection(&cluster.location),
        target: cluster.to_string(),
        spec: export.to_spec(),
        // The vendor's export has none of these.
        priority: 0,
        labels: BTreeMap::new(),
        deadline: None,
        retry: RetryPolicy::default(),
        request_id: None,
        by: call.actor(),
        secret: None,
    };
    call.enqueues().await?;
    let operation = call.api().operations.create(creation).await?;
    Ok(HttpResponse::Ok().json(translate::operation(operation)))
}

/// `POST /v1/{name=projects/*/locations/*/clusters/*}:import`
#[utoipa::path(
    post,
    context_path = LOCATION,
    path = "/clusters/{cluster}:import",
    operation_id = "alloydb.clusters.import",
    tag = "alloydb",
    summary = "Not implemented",
    params(InProject, InLocation, OfCluster),
    responses(Usual, Unimplemented),
)]
pub async fn import_cluster(_: Call) -> HandlerResult {
    Err(ApiError::unimplemented("clusters.import is not implemented: this service exports only"))
}

/// `GET /v1/{name=projects/*/locations/*/operations/*}`
#[utoipa::path(
    get,
    context_path = LOCATION,
    path = "/operations/{operation}",
    operation_id = "alloydb.operations.get",
    tag = "alloydb",
    summary = "Shows an operation",
    params(InProject, InLocation, OfOperation),
    responses((status = 200, body = wire::Operation, description = "The operation"), Usual, NotFound, Unavailable),
)]
pub async fn get_operation(call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    let operation = call.api().operations.get(address).await.map_err(|error| of_operation(error, &name))?;
    Ok(HttpResponse::Ok().json(translate::operation(operation)))
}

/// The same with `:describe`, as gcloud's users write it.
#[utoipa::path(
    get,
    context_path = LOCATION,
    path = "/operations/{operation}:describe",
    operation_id = "alloydb.operations.describe",
    tag = "alloydb",
    summary = "Shows an operation",
    params(InProject, InLocation, OfOperation),
    responses((status = 200, body = wire::Operation, description = "The operation"), Usual, NotFound, Unavailable),
)]
pub async fn describe_operation(call: Call) -> HandlerResult {
    get_operation(call).await
}

/// `GET /v1/{name=projects/*/locations/*}/operations`
#[utoipa::path(
    get,
    context_path = LOCATION,
    path = "/operations",
    operation_id = "alloydb.operations.list",
    tag = "alloydb",
    summary = "Lists a location's operations",
    params(InProject, InLocation, Page, Filter, PartialSuccess),
    responses((status = 200, body = wire::ListOperationsResponse, description = "A page"), Usual, BadRequest, NotFound, Unimplemented, Unavailable),
)]
pub async fn list_operations(mut call: Call) -> HandlerResult {
    let query = call.query().await?;
    query.refuse_partial_success()?;
    let location = call.segment("location");
    let collections = if location == ANY {
        Collections::StartingWith(translate::COLLECTIONS.to_owned())
    } else if is_id(&location) {
        Collections::One(translate::collection(&location))
    } else {
        return Err(no_location(&call, &location));
    };
    let parent = format!("projects/{}/locations/{location}/operations", call.project);
    let page = paging::operations(&call, &query, &parent, collections, &FILTER, Order::NewestFirst).await?;
    Ok(HttpResponse::Ok().json(wire::ListOperationsResponse {
        operations: page.items.into_iter().map(translate::operation).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// `POST /v1/{name=projects/*/locations/*/operations/*}:cancel`. Clients send no body, an empty one, `{}`, or the
/// name again; and they cancel twice, and too late: all of it succeeds.
#[utoipa::path(
    post,
    context_path = LOCATION,
    path = "/operations/{operation}:cancel",
    operation_id = "alloydb.operations.cancel",
    tag = "alloydb",
    summary = "Asks an operation to stop",
    params(InProject, InLocation, OfOperation),
    request_body(content = Option<CancelBody>),
    responses((status = 200, body = wire::Empty, description = "It was asked, or had ended"), Usual, BadRequest, NotFound, TooSlow, Unavailable),
)]
pub async fn cancel_operation(mut call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    let mut fields = call.urgent_body().await?;
    let mut violations = Violations::default();
    if fields.text("name", &mut violations).is_some_and(|given| given != name) {
        violations.add("name", "differs from the name in the path");
    }
    fields.finish(&mut violations);
    violations.into_result()?;
    call.api()
        .operations
        .cancel(address, call.actor(), None, CancelMode::Now)
        .await
        .map_err(|error| of_operation(error, &name))?;
    Ok(empty())
}

/// `DELETE /v1/{name=projects/*/locations/*/operations/*}`: hides the operation, does not cancel it, as the vendor has it. While
/// it has not ended, `:cancel` still reaches it.
#[utoipa::path(
    delete,
    context_path = LOCATION,
    path = "/operations/{operation}",
    operation_id = "alloydb.operations.delete",
    tag = "alloydb",
    summary = "Hides an operation",
    params(InProject, InLocation, OfOperation),
    responses((status = 200, body = wire::Empty, description = "It is hidden"), Usual, NotFound, Unavailable),
)]
pub async fn delete_operation(call: Call) -> HandlerResult {
    let (address, name) = address(&call)?;
    call.api().operations.delete(address, call.actor()).await.map_err(|error| of_operation(error, &name))?;
    Ok(empty())
}

/// `POST /v1/{name=projects/*/locations/*/operations/*}:wait`
#[utoipa::path(
    post,
    context_path = LOCATION,
    path = "/operations/{operation}:wait",
    operation_id = "alloydb.operations.wait",
    tag = "alloydb",
    summary = "Not implemented: poll instead",
    params(InProject, InLocation, OfOperation),
    responses(Usual, Unimplemented),
)]
pub async fn wait_operation(_: Call) -> HandlerResult {
    Err(ApiError::unimplemented("operations.wait is not implemented: poll operations.get"))
}

/// `GET /v1/{name=projects/*/locations/*/clusters/*}`
#[utoipa::path(
    get,
    context_path = LOCATION,
    path = "/clusters/{cluster}",
    operation_id = "alloydb.clusters.get",
    tag = "alloydb",
    summary = "Shows a cluster",
    params(InProject, InLocation, OfCluster),
    responses((status = 200, body = wire::Cluster, description = "The cluster"), Usual, NotFound),
)]
pub async fn get_cluster(call: Call) -> HandlerResult {
    Ok(HttpResponse::Ok().json(translate::cluster(&cluster(&call)?.to_string())))
}

/// `GET /v1/{parent=projects/*/locations/*}/clusters`
#[utoipa::path(
    get,
    context_path = LOCATION,
    path = "/clusters",
    operation_id = "alloydb.clusters.list",
    tag = "alloydb",
    summary = "Lists the clusters of a location",
    params(InProject, InLocation, Page),
    responses((status = 200, body = wire::ListClustersResponse, description = "A page"), Usual, BadRequest, NotFound),
)]
pub async fn list_clusters(mut call: Call) -> HandlerResult {
    let query = call.query().await?;
    let location = call.segment("location");
    let in_location = if location == ANY { None } else { Some(location.as_str()) };
    if in_location.is_some_and(|location| !is_id(location)) {
        return Err(no_location(&call, &location));
    }
    let names = call.api().catalog.clusters(&call.project, in_location).map(ToString::to_string).collect();
    let parent = format!("projects/{}/locations/{location}/clusters", call.project);
    let page = paging::names(&call, &query, &parent, names)?;
    Ok(HttpResponse::Ok().json(wire::ListClustersResponse {
        clusters: page.items.iter().map(|name| translate::cluster(name)).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// `GET /v1/{name=projects/*/locations/*}`
#[utoipa::path(
    get,
    context_path = LOCATION,
    path = "",
    operation_id = "alloydb.locations.get",
    tag = "alloydb",
    summary = "Shows a location",
    params(InProject, InLocation),
    responses((status = 200, body = wire::Location, description = "The location"), Usual, NotFound),
)]
pub async fn get_location(call: Call) -> HandlerResult {
    let location = call.segment("location");
    if !call.api().catalog.locations(&call.project).contains(&location.as_str()) {
        return Err(no_location(&call, &location));
    }
    let name = format!("projects/{}/locations/{location}", call.project);
    Ok(HttpResponse::Ok().json(translate::location(&name)))
}

/// `GET /v1/{name=projects/*}/locations`
#[utoipa::path(
    get,
    context_path = LOCATIONS,
    path = "",
    operation_id = "alloydb.locations.list",
    tag = "alloydb",
    summary = "Lists the locations",
    params(InProject, Page),
    responses((status = 200, body = wire::ListLocationsResponse, description = "A page"), Usual, BadRequest),
)]
pub async fn list_locations(mut call: Call) -> HandlerResult {
    let query = call.query().await?;
    let parent = format!("projects/{}/locations", call.project);
    let locations = call.api().catalog.locations(&call.project);
    let names = locations.iter().map(|location| format!("{parent}/{location}")).collect();
    let page = paging::names(&call, &query, &parent, names)?;
    Ok(HttpResponse::Ok().json(wire::ListLocationsResponse {
        locations: page.items.iter().map(|name| translate::location(name)).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// The operation of the path. It is found under its own location only.
fn address(call: &Call) -> Result<(Address, String), ApiError> {
    let (location, id) = (call.segment("location"), call.segment("operation"));
    let name = format!("projects/{}/locations/{location}/operations/{id}", call.project);
    let Some(id) = translate::operation_id(&id) else {
        return Err(of_operation(OperationsError::NotFound, &name));
    };
    let address = Address { project: call.project.clone(), collection: Some(translate::collection(&location)), id };
    Ok((address, name))
}

fn cluster(call: &Call) -> Result<ClusterName, ApiError> {
    let (location, cluster) = (call.segment("location"), call.segment("cluster"));
    let found = call.api().catalog.cluster(&call.project, &location, &cluster);
    found.cloned().ok_or_else(|| {
        let name = format!("projects/{}/locations/{location}/clusters/{cluster}", call.project);
        ApiError::not_found("CLUSTER_NOT_FOUND", CLUSTER_TYPE, &name)
    })
}

fn no_location(call: &Call, location: &str) -> ApiError {
    let name = format!("projects/{}/locations/{location}", call.project);
    ApiError::not_found("LOCATION_NOT_FOUND", LOCATION_TYPE, &name)
}

fn of_operation(error: OperationsError, name: &str) -> ApiError {
    match error {
        OperationsError::NotFound => ApiError::not_found("OPERATION_NOT_FOUND", OPERATION_TYPE, name),
        OperationsError::KeyTaken
        | OperationsError::NotRetryable(_)
        | OperationsError::NotDone(_)
        | OperationsError::NoSecretKeys
        | OperationsError::Unavailable
        | OperationsError::Internal => error.into(),
    }
}

fn empty() -> HttpResponse {
    HttpResponse::Ok().json(wire::Empty {})
}
