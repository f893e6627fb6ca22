//! A path, its methods, and what each of them asks of its callers.

use super::auth::Need;
use super::call::Admit;
use crate::wire::error::{ApiError, HandlerResult};
use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::header::ALLOW;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, web};
use futures_util::FutureExt;
use operation::Code;
use std::future::Future;
use std::panic::AssertUnwindSafe;

/// A pattern and the methods that it has.
pub struct Endpoint {
    /// The path, as `OpenAPI` writes it too.
    pub pattern: String,
    /// Each in upper case, with what it asks of its callers; `None` where it asks for no token.
    pub methods: Vec<(&'static str, Option<Need>)>,
    resource: Resource,
}

/// An exact path.
pub fn at(pattern: &str) -> Endpoint {
    Endpoint { pattern: pattern.to_owned(), methods: Vec::new(), resource: web::resource(pattern) }
}

/// What lies below a path: `rest` begins with a `/` or a verb's colon.
pub fn under(parent: &str, rest: &str) -> Endpoint {
    at(&format!("{parent}{rest}"))
}

/// What lies below a collection, however many segments its name has (`transferJobs/**`), and perhaps a verb.
pub fn tail(parent: &str, name: &str, verb: &str) -> Endpoint {
    let any = name.replace('}', ":.*}");
    Endpoint { resource: web::resource(format!("{parent}/{any}{verb}")), ..at(&format!("{parent}/{name}{verb}")) }
}

impl Endpoint {
    /// GET, for callers who have one of these scopes.
    #[must_use]
    pub fn get<C, F>(self, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = HandlerResult> + 'static,
    {
        self.guarded("GET", web::get(), need, handler)
    }

    /// POST, for callers who have one of these scopes.
    #[must_use]
    pub fn post<C, F>(self, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = HandlerResult> + 'static,
    {
        self.guarded("POST", web::post(), need, handler)
    }

    /// PATCH, for callers who have one of these scopes.
    #[must_use]
    pub fn patch<C, F>(self, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = HandlerResult> + 'static,
    {
        self.guarded("PATCH", web::patch(), need, handler)
    }

    /// DELETE, for callers who have one of these scopes.
    #[must_use]
    pub fn delete<C, F>(self, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = HandlerResult> + 'static,
    {
        self.guarded("DELETE", web::delete(), need, handler)
    }

    fn guarded<C, F>(self, method: &'static str, route: Route, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = HandlerResult> + 'static,
    {
        self.on(method, Some(need), route.to(move |request, payload| guarded(need, handler, request, payload)))
    }

    /// A GET that asks for no token.
    #[must_use]
    pub fn open<S: 'static, F>(self, handler: fn(web::Data<S>) -> F) -> Self
    where
        F: Future<Output = HttpResponse> + 'static,
    {
        self.on("GET", None, web::get().to(handler))
    }

    fn on(mut self, method: &'static str, need: Option<Need>, route: Route) -> Self {
        self.methods.push((method, need));
        self.resource = self.resource.route(route);
        self
    }
}

impl HttpServiceFactory for Endpoint {
    fn register(self, config: &mut AppService) {
        let allow: Vec<_> = self.methods.iter().map(|(method, _)| *method).collect();
        let allow = allow.join(", ");
        let refuse = move |method: Method| {
            let error = ApiError::new(
                Code::Unimplemented,
                "METHOD_NOT_ALLOWED",
                format!("{method} is not allowed here; allowed: {allow}"),
            );
            let error = error
                .with("method", method.as_str())
                .with_http_status(StatusCode::METHOD_NOT_ALLOWED)
                .with_header(ALLOW, allow.clone());
            async move { Err::<HttpResponse, _>(error) }
        };
        self.resource.default_service(web::to(refuse)).register(config);
    }
}

/// Lets a call in and runs its handler; a panic in it is an answer like any other, and the process lives.
async fn guarded<C, F>(need: Need, handler: fn(C) -> F, request: HttpRequest, payload: web::Payload) -> HandlerResult
where
    C: Admit,
    F: Future<Output = HandlerResult>,
{
    // The handlers share nothing that a panic could leave half changed.
    let run = AssertUnwindSafe(async move { handler(C::admit(request, payload.into_inner(), need).await?).await });
    // The panic hook has logged it.
    run.catch_unwind().await.unwrap_or_else(|_| Err(ApiError::internal()))
}
