//! Who calls, and whether it may act in the project. Decided before anything else of the request is looked at
//! (AIP-193, AIP-211): a stranger can't tell what exists from what does not.

use crate::error::ApiError;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use operation::{Code, ProjectId};
use runtime::config::Token;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Who calls.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The token's name; recorded as the requester.
    pub name: String,
    projects: Vec<ProjectId>,
}

/// The tokens that are known, by their hashes.
#[derive(Debug)]
pub struct Tokens(Vec<([u8; 32], Principal)>);

impl Tokens {
    /// Takes the configured tokens, whose hashes were checked when the configuration was read.
    pub fn new(tokens: &[Token]) -> Self {
        let known = tokens.iter().filter_map(|token| {
            let principal = Principal { name: token.name.clone(), projects: token.projects.clone() };
            Some((hash_from_hex(&token.sha256)?, principal))
        });
        Self(known.collect())
    }

    /// Who sends these headers.
    ///
    /// # Errors
    /// UNAUTHENTICATED: no bearer token, or one that is not known.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<&Principal, ApiError> {
        let token = bearer(headers).ok_or_else(|| {
            unauthenticated("CREDENTIALS_MISSING", "a bearer token is required: Authorization: Bearer TOKEN", "")
        })?;
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        // All are compared, each in constant time: the time taken tells nothing about the hashes.
        for (known, principal) in &self.0 {
            if bool::from(known.ct_eq(&hash)) {
                found = Some(principal);
            }
        }
        found.ok_or_else(|| {
            unauthenticated("CREDENTIALS_INVALID", "the bearer token is not known", ", error=\"invalid_token\"")
        })
    }
}

impl Principal {
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

/// The token of `Authorization: Bearer TOKEN` (RFC 6750); the scheme's case does not matter (RFC 9110 section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn hash_from_hex(hex: &str) -> Option<[u8; 32]> {
    crate::settings::bytes_from_hex(hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn tokens() -> Tokens {
        Tokens::new(&[Token {
            name: "demo".to_owned(),
            // printf %s secret | sha256sum
            sha256: "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b".to_owned(),
            projects: vec!["mine".parse().unwrap()],
        }])
    }

    fn reason(header: Option<&'static str>, project: &str) -> String {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
        }
        match tokens().authenticate(&headers).and_then(|principal| principal.authorize(project)) {
            Ok(project) => project.to_string(),
            Err(error) => error.code().name().to_owned(),
        }
    }

    #[test]
    fn only_a_known_token_acts_and_only_in_its_projects() {
        let check =
            |header, project, expected: &str| assert_eq!(reason(header, project), expected, "{header:?} {project}");
        check(Some("Bearer secret"), "mine", "mine");
        check(Some("bearer  secret"), "mine", "mine");
        check(Some("Bearer secret"), "other", "PERMISSION_DENIED");
        check(Some("Bearer secret"), "", "PERMISSION_DENIED");
        for header in [
            None,
            Some("Bearer"),
            Some("Bearer "),
            Some("Bearer wrong"),
            Some("Basic secret"),
            Some("secret"),
            Some("Bearer 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"),
        ] {
            check(header, "mine", "UNAUTHENTICATED");
        }
    }
}
