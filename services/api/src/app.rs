//! All routes, and what their handlers share.

use crate::admin::health;
use crate::admission::auth::{ADMIN, CANCEL, Callers, DELETE, Need, READ, WRITE};
use crate::admission::call::Admit;
use crate::admission::limits::Limits;
use crate::admission::observe;
use crate::admission::queues::Queues;
use crate::dialect::{alloydb, storage_transfer};
use crate::kinds::catalog::Catalog;
use crate::listing::page_token::PageTokens;
use crate::operations::Operations;
use crate::operations::watch::Watches;
use crate::wire::error::ApiError;
use crate::{native, openapi};
use actix_web::dev::{AppService, HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::ALLOW;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpRequest, HttpResponse, Resource, Route, web};
use futures_util::FutureExt;
use ipnet::IpNet;
use operation::Code;
use runtime::destination::AllowedDestinations;
use runtime::heartbeat::Heartbeats;
use std::future::Future;
use std::panic::AssertUnwindSafe;

/// What the handlers share.
pub struct Api {
    /// The use cases.
    pub operations: Operations,
    /// Who waits for which operation.
    pub watches: Watches,
    /// Who may call.
    pub callers: Callers,
    /// How often.
    pub limits: Limits,
    /// How much may wait.
    pub queues: Queues,
    /// Whose word on where a call came from is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where users' work may connect to.
    pub destinations: AllowedDestinations,
    /// What can be exported, and where to.
    pub catalog: Catalog,
    /// Seals and opens page tokens.
    pub page_tokens: PageTokens,
    /// Whether the kind `demo.steps` may be created.
    pub demo_steps: bool,
    /// Whether the threads that serve calls answer.
    pub serving_threads: Heartbeats,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

/// Above all of `AlloyDB`'s locations.
pub const LOCATIONS: &str = "/v1/projects/{project}/locations";
/// Above all that is in a location.
pub const LOCATION: &str = "/v1/projects/{project}/locations/{location}";
/// Above all of a project's that is our own.
pub const PROJECT: &str = "/api/v1/projects/{project}";
/// Our own operations.
pub const OPERATIONS: &str = "/api/v1/projects/{project}/operations";
/// Storage Transfer's jobs.
pub const TRANSFER_JOBS: &str = "/v1/transferJobs";
/// Their runs.
pub const TRANSFER_OPERATIONS: &str = "/v1/transferOperations";
/// Whom Storage Transfer works as.
pub const SERVICE_ACCOUNTS: &str = "/v1/googleServiceAccounts";

/// Every route there is, and the scope that it asks for. A pattern with a verb stands before the one without, which would
/// match it too. Each is described at its handler as well: a test compares this list with the `OpenAPI` document.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let under = |parent: &str, rest: &str| at(&format!("{parent}{rest}"));
    vec![
        // AlloyDB
        at(LOCATIONS).get(READ, alloydb::list_locations),
        at(LOCATION).get(READ, alloydb::get_location),
        under(LOCATION, "/clusters").get(READ, alloydb::list_clusters),
        under(LOCATION, "/clusters/{cluster}:export").post(WRITE, alloydb::export_cluster),
        under(LOCATION, "/clusters/{cluster}:import").post(WRITE, alloydb::import_cluster),
        under(LOCATION, "/clusters/{cluster}").get(READ, alloydb::get_cluster),
        under(LOCATION, "/operations").get(READ, alloydb::list_operations),
        under(LOCATION, "/operations/{operation}:describe").get(READ, alloydb::describe_operation),
        under(LOCATION, "/operations/{operation}:cancel").post(CANCEL, alloydb::cancel_operation),
        under(LOCATION, "/operations/{operation}:wait").post(READ, alloydb::wait_operation),
        under(LOCATION, "/operations/{operation}")
            .get(READ, alloydb::get_operation)
            .delete(DELETE, alloydb::delete_operation),
        // Storage Transfer
        at(TRANSFER_JOBS).get(READ, storage_transfer::list_jobs).post(WRITE, storage_transfer::create_job),
        tail(TRANSFER_JOBS, "{job}", ":run").post(WRITE, storage_transfer::run_job),
        tail(TRANSFER_JOBS, "{job}", "")
            .get(READ, storage_transfer::get_job)
            .patch(WRITE, storage_transfer::patch_job)
            .delete(DELETE, storage_transfer::delete_job),
        at(TRANSFER_OPERATIONS).get(READ, storage_transfer::list_operations),
        tail(TRANSFER_OPERATIONS, "{operation}", ":cancel").post(CANCEL, storage_transfer::cancel_operation),
        tail(TRANSFER_OPERATIONS, "{operation}", ":pause").post(WRITE, storage_transfer::pause_operation),
        tail(TRANSFER_OPERATIONS, "{operation}", ":resume").post(WRITE, storage_transfer::resume_operation),
        tail(TRANSFER_OPERATIONS, "{operation}", ":wait").post(READ, storage_transfer::wait_operation),
        tail(TRANSFER_OPERATIONS, "{operation}", "")
            .get(READ, storage_transfer::get_operation)
            .delete(DELETE, storage_transfer::delete_operation),
        under(SERVICE_ACCOUNTS, "/{project}").get(READ, storage_transfer::get_service_account),
        // Our own
        under(OPERATIONS, ":cancel").post(CANCEL, native::cancel_many),
        under(OPERATIONS, ":counts").get(READ, native::counts),
        at(OPERATIONS).get(READ, native::list).post(WRITE, native::create),
        under(OPERATIONS, "/{operation}:cancel").post(CANCEL, native::cancel),
        under(OPERATIONS, "/{operation}:pause").post(WRITE, native::pause),
        under(OPERATIONS, "/{operation}:resume").post(WRITE, native::resume),
        under(OPERATIONS, "/{operation}:retry").post(WRITE, native::retry),
        under(OPERATIONS, "/{operation}/why").get(READ, native::why),
        under(OPERATIONS, "/{operation}:wait").post(READ, native::wait),
        under(OPERATIONS, "/{operation}/events").get(READ, native::events),
        under(OPERATIONS, "/{operation}").get(READ, native::get).delete(DELETE, native::delete),
        under(PROJECT, "/auditLog").get(ADMIN, native::audit_log),
        // Without a token
        at("/healthz").open(health::alive),
        at("/readyz").open(health::ready),
        at("/metrics").open(health::metrics),
        at("/openapi.json").open(openapi::json),
        at("/docs").open(openapi::page),
    ]
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
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = actix_web::Error, InitError = ()>,
> {
    App::new().app_data(api).configure(routes).wrap(from_fn(observe::observe))
}

async fn unknown_path() -> Result<HttpResponse, ApiError> {
    Err(ApiError::new(Code::NotFound, "METHOD_NOT_FOUND", "there is nothing at this path"))
}

/// A pattern and the methods that it has.
pub(crate) struct Endpoint {
    /// The path, as `OpenAPI` writes it too.
    pub(crate) pattern: String,
    /// Each in upper case, with what it asks of its callers; `None` where it asks for no token.
    pub(crate) methods: Vec<(&'static str, Option<Need>)>,
    resource: Resource,
}

/// What a handler comes to.
type Answer = Result<HttpResponse, ApiError>;

fn at(pattern: &str) -> Endpoint {
    Endpoint { pattern: pattern.to_owned(), methods: Vec::new(), resource: web::resource(pattern) }
}

/// What lies below a collection, however many segments its name has (`transferJobs/**`), and perhaps a verb.
fn tail(parent: &str, name: &str, verb: &str) -> Endpoint {
    let any = name.replace('}', ":.*}");
    Endpoint { resource: web::resource(format!("{parent}/{any}{verb}")), ..at(&format!("{parent}/{name}{verb}")) }
}

impl Endpoint {
    fn get<C, F>(self, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = Answer> + 'static,
    {
        self.guarded("GET", web::get(), need, handler)
    }

    fn post<C, F>(self, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = Answer> + 'static,
    {
        self.guarded("POST", web::post(), need, handler)
    }

    fn patch<C, F>(self, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = Answer> + 'static,
    {
        self.guarded("PATCH", web::patch(), need, handler)
    }

    fn delete<C, F>(self, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = Answer> + 'static,
    {
        self.guarded("DELETE", web::delete(), need, handler)
    }

    fn guarded<C, F>(self, method: &'static str, route: Route, need: Need, handler: fn(C) -> F) -> Self
    where
        C: Admit + 'static,
        F: Future<Output = Answer> + 'static,
    {
        self.on(method, Some(need), route.to(move |request, payload| guarded(need, handler, request, payload)))
    }

    /// A GET that asks for no token.
    fn open<F: Future<Output = HttpResponse> + 'static>(self, handler: fn(web::Data<Api>) -> F) -> Self {
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
async fn guarded<C, F>(need: Need, handler: fn(C) -> F, request: HttpRequest, payload: web::Payload) -> Answer
where
    C: Admit,
    F: Future<Output = Answer>,
{
    // The handlers share nothing that a panic could leave half changed.
    let run = AssertUnwindSafe(async move { handler(C::admit(request, payload.into_inner(), need).await?).await });
    // The panic hook has logged it.
    run.catch_unwind().await.unwrap_or_else(|_| Err(ApiError::internal()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::call::Call;
    use crate::operations::watch::Terms;
    use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
    use operation::ProjectId;
    use runtime::broker::{BrokerSettings, Changes, Publisher};
    use runtime::callers::Token;
    use runtime::config::{Config, Secret};
    use runtime::heartbeat::Heartbeats;
    use runtime::scope::Scope;
    use runtime::sealing::KeyRing;
    use serde_json::Value;
    use store::{PoolSettings, Store};
    use tokio_util::sync::CancellationToken;

    /// Connects to nothing.
    fn api() -> web::Data<Api> {
        let url = Secret::new("amqp://127.0.0.1:1");
        let broker = BrokerSettings { url, authorities: None, namespace: "none".to_owned(), process: "test" };
        let ended = CancellationToken::new();
        let publisher = Publisher::start(broker.clone(), ended.clone()).expect("a publisher");
        let changes = Changes::start(broker, ended.clone()).expect("a listener");
        let store = Store::new("postgres://127.0.0.1:1/none", PoolSettings::new("test")).expect("a store");
        let project: ProjectId = "p".parse().expect("a project");
        // printf %s secret | sha256sum
        let sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b".to_owned();
        let token = Token { name: "demo".to_owned(), sha256, projects: vec![project], scopes: vec![Scope::Write] };
        let config = Config { tokens: vec![token], ..Config::default() };
        web::Data::new(Api {
            watches: Watches::start(&store, changes, Terms::new(100), ended),
            operations: Operations::new(store, publisher, KeyRing::EMPTY),
            callers: Callers::new(&config, None).expect("TLS"),
            limits: Limits::new(&config.limits),
            queues: Queues::new(config.limits.queued_operations),
            trusted_proxies: config.trusted_proxies.clone(),
            destinations: config.destinations.clone(),
            catalog: Catalog::new(&config).expect("an empty catalog"),
            page_tokens: PageTokens::new(&[7; 32]),
            demo_steps: false,
            serving_threads: Heartbeats::new("serving threads", 0),
        })
    }

    async fn panics(call: Call) -> Result<HttpResponse, ApiError> {
        assert!(call.project.as_str().is_empty(), "canary-panic");
        Ok(HttpResponse::Ok().finish())
    }

    #[actix_web::test]
    async fn a_panic_is_an_answer_and_the_next_call_is_served() {
        let routes = |config: &mut web::ServiceConfig| {
            config.service(at("/{project}/panics").get(WRITE, panics));
        };
        let app = App::new().app_data(api()).configure(routes).wrap(from_fn(observe::observe));
        let app = init_service(app).await;
        for _ in 0..2 {
            let request = TestRequest::get().uri("/p/panics").insert_header(("authorization", "Bearer secret"));
            let response = call_service(&app, request.to_request()).await;
            assert_eq!(response.status(), 500);
            assert!(response.headers().contains_key("x-request-id"));
            let body: Value = read_body_json(response).await;
            assert_eq!(body["error"]["status"], "INTERNAL");
            assert_eq!(body["error"]["details"][0]["reason"], "INTERNAL");
            assert!(!body.to_string().contains("canary"), "{body}");
        }
    }

    #[actix_web::test]
    async fn a_kind_that_is_switched_off_cannot_be_created() {
        let app = init_service(app(api())).await;
        let request = TestRequest::post()
            .uri("/api/v1/projects/p/operations")
            .insert_header(("authorization", "Bearer secret"))
            .set_payload(r#"{"kind":"demo.steps","spec":{"steps":1,"stepMillis":1}}"#);
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), 501);
        let body: Value = read_body_json(response).await;
        assert_eq!(body["error"]["details"][0]["reason"], "KIND_SWITCHED_OFF");
    }
}
