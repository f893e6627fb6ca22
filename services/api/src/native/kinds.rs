//! Which kinds of operations there are.

use super::PROJECT;
use crate::admission::call::Call;
use crate::kinds::{NativeKind, native_kinds};
use crate::openapi::{BadRequest, InProject, Unavailable, Usual};
use crate::operations::RegisteredKind;
use crate::wire::error::HandlerResult;
use crate::wire::time_text::seconds;
use actix_web::HttpResponse;
use operation::{Kind, KindInfo};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The kinds, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Kinds {
    kinds: Vec<ShownKind>,
}

/// A kind of operation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownKind {
    /// Two or three lower-case words with dots between them.
    name: String,
    /// What the items are that progress counts.
    unit: String,
    /// The longest that its executor promises to go without a safe point.
    safe_point_bound: String,
    /// How long it may take to stop; then it is aborted.
    stop_bound: String,
    /// Whether its operations count against what a project may have queued and running.
    counts_against_quotas: bool,
    /// Whether this project can create its operations by `POST …/operations`.
    creatable: bool,
    /// Whether a worker that runs it has ever come.
    registered: bool,
    /// JSON Schema (draft 2020-12) of `spec`, for kinds that a worker has brought. Those of the product are in this document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    spec_schema: Option<Value>,
}

/// `GET /api/v1/projects/{project}/kinds`
#[utoipa::path(
    get,
    context_path = PROJECT,
    path = "/kinds",
    operation_id = "kinds.list",
    tag = "native",
    summary = "Lists the kinds of operations",
    params(InProject),
    responses((status = 200, body = Kinds, description = "All kinds, also those that this project may not create"), Usual, BadRequest, Unavailable),
)]
pub async fn list(mut call: Call) -> HandlerResult {
    call.query().await?.refuse_unknown(&[])?;
    let registered = call.api().operations.kinds().await?;
    let may_create = |info: &KindInfo| call.api().operations.may_create(&call.project, info).is_ok();
    Ok(HttpResponse::Ok().json(Kinds { kinds: all(registered, native_kinds(), may_create) }))
}

/// Those of the product, and those that workers have registered.
fn all(
    registered: Vec<RegisteredKind>,
    native: &'static [NativeKind],
    may_create: impl Fn(&KindInfo) -> bool,
) -> Vec<ShownKind> {
    let mut registered: BTreeMap<Kind, RegisteredKind> =
        registered.into_iter().map(|kind| (kind.info.kind.clone(), kind)).collect();
    let mut kinds: Vec<_> = native
        .iter()
        .map(|native| {
            let is_registered = registered.remove(&native.info.kind).is_some();
            show(native.info, native.request.is_some() && may_create(native.info), is_registered, None)
        })
        .collect();
    kinds.extend(registered.into_values().map(|kind| {
        let creatable = kind.spec_schema.is_some() && may_create(&kind.info);
        show(&kind.info, creatable, true, kind.spec_schema)
    }));
    kinds.sort_by(|one, two| one.name.cmp(&two.name));
    kinds
}

fn show(info: &KindInfo, creatable: bool, registered: bool, spec_schema: Option<Value>) -> ShownKind {
    ShownKind {
        name: info.kind.to_string(),
        unit: info.unit.clone().into_owned(),
        safe_point_bound: seconds(info.safe_point_bound),
        stop_bound: seconds(info.stop_bound),
        counts_against_quotas: info.counts_against_quotas,
        creatable,
        registered,
        spec_schema,
    }
}
