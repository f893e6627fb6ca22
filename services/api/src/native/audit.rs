//! The audit log of a project: who changed what.

use super::PROJECT;
use super::parameters::OfOneOperation;
use super::translate;
use crate::admission::call::Call;
use crate::listing::paging;
use crate::openapi::{BadRequest, InProject, Page, Unavailable, Usual};
use crate::operations::AuditEntry;
use crate::wire::error::{ApiError, HandlerResult};
use crate::wire::page_token::List;
use crate::wire::time_text::rfc3339;
use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of the log, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditLog {
    entries: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page_token: Option<String>,
}

/// What somebody did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub(super) struct Entry {
    /// Its place in the log, an int64 as a text.
    sequence: String,
    time: String,
    /// A token's name, `issuer:subject`, or `operator:USER` for a command on a machine of ours.
    principal: String,
    /// The peer of the connection; absent where it was no call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source_address: Option<String>,
    /// `X-Request-Id` of the call; the operation's name where a cancel of many did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// `CREATE`, `RETRY`, `CANCEL`, `PAUSE`, `RESUME`, `DELETE`, `CREATE_TOKEN`, `REVOKE_TOKEN`, `CREATE_ACCESS_KEY`,
    /// `REVOKE_ACCESS_KEY`, `SET_LIMITS`.
    verb: String,
    /// The operation's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    operation: Option<String>,
    /// The token's or the access key's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    resource: Option<String>,
    /// The operation's state after it, or what was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    result: Option<String>,
}

/// `GET /api/v1/projects/{project}/auditLog`: each change that somebody asked for has one entry, written with it.
#[utoipa::path(
    get,
    context_path = PROJECT,
    path = "/auditLog",
    operation_id = "auditLog.list",
    tag = "native",
    summary = "Lists who changed what in the project",
    params(InProject, Page, OfOneOperation),
    responses((status = 200, body = AuditLog, description = "A page, newest first"), Usual, BadRequest, Unavailable),
)]
pub async fn list(mut call: Call) -> HandlerResult {
    let query = call.query().await?;
    query.refuse_unknown(&["pageSize", "pageToken", "operation"])?;
    let size = query.page_size()?;
    let text = query.text("operation")?.unwrap_or_default();
    let operation = match text {
        "" => None,
        id => Some(
            translate::operation_id(id).ok_or_else(|| ApiError::invalid_field("operation", "is no operation's id"))?,
        ),
    };
    let parent = format!("projects/{}/auditLog", call.project);
    let list = List { project: call.project.as_str(), parent: &parent, filter: text };
    let before = paging::position(&call, &query, list)?;
    let page = call.api().operations.audit_log(call.project.clone(), operation, before, size).await?;
    let next_page_token = paging::next_page_token(&call, list, page.next.as_ref())?;
    Ok(HttpResponse::Ok().json(AuditLog { entries: page.entries.into_iter().map(told).collect(), next_page_token }))
}

fn told(entry: AuditEntry) -> Entry {
    Entry {
        sequence: entry.sequence.to_string(),
        time: rfc3339(entry.time),
        principal: entry.principal,
        source_address: entry.source_address,
        request_id: entry.request_id,
        verb: entry.verb,
        operation: entry.operation.map(|id| id.to_string()),
        resource: entry.resource,
        result: entry.result,
    }
}
