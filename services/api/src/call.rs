//! A call whose caller may act in the project of its path. What else a handler wants of the request, it asks for:
//! nothing is read before the right to it is settled.

use crate::app::Api;
use crate::auth::{Need, Principal};
use crate::body;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::observe::RequestId;
use crate::operations::Actor;
use crate::query::Query;
use crate::source_address::source_address;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::{HttpMessage, HttpRequest, web};
use operation::ProjectId;
use percent_encoding::percent_decode_str;

/// A call whose caller may act in the project of its path.
pub struct Call {
    /// Who calls.
    pub principal: Principal,
    /// The project of the path.
    pub project: ProjectId,
    api: web::Data<Api>,
    request: HttpRequest,
    payload: Payload,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("project", &self.project).finish_non_exhaustive()
    }
}

impl Call {
    /// Lets a call in whose caller may do what the route does, in the project of its path.
    ///
    /// # Errors
    /// See [`Callers::authenticate`](crate::auth::Callers::authenticate), [`Limits::request`](crate::limits::Limits::request),
    /// [`Principal::may`] and [`Principal::authorize`], in this order.
    pub async fn admit(request: HttpRequest, payload: Payload, need: Need) -> Result<Self, ApiError> {
        let api = request.app_data::<web::Data<Api>>().ok_or_else(ApiError::internal)?.clone();
        let principal = api.callers.authenticate(request.headers()).await?;
        api.limits.request(&principal.name, need)?;
        principal.may(need)?;
        let project = principal.authorize(&segment(&request, "project"))?;
        Ok(Self { principal, project, api, request, payload })
    }

    /// Counts one more creation that is asked for in the project, whatever becomes of it.
    ///
    /// # Errors
    /// See [`Limits::creation`](crate::limits::Limits::creation).
    pub fn creates(&self) -> Result<(), ApiError> {
        self.api.limits.creation(&self.project)
    }

    /// The same for an operation that waits for its turn among the project's.
    ///
    /// # Errors
    /// See [`Call::creates`] and [`Queues::let_in`](crate::queues::Queues::let_in).
    pub async fn enqueues(&self) -> Result<(), ApiError> {
        self.creates()?;
        self.api.queues.let_in(&self.project, &self.api.operations).await
    }

    /// Who asks, as the audit log tells it.
    pub fn actor(&self) -> Actor {
        Actor {
            principal: self.principal.name.clone(),
            source_address: self
                .request
                .peer_addr()
                .map(|peer| source_address(peer.ip(), self.request.headers(), &self.api.trusted_proxies)),
            request_id: self.request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        }
    }

    /// What the handlers share.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// A segment of the path, decoded.
    pub fn segment(&self, name: &str) -> String {
        segment(&self.request, name)
    }

    /// A header as text, with what is no text replaced.
    pub fn header(&self, name: &str) -> Option<String> {
        self.request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The body as a JSON object; empty where there is none.
    ///
    /// # Errors
    /// See [`body::read`] and [`Fields::parse`].
    pub async fn body(&mut self) -> Result<Fields, ApiError> {
        let body = body::read(&self.request, &mut self.payload).await?;
        Fields::parse(&body)
    }

    /// The parameters. A client whose URI became too long sends them as the form of a POST.
    ///
    /// # Errors
    /// See [`body::read`].
    pub async fn query(&mut self) -> Result<Query, ApiError> {
        if sent_as_form(self.request.headers()) {
            let form = body::read(&self.request, &mut self.payload).await?;
            return Ok(Query::parse(&form));
        }
        Ok(Query::parse(self.request.query_string().as_bytes()))
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
