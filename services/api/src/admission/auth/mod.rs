//! Who calls, and what it may do in the project. Decided before anything else of the request is looked at (AIP-193,
//! AIP-211): a stranger can't tell what exists from what does not.

mod issuers;
mod jwks;
mod need;
pub mod signature;
mod stored;
mod tokens;

pub use issuers::Issuers;
pub use need::{ADMIN, CANCEL, DELETE, Need, READ, WRITE};
pub use stored::StoredTokens;
pub use tokens::Tokens;

use crate::wire::error::ApiError;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use operation::{Code, ProjectId};
use runtime::config::Config;
use runtime::scope::Scope;

/// The header of Huawei Cloud's token authentication.
const X_AUTH_TOKEN: &str = "x-auth-token";

/// Who calls.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The token's name, or `issuer:subject`; recorded as the requester.
    pub name: String,
    projects: Vec<ProjectId>,
    scopes: Vec<Scope>,
}

/// All who may call.
#[derive(Debug)]
pub struct Callers {
    tokens: Tokens,
    stored: Option<StoredTokens>,
    issuers: Issuers,
}

impl Callers {
    /// Those whom the configuration names, and those of our database. No key is fetched yet.
    ///
    /// # Errors
    /// There is no TLS to fetch keys with.
    pub fn new(config: &Config, stored: Option<StoredTokens>) -> Result<Self, reqwest::Error> {
        Ok(Self { tokens: Tokens::new(&config.tokens), stored, issuers: Issuers::new(&config.issuers)? })
    }

    /// Who sends these headers.
    ///
    /// # Errors
    /// UNAUTHENTICATED: no bearer token, or one that is not accepted, in the same words whatever is wrong with it.
    /// UNAVAILABLE: its issuer's keys, or the tokens of our database, can't be had.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, ApiError> {
        let token = bearer(headers).ok_or_else(|| {
            unauthenticated("CREDENTIALS_MISSING", "a bearer token is required: Authorization: Bearer TOKEN", "")
        })?;
        if let Some(known) = self.tokens.find(token) {
            return Ok(known.clone());
        }
        if let Some(signed) = self.issuers.verify(token).await? {
            return Ok(signed);
        }
        let stored = match &self.stored {
            Some(stored) => stored.find(token).await?,
            None => None,
        };
        stored.ok_or_else(|| {
            let message = "the bearer token is not known, not valid, or not valid any more";
            unauthenticated("CREDENTIALS_INVALID", message, ", error=\"invalid_token\"")
        })
    }
}

impl Principal {
    /// Whether this caller may do such things at all.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` names the scopes of which it needs one.
    pub fn may(&self, need: Need) -> Result<(), ApiError> {
        if need.0.iter().any(|scope| self.scopes.contains(scope)) {
            return Ok(());
        }
        let (wanted, challenge) = (need.names(" or "), need.names(" "));
        let message = format!("the token lacks the scope for this: {wanted}");
        let challenge = format!("Bearer realm=\"safepoint\", error=\"insufficient_scope\", scope=\"{challenge}\"");
        Err(ApiError::new(Code::PermissionDenied, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", message)
            .with("scopes", need.names(" "))
            .with_header(WWW_AUTHENTICATE, challenge))
    }

    /// The project, if this caller may act in it.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, in the same words whether the project exists or not.
    pub fn authorize(&self, project: &str) -> Result<ProjectId, ApiError> {
        self.projects.iter().find(|allowed| allowed.as_str() == project).cloned().ok_or_else(|| {
            let shown: String = project.chars().filter(|c| !c.is_control()).take(100).collect();
            let message = format!("the token has no permission in the project {shown}, or it does not exist");
            ApiError::new(Code::PermissionDenied, "PERMISSION_DENIED", message).with("project", shown)
        })
    }
}

fn unauthenticated(reason: &'static str, message: &'static str, challenge: &str) -> ApiError {
    ApiError::new(Code::Unauthenticated, reason, message)
        .with_header(WWW_AUTHENTICATE, format!("Bearer realm=\"safepoint\"{challenge}"))
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750); the scheme's case does not matter (RFC 9110 section 11.1). Where
/// there is no such header, that of `X-Auth-Token: TOKEN`, as Huawei Cloud's clients send it.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let token = match headers.get(AUTHORIZATION) {
        Some(header) => {
            let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)?
        }
        None => headers.get(X_AUTH_TOKEN)?.to_str().ok()?,
    };
    Some(token.trim()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};
    use runtime::callers::Token;

    fn callers() -> Callers {
        let token = Token {
            name: "demo".to_owned(),
            // printf %s secret | sha256sum
            sha256: "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b".to_owned(),
            projects: vec!["mine".parse().unwrap()],
            scopes: vec![Scope::Read],
        };
        Callers::new(&Config { tokens: vec![token], ..Config::default() }, None).unwrap()
    }

    async fn reason(header: Option<&'static str>, need: Need, project: &str) -> String {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
        }
        let admitted = callers().authenticate(&headers).await.and_then(|principal| {
            principal.may(need)?;
            principal.authorize(project)
        });
        match admitted {
            Ok(project) => project.to_string(),
            Err(error) => error.reason().to_owned(),
        }
    }

    #[test]
    fn a_token_comes_by_one_header_or_the_other() {
        let check = |lines: &[(&'static str, &'static str)], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(bearer(&headers), expected, "{lines:?}");
        };
        check(&[("authorization", "Bearer a")], Some("a"));
        check(&[("x-auth-token", " a ")], Some("a"));
        check(&[("x-auth-token", "")], None);
        check(&[("authorization", "Bearer a"), ("x-auth-token", "b")], Some("a"));
        // What is meant as a credential is not passed over for another one.
        check(&[("authorization", "Basic a"), ("x-auth-token", "b")], None);
        check(&[], None);
    }

    #[actix_web::test]
    async fn only_a_known_token_acts_and_only_where_and_as_it_may() {
        let check = async |header, need, project, expected: &str| {
            assert_eq!(reason(header, need, project).await, expected, "{header:?} {need:?} {project}");
        };
        check(Some("Bearer secret"), READ, "mine", "mine").await;
        check(Some("bearer  secret"), READ, "mine", "mine").await;
        check(Some("Bearer secret"), READ, "other", "PERMISSION_DENIED").await;
        check(Some("Bearer secret"), READ, "", "PERMISSION_DENIED").await;
        for need in [WRITE, CANCEL, DELETE] {
            for project in ["mine", "other"] {
                check(Some("Bearer secret"), need, project, "ACCESS_TOKEN_SCOPE_INSUFFICIENT").await;
            }
        }
        for header in [None, Some("Bearer"), Some("Bearer "), Some("Basic secret"), Some("secret")] {
            check(header, READ, "mine", "CREDENTIALS_MISSING").await;
        }
        for header in ["Bearer wrong", "Bearer 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"] {
            check(Some(header), READ, "mine", "CREDENTIALS_INVALID").await;
        }
    }
}
