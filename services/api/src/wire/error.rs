//! The one error of the api, and its form on the wire (AIP-193, `google/rpc/error_details.proto`).

pub use super::violations::{Violation, Violations};
use crate::wire::bounds::cut;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use operation::Code;
use serde_json::{Map, Value, json};
use std::fmt;

/// `ErrorInfo.domain` of every error: with the reason it tells which error it is.
const DOMAIN: &str = "safepoint";

/// Bytes of a message, of a detail and of a resource's name: each may repeat what the caller wrote.
const LONGEST_MESSAGE: usize = 8 * 1024;
const LONGEST_DETAIL: usize = 4 * 1024;
const LONGEST_NAME: usize = 512;

/// The header that names a request, in calls and in answers.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a handler comes to.
pub type HandlerResult = Result<HttpResponse, ApiError>;

/// What a caller is told when a call fails. Boxed, so that a `Result` stays small.
#[derive(Debug, Clone)]
pub struct ApiError(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: Code,
    http_status: u16,
    reason: &'static str,
    message: String,
    metadata: Map<String, Value>,
    violations: Vec<Violation>,
    resource: Option<(&'static str, String)>,
    retry_after_seconds: Option<u32>,
    header: Option<(HeaderName, String)>,
    request_id: Option<String>,
}

impl ApiError {
    /// An error with a reason in `UPPER_SNAKE_CASE`. What varies in the message also goes into [`ApiError::with`].
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            http_status: code.http_status(),
            reason,
            message: cut(message.into(), LONGEST_MESSAGE),
            metadata: Map::new(),
            violations: Vec::new(),
            resource: None,
            retry_after_seconds: None,
            header: None,
            request_id: None,
        }))
    }

    /// `INVALID_ARGUMENT`: what is wrong with which fields.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        Self::of_fields(Code::InvalidArgument, "INVALID_FIELD", violations)
    }

    /// What is wrong with which fields, by another code.
    pub(crate) fn of_fields(code: Code, reason: &'static str, violations: Vec<Violation>) -> Self {
        let told: Vec<_> = violations.iter().map(|v| format!("{}: {}", v.field, v.description)).collect();
        let fields: Vec<_> = violations.iter().map(|v| v.field.as_str()).collect();
        let mut error = Self::new(code, reason, told.join("; ")).with("fields", fields.join(","));
        error.0.violations = violations;
        error
    }

    /// `INVALID_ARGUMENT`: what is wrong with one field.
    pub fn invalid_field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::invalid(vec![Violation::new(field, description)])
    }

    /// `NOT_FOUND`: a resource by its type and name.
    pub fn not_found(reason: &'static str, resource_type: &'static str, name: &str) -> Self {
        let kind = resource_type.rsplit('/').next().unwrap_or(resource_type);
        let name = cut(name.to_owned(), LONGEST_NAME);
        let message = format!("{kind} {name} not found");
        let mut error = Self::new(Code::NotFound, reason, message).with("resource", name.as_str());
        error.0.resource = Some((resource_type, name));
        error
    }

    /// UNIMPLEMENTED: a method that the vendor has and we have not.
    pub fn unimplemented(message: impl Into<String>) -> Self {
        Self::new(Code::Unimplemented, "METHOD_NOT_IMPLEMENTED", message)
    }

    /// INTERNAL: something that is our fault; the log tells what.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "INTERNAL", "an error of ours: it was logged with the id of this request")
    }

    /// Adds a detail that programs can read (`ErrorInfo.metadata`).
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key.to_owned(), Value::String(cut(value.into(), LONGEST_DETAIL)));
        self
    }

    /// An HTTP status that is not the code's own: 405 and 408 have no code of theirs.
    pub fn with_http_status(mut self, status: StatusCode) -> Self {
        self.0.http_status = status.as_u16();
        self
    }

    /// A header that goes with this error (`Allow`, `WWW-Authenticate`).
    pub fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.0.header = Some((name, value.into()));
        self
    }

    /// Tells the caller to try again, and when (`RetryInfo`, `Retry-After`).
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// Names the request that failed (`RequestInfo`).
    pub fn with_request_id(mut self, id: &str) -> Self {
        self.0.request_id = Some(id.to_owned());
        self
    }

    /// The canonical code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Which error it is, in `UPPER_SNAKE_CASE` (`ErrorInfo.reason`).
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    fn details(&self) -> Vec<Value> {
        let parts = &self.0;
        let detail = |name: &str, fields: Value| {
            let mut detail =
                Map::from_iter([("@type".to_owned(), json!(format!("type.googleapis.com/google.rpc.{name}")))]);
            if let Value::Object(fields) = fields {
                detail.extend(fields);
            }
            Value::Object(detail)
        };
        let mut info = json!({"reason": parts.reason, "domain": DOMAIN});
        if !parts.metadata.is_empty() {
            info["metadata"] = Value::Object(parts.metadata.clone());
        }
        let mut details = vec![detail("ErrorInfo", info)];
        if !parts.violations.is_empty() {
            let violations: Vec<_> =
                parts.violations.iter().map(|v| json!({"field": v.field, "description": v.description})).collect();
            details.push(detail("BadRequest", json!({"fieldViolations": violations})));
        }
        if let Some((resource_type, name)) = &parts.resource {
            details.push(detail("ResourceInfo", json!({"resourceType": resource_type, "resourceName": name})));
        }
        if let Some(seconds) = parts.retry_after_seconds {
            details.push(detail("RetryInfo", json!({"retryDelay": format!("{seconds}s")})));
        }
        if let Some(id) = &parts.request_id {
            details.push(detail("RequestInfo", json!({"requestId": id})));
        }
        details
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.name(), self.0.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let parts = &self.0;
        let mut response = HttpResponse::build(self.status_code());
        if let Some((name, value)) = &parts.header {
            response.insert_header((name.clone(), value.as_str()));
        }
        if let Some(seconds) = parts.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(id) = parts.request_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
            response.insert_header((REQUEST_ID.clone(), id));
        }
        // `error.code` is the HTTP status here; inside `Operation.error` it is the canonical code's number.
        response.json(json!({"error": {
            "code": parts.http_status,
            "message": parts.message,
            "status": parts.code.name(),
            "details": self.details(),
        }}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: &ApiError) -> Value {
        let body = error.error_response().into_body();
        let bytes = actix_web::body::MessageBody::try_into_bytes(body).expect("error bodies are whole");
        serde_json::from_slice(&bytes).expect("error bodies are JSON")
    }

    #[test]
    fn an_error_says_all_that_aip_193_asks_for() {
        let error =
            ApiError::not_found("OPERATION_NOT_FOUND", "safepoint/Operation", "operations/x").with_request_id("r1");
        assert_eq!(
            shown(&error),
            json!({"error": {"code": 404, "message": "Operation operations/x not found", "status": "NOT_FOUND", "details": [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "OPERATION_NOT_FOUND", "domain": "safepoint",
                 "metadata": {"resource": "operations/x"}},
                {"@type": "type.googleapis.com/google.rpc.ResourceInfo", "resourceType": "safepoint/Operation", "resourceName": "operations/x"},
                {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "r1"},
            ]}})
        );
    }

    #[test]
    fn what_passes_says_when_to_try_again() {
        let error = ApiError::new(Code::Unavailable, "DATABASE_UNAVAILABLE", "try again").with_retry_after(1);
        assert_eq!(error.error_response().headers().get("retry-after").unwrap(), "1");
        assert_eq!(shown(&error)["error"]["details"][1]["retryDelay"], "1s");
    }

    #[test]
    fn several_violations_are_one_answer() {
        let mut violations = Violations::default();
        violations.add("a", "is required");
        violations.add("b.c", "is not a field of this message");
        let error = violations.into_result().expect_err("there are two");
        assert_eq!(shown(&error)["error"]["message"], "a: is required; b.c: is not a field of this message");
        assert_eq!(shown(&error)["error"]["details"][1]["fieldViolations"][1]["field"], "b.c");
    }

    #[test]
    fn what_is_wrong_is_told_before_what_is_not_implemented() {
        let mut violations = Violations::default();
        violations.not_implemented("a", "do without");
        violations.add("b", "is required");
        let error = violations.into_result().expect_err("there are two");
        assert_eq!(
            (error.code(), error.to_string()),
            (Code::InvalidArgument, "INVALID_ARGUMENT: b: is required".into())
        );
        let mut violations = Violations::default();
        violations.not_implemented("a", "do without");
        let error = violations.into_result().expect_err("there is one");
        assert_eq!(error.to_string(), "UNIMPLEMENTED: a: is not implemented: do without");
        assert_eq!(shown(&error)["error"]["details"][0]["metadata"]["fields"], "a");
        assert_eq!(shown(&error)["error"]["details"][1]["fieldViolations"][0]["field"], "a");
    }
}
