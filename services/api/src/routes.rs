//! All routes, and the document that describes them: what the dialects, the native api and the operators' methods export.

use crate::admission::endpoint::Endpoint;
use crate::admission::{Gate, observe};
use crate::dialect::{alloydb, storage_transfer};
use crate::openapi::Written;
use crate::state::Api;
use crate::wire::error::{ApiError, HandlerResult};
use crate::{admin, native, openapi};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use operation::Code;
use std::fmt::Write;
use std::sync::LazyLock;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

/// Written at the first look, and kept: it is small.
static DOCUMENT: LazyLock<Option<String>> = LazyLock::new(|| document().to_json().ok());

/// Every route there is.
fn endpoints() -> Vec<Endpoint> {
    [alloydb::endpoints(), storage_transfer::endpoints(), native::endpoints(), admin::endpoints(), openapi::endpoints()]
        .into_iter()
        .flatten()
        .collect()
}

/// The whole document.
fn document() -> OpenApi {
    let parts = [
        admin::Document::openapi(),
        native::Document::openapi(),
        alloydb::Document::openapi(),
        storage_transfer::Document::openapi(),
    ];
    openapi::compose(parts, &endpoints())
}

/// Every route as text: its method, its pattern, and the scopes one of which it asks for.
pub fn list() -> String {
    let mut text = String::new();
    for endpoint in endpoints() {
        for (method, need) in &endpoint.methods {
            let scopes = need.as_ref().map_or_else(
                || "(no token)".to_owned(),
                |need| need.scopes().iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" or "),
            );
            // A String takes all that is written to it.
            let _ = writeln!(text, "{method:<7} {:<75} {scopes}", endpoint.pattern);
        }
    }
    text
}

fn routes(config: &mut web::ServiceConfig) {
    for endpoint in endpoints() {
        config.service(endpoint);
    }
    config.default_service(web::to(unknown_path));
}

/// The whole application, for a server or a test.
pub fn app(
    api: web::Data<Api>,
    gate: web::Data<Gate>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = actix_web::Error, InitError = ()>,
> {
    let written = web::Data::new(Written(&DOCUMENT));
    App::new().app_data(api).app_data(gate).app_data(written).configure(routes).wrap(from_fn(observe::observe))
}

async fn unknown_path() -> HandlerResult {
    Err(ApiError::new(Code::NotFound, "METHOD_NOT_FOUND", "there is nothing at this path"))
}

#[cfg(test)]
mod tests;
