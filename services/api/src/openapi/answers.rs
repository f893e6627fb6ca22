//! What can be answered instead of what was asked for, by status, once for all methods: a method names those that it can
//! give.

use super::schemas::ErrorAnswer;
use std::collections::BTreeMap;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Components, Content, Header, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// The reference to the answer with this status.
#[derive(Debug)]
pub struct Refusal<const STATUS: u16>;

/// A parameter or the body is wrong.
pub type BadRequest = Refusal<400>;
/// There is nothing of this name.
pub type NotFound = Refusal<404>;
/// The body came too slowly.
pub type TooSlow = Refusal<408>;
/// The key of the request was used for another one.
pub type KeyTaken = Refusal<409>;
/// It is there already, or somebody else is at it.
pub type Conflict = Refusal<409>;
/// Not implemented, or switched off.
pub type Unimplemented = Refusal<501>;
/// The database is not there.
pub type Unavailable = Refusal<503>;

impl<const STATUS: u16> IntoResponses for Refusal<STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([(STATUS.to_string(), reference(STATUS))])
    }
}

/// What every method with a token can answer. `OpenAPI` has no place for what a *path* answers to methods that it has not:
/// 405 stands at each of its methods.
#[derive(Debug)]
pub struct Usual;

impl IntoResponses for Usual {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([401, 403, 405, 429, 431, 500, 503].map(|status| (status.to_string(), reference(status))))
    }
}

/// What every method without a token can answer.
#[derive(Debug)]
pub struct Open;

impl IntoResponses for Open {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([405, 500].map(|status| (status.to_string(), reference(status))))
    }
}

struct Told {
    status: u16,
    name: &'static str,
    description: &'static str,
    header: Option<(&'static str, &'static str)>,
    /// Whether the api itself answers, with an error and the request's id. Otherwise the answer is empty.
    ours: bool,
}

const fn told(status: u16, name: &'static str, description: &'static str) -> Told {
    Told { status, name, description, header: None, ours: true }
}

const RETRY_AFTER: Option<(&str, &str)> = Some(("Retry-After", "in how many seconds to try again"));

/// All of them. The names are those of the components.
const ALL: [Told; 12] = [
    told(
        400,
        "BadRequest",
        "INVALID_ARGUMENT: what is wrong, field by field; also a body that is no JSON object or is larger than 256 KiB (64 KiB \
         to cancel, pause or resume). \
         FAILED_PRECONDITION: the operation's state does not allow it.",
    ),
    Told {
        header: Some(("WWW-Authenticate", "how to authenticate (RFC 6750)")),
        ..told(401, "Unauthenticated", "UNAUTHENTICATED: no bearer token, or one that is not known or not valid")
    },
    told(
        403,
        "PermissionDenied",
        "PERMISSION_DENIED: the token lacks the scope (which WWW-Authenticate then names), or is not for this project, \
         whether it exists or not",
    ),
    told(404, "NotFound", "NOT_FOUND: there is nothing of this name in the project, or at this path"),
    Told {
        header: Some(("Allow", "the methods that the path has")),
        ..told(405, "MethodNotAllowed", "UNIMPLEMENTED: the path has other methods")
    },
    told(408, "BodyTooSlow", "DEADLINE_EXCEEDED: the body did not arrive within 10 seconds"),
    told(
        409,
        "Conflict",
        "ABORTED: the request's key (requestId, Idempotency-Key) was used for another request, or the transfer job has a run \
         that has not ended. ALREADY_EXISTS: the name is taken.",
    ),
    Told {
        header: RETRY_AFTER,
        ..told(
            429,
            "TooMany",
            "RESOURCE_EXHAUSTED: this caller calls, or this project creates, more often than it may; as many operations of \
             this project wait as may; or as many clients wait at this replica as may.",
        )
    },
    Told {
        ours: false,
        ..told(431, "HeadTooLarge", "the request line and the headers are larger than 128 KiB; the answer is empty")
    },
    told(500, "Internal", "INTERNAL: an error of ours"),
    told(501, "Unimplemented", "UNIMPLEMENTED: the vendor has it and this service has not, or it is switched off"),
    Told {
        header: RETRY_AFTER,
        ..told(
            503,
            "Unavailable",
            "UNAVAILABLE: the database is not there, or too slow: what was asked for may still happen. Or the keys of the \
             token's issuer are not there.",
        )
    },
];

fn reference(status: u16) -> RefOr<Response> {
    let name = ALL.iter().find(|told| told.status == status).map_or("Unknown", |told| told.name);
    RefOr::Ref(Ref::from_response_name(name))
}

/// Puts them where the references point to.
pub fn add(components: &mut Components) {
    for told in &ALL {
        components.responses.insert(told.name.to_owned(), response(told).into());
    }
}

fn response(told: &Told) -> Response {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let header = |description: &str| {
        let mut header = Header::new(text());
        header.description = Some(description.to_owned());
        header
    };
    let response = ResponseBuilder::new().description(told.description);
    if !told.ours {
        return response.build();
    }
    let mut response = response
        .content("application/json", Content::new(Some(Ref::from_schema_name(ErrorAnswer::name()))))
        .header("X-Request-Id", header("names the request, in the log too"))
        .build();
    if let Some((name, description)) = told.header {
        response.headers.insert(name.to_owned(), header(description).into());
    }
    response
}
