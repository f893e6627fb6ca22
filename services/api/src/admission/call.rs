//! A call whose caller may act in its project. What else a handler wants of the request, it asks for: nothing is read before
//! the right to it is settled.

use super::Gate;
use crate::admission::auth::{Need, Principal};
use crate::admission::observe::RequestId;
use crate::admission::off_reactor;
use crate::admission::source_address::source_address;
use crate::operations::Actor;
use crate::state::Api;
use crate::wire::body;
use crate::wire::error::ApiError;
use crate::wire::fields::Fields;
use crate::wire::query::Query;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::{HttpMessage, HttpRequest, web};
use operation::ProjectId;
use percent_encoding::percent_decode_str;
use std::future::Future;

/// A call whose caller is known and may do what the route does. In which project is not settled: the vendor's path does not
/// tell, so the handler finds out first, and [`Identified::enter`]s it.
pub struct Identified {
    principal: Principal,
    api: web::Data<Api>,
    gate: web::Data<Gate>,
    request: HttpRequest,
    payload: Payload,
}

/// A call whose caller may act in its project.
pub struct Call {
    /// The project: mostly that of the path.
    pub project: ProjectId,
    caller: Identified,
}

/// How far a call is let in before its handler sees it.
pub trait Admit: Sized {
    /// Lets a call in whose caller may do what the route does.
    ///
    /// # Errors
    /// Who asks is not known, asks too often, or may not do this.
    fn admit(request: HttpRequest, payload: Payload, need: Need) -> impl Future<Output = Result<Self, ApiError>>;
}

impl Admit for Identified {
    /// # Errors
    /// See [`Callers::authenticate`](crate::admission::auth::Callers::authenticate), [`Limits::request`](crate::admission::limits::Limits::request)
    /// and [`Principal::may`], in this order.
    async fn admit(request: HttpRequest, payload: Payload, need: Need) -> Result<Self, ApiError> {
        let api = request.app_data::<web::Data<Api>>().ok_or_else(ApiError::internal)?.clone();
        let gate = request.app_data::<web::Data<Gate>>().ok_or_else(ApiError::internal)?.clone();
        let principal = gate.callers.authenticate(request.headers()).await?;
        gate.limits.request(&principal.name, need)?;
        principal.may(need)?;
        Ok(Self { principal, api, gate, request, payload })
    }
}

impl Admit for Call {
    /// # Errors
    /// Those of [`Identified`], then [`Identified::enter`]'s.
    async fn admit(request: HttpRequest, payload: Payload, need: Need) -> Result<Self, ApiError> {
        let caller = Identified::admit(request, payload, need).await?;
        let project = caller.segment("project");
        caller.enter(&project)
    }
}

impl std::fmt::Debug for Identified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identified").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("project", &self.project).finish_non_exhaustive()
    }
}

impl Identified {
    /// Goes on in a project, if the caller may act in it.
    ///
    /// # Errors
    /// See [`Principal::authorize`].
    pub fn enter(self, project: &str) -> Result<Call, ApiError> {
        Ok(Call { project: self.principal.authorize(project)?, caller: self })
    }

    /// What the handlers share.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// A segment of the path, decoded.
    pub fn segment(&self, name: &str) -> String {
        segment(&self.request, name)
    }

    /// The body as a JSON object; empty where there is none.
    ///
    /// # Errors
    /// See [`body::read`] and [`Fields::parse`].
    pub async fn body(&mut self) -> Result<Fields, ApiError> {
        let body = body::read(&self.request, &mut self.payload, body::LARGEST).await?;
        if body.len() <= off_reactor::SMALL {
            return Fields::parse(&body);
        }
        off_reactor::run(&self.principal.name, move || Fields::parse(&body)).await?
    }

    /// The same for what must not wait for other work, like a cancel: read at once, and so with a lower limit.
    ///
    /// # Errors
    /// See [`body::read`] and [`Fields::parse`].
    pub async fn urgent_body(&mut self) -> Result<Fields, ApiError> {
        Fields::parse(&body::read(&self.request, &mut self.payload, body::LARGEST_URGENT).await?)
    }

    /// The parameters. A client whose URI became too long sends them as the form of a POST, and the token of the next page
    /// behind the `?` all the same: what stands there wins.
    ///
    /// # Errors
    /// See [`body::read`] and [`Query::parse`].
    pub async fn query(&mut self) -> Result<Query, ApiError> {
        let query = Query::parse(self.request.query_string().as_bytes())?;
        if sent_as_form(self.request.headers()) {
            let form = body::read(&self.request, &mut self.payload, body::LARGEST).await?;
            return Ok(Query::parse(&form)?.overlaid(query));
        }
        Ok(query)
    }
}

impl Call {
    /// Whether the caller may also do what another route asks for.
    ///
    /// # Errors
    /// See [`Principal::may`].
    pub fn may(&self, need: Need) -> Result<(), ApiError> {
        self.caller.principal.may(need)
    }

    /// Counts one more creation that is asked for in the project, whatever becomes of it.
    ///
    /// # Errors
    /// See [`Limits::creation`](crate::admission::limits::Limits::creation).
    pub fn creates(&self) -> Result<(), ApiError> {
        self.caller.gate.limits.creation(&self.project)
    }

    /// The same for an operation that waits for its turn among the project's.
    ///
    /// # Errors
    /// See [`Call::creates`] and [`Queues::let_in`](crate::admission::queues::Queues::let_in).
    pub async fn enqueues(&self) -> Result<(), ApiError> {
        self.creates()?;
        let Identified { api, gate, .. } = &self.caller;
        gate.queues.let_in(&self.project, &api.operations).await
    }

    /// Who asks, as the audit log tells it.
    pub fn actor(&self) -> Actor {
        let Identified { principal, api: _, gate, request, payload: _ } = &self.caller;
        Actor {
            principal: principal.name.clone(),
            source_address: request
                .peer_addr()
                .map(|peer| source_address(peer.ip(), request.headers(), &gate.trusted_proxies)),
            request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        }
    }

    /// What the handlers share.
    pub fn api(&self) -> &Api {
        self.caller.api()
    }

    /// Judges a request where that costs what the caller chooses.
    ///
    /// # Errors
    /// See [`off_reactor::run`]; what the judge says.
    pub async fn judge<T: Send + 'static>(
        &self,
        judge: impl FnOnce(&Api, &ProjectId) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (api, project) = (self.caller.api.clone(), self.project.clone());
        off_reactor::run(&self.caller.principal.name, move || judge(&api, &project)).await?
    }

    /// A segment of the path, decoded.
    pub fn segment(&self, name: &str) -> String {
        self.caller.segment(name)
    }

    /// A header as text, with what is no text replaced.
    pub fn header(&self, name: &str) -> Option<String> {
        self.caller.request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// See [`Identified::body`].
    ///
    /// # Errors
    /// The same.
    pub async fn body(&mut self) -> Result<Fields, ApiError> {
        self.caller.body().await
    }

    /// See [`Identified::urgent_body`].
    ///
    /// # Errors
    /// The same.
    pub async fn urgent_body(&mut self) -> Result<Fields, ApiError> {
        self.caller.urgent_body().await
    }

    /// See [`Identified::query`].
    ///
    /// # Errors
    /// The same.
    pub async fn query(&mut self) -> Result<Query, ApiError> {
        self.caller.query().await
    }
}

/// Whether a POST is meant as a GET (`x-http-method-override`, as Google's discovery clients send it when the URI
/// would be longer than 2,048 characters).
pub fn is_get_in_disguise(method: &Method, headers: &HeaderMap) -> bool {
    let get = |value: &str| value.eq_ignore_ascii_case("GET");
    method == Method::POST
        && headers.get("x-http-method-override").and_then(|value| value.to_str().ok()).is_some_and(get)
}

fn sent_as_form(headers: &HeaderMap) -> bool {
    // The outermost layer has turned the method into GET by now.
    is_get_in_disguise(&Method::POST, headers)
        && headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// actix matches the path with all but `%2F`, `%25` and `%2B` decoded, so that `%3Acancel` is a verb like `:cancel`;
/// what is left is decoded here, after the match (google/api/http.proto, path template rules).
fn segment(request: &HttpRequest, name: &str) -> String {
    let raw = request.match_info().get(name).unwrap_or_default();
    percent_decode_str(raw).decode_utf8_lossy().into_owned()
}
