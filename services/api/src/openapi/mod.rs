//! The `OpenAPI` 3.1 document, made from the code, and the page that shows it. A method is described where its handler
//! stands; what methods share stands here.

mod answers;
mod limits;
mod parameters;
mod schemas;

pub use answers::{BadRequest, Conflict, KeyTaken, NotFound, Open, TooSlow, Unavailable, Unimplemented, Usual};
pub use parameters::{Filter, IdempotencyKey, InProject, Page};
pub use schemas::{Document, Health, Nothing};

use crate::admission::endpoint::{Endpoint, at};
use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType};
use actix_web::{HttpResponse, web};
use std::sync::LazyLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa::{Modify, OpenApi as _};

/// The whole document as text, for the handler that shows it.
#[derive(Debug, Clone, Copy)]
pub struct Written(pub &'static LazyLock<Option<String>>);

/// Needs nothing from anywhere else: networks where such services run often see no internet.
const PAGE: &str = include_str!("docs.html");

#[derive(Debug, utoipa::OpenApi)]
#[openapi(
    info(
        title = "Safepoint",
        // The API's, which is in its paths; the process tells its own to nobody.
        version = "1",
        description = "Long-running operations whose cancel can be trusted. Names of members may also be written in \
                       snake_case, null is absent, whole numbers may be texts. Every answer bears X-Request-Id.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(json, page),
    components(schemas(schemas::ErrorAnswer, schemas::ErrorStatus, schemas::ErrorDetail, schemas::FieldViolation)),
    security(("token" = [])),
    tags(
        (name = "native", description = "Our own API: everything known about an operation."),
        (name = "alloydb", description = "The AlloyDB Admin API v1, as far as exports and their operations go."),
        (name = "storagetransfer", description = "The Storage Transfer Service API v1: jobs, their runs, and who is told."),
        (name = "operators", description = "Health, metrics and this document; without a token.")
    ),
    modifiers(&Shared)
)]
struct Whole;

struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        answers::add(components);
    }
}

/// Its routes; none asks for a token.
pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/openapi.json").open(json), at("/docs").open(page)]
}

/// The whole document: what is shared, the parts, and the scopes that the endpoints ask for.
pub fn compose(parts: impl IntoIterator<Item = OpenApi>, endpoints: &[Endpoint]) -> OpenApi {
    let mut document = Whole::openapi();
    for part in parts {
        document.merge(part);
    }
    for endpoint in endpoints {
        for (method, need) in &endpoint.methods {
            if let (Some(need), Some(described)) = (need, described(&mut document, &endpoint.pattern, method)) {
                let one_of = need.scopes().iter().map(|scope| SecurityRequirement::new("token", [scope.as_str()]));
                described.security = Some(one_of.collect());
            }
        }
    }
    limits::state(&mut document);
    document
}

/// What is said of a method.
fn described<'a>(document: &'a mut OpenApi, pattern: &str, method: &str) -> Option<&'a mut Operation> {
    let item = document.paths.paths.get_mut(pattern)?;
    match method {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "operators",
    summary = "This document",
    security(()),
    responses((status = 200, body = Document, description = "OpenAPI 3.1"), Open)
)]
pub async fn json(written: web::Data<Written>) -> HttpResponse {
    match written.0.as_deref() {
        Some(json) => HttpResponse::Ok().insert_header(ContentType::json()).body(json),
        None => HttpResponse::InternalServerError().finish(),
    }
}

/// The page that shows it.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "operators",
    summary = "This document, for people",
    security(()),
    responses((status = 200, body = String, content_type = "text/html", description = "A page"), Open)
)]
pub async fn page(_: web::Data<Written>) -> HttpResponse {
    let policy = "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'";
    HttpResponse::Ok().insert_header(ContentType::html()).insert_header((CONTENT_SECURITY_POLICY, policy)).body(PAGE)
}
