//! Tokens that others sign: JWTs (RFC 7519, checked as RFC 8725 advises).

use super::Principal;
use super::jwks::{Jwks, NoKeys, Source, Terms};
use crate::wire::error::ApiError;
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use operation::Code;
use reqwest::Client;
use reqwest::redirect::Policy;
use runtime::callers::Issuer as Settings;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// By how much clocks may differ.
const LEEWAY_SECONDS: u64 = 30;
/// How long an issuer gets to answer. A call waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// There is a try to fetch keys once a minute.
const RETRY_AFTER_SECONDS: u32 = 60;
/// Longer than any that is signed; what is longer is not even decoded.
const LONGEST_TOKEN: usize = 16 * 1024;

/// <https://openid.net/specs/openid-connect-core-1_0.html#IDToken>
const LONGEST_SUBJECT: usize = 255;

/// All whose tokens are accepted.
#[derive(Debug)]
pub struct Issuers(Vec<Issuer>);

#[derive(Debug)]
struct Issuer {
    settings: Settings,
    keys: Arc<Jwks>,
}

/// Of a token whose signature was not checked yet: whose keys will tell.
#[derive(Deserialize)]
struct Unverified {
    iss: String,
}

#[derive(Deserialize)]
struct Claims {
    // Not a list, of which one member would be enough for the library.
    iss: String,
    sub: String,
    /// RFC 9068 section 2.2.3: names with blanks between them.
    #[serde(default)]
    scope: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Issuers {
    /// Fetches no key yet.
    ///
    /// # Errors
    /// There is no TLS to fetch keys with.
    pub fn new(settings: &[Settings]) -> Result<Self, reqwest::Error> {
        let issuers = settings.iter().map(|settings| {
            let source = match (&settings.jwks_url, &settings.jwks_file) {
                // A redirect could lead anywhere.
                (Some(url), _) => {
                    let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE);
                    // Without TLS on this machine alone: not by way of a proxy.
                    let client = if url.scheme() == "http" { client.no_proxy() } else { client };
                    Source::Url(client.build()?, url.clone())
                }
                (None, file) => Source::File(file.clone().unwrap_or_default()),
            };
            Ok(Issuer {
                settings: settings.clone(),
                keys: Arc::new(Jwks::new(&settings.name, source, Terms::default())),
            })
        });
        Ok(Self(issuers.collect::<Result<_, _>>()?))
    }

    /// Who bears this token; nobody where anything is wrong with it.
    ///
    /// # Errors
    /// UNAVAILABLE: the keys of its issuer can't be had.
    pub async fn verify(&self, token: &str) -> Result<Option<Principal>, ApiError> {
        let Some((issuer, key_id)) = self.issuer_of(token) else { return Ok(None) };
        let key = issuer.keys.find(&key_id).await.map_err(|NoKeys| {
            let message = "the keys of the token's issuer are not available; try again";
            ApiError::new(Code::Unavailable, "ISSUER_UNAVAILABLE", message).with_retry_after(RETRY_AFTER_SECONDS)
        })?;
        // A key that is not there is not replaced by another.
        let Some(key) = key else { return Ok(None) };
        let mut validation = Validation::default();
        validation.algorithms.clone_from(&key.algorithms);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&issuer.settings.issuer]);
        validation.set_audience(&issuer.settings.audiences);
        match decode::<Claims>(token, &key.key, &validation) {
            Ok(token) => Ok(issuer.principal(&token.claims)),
            Err(error) => {
                tracing::debug!(issuer = issuer.settings.name, problem = problem(error.kind()), "a token is refused");
                Ok(None)
            }
        }
    }

    /// Whose token it says it is, and by which key. Nothing of it is believed yet.
    fn issuer_of(&self, token: &str) -> Option<(&Issuer, String)> {
        if self.0.is_empty() || token.len() > LONGEST_TOKEN {
            return None;
        }
        let header = decode_header(token).ok()?;
        // It says that it must not be accepted by who does not know something that we don't know (RFC 7515 section 4.1.11).
        if header.crit.is_some() {
            return None;
        }
        let claims: Unverified = insecure_decode_claims(token).ok()?;
        let issuer = self.0.iter().find(|issuer| issuer.settings.issuer == claims.iss)?;
        Some((issuer, header.kid?))
    }
}

/// For the log: the library's own texts may hold what was sent.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library may know more problems tomorrow")]
fn problem(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "expired",
        ErrorKind::ImmatureSignature => "not valid yet",
        ErrorKind::InvalidAudience => "for another audience",
        ErrorKind::InvalidIssuer => "of another issuer",
        ErrorKind::InvalidSignature => "not signed by the key that it names",
        ErrorKind::InvalidAlgorithm => "signed in a way that is not the key's",
        ErrorKind::MissingRequiredClaim(_) => "lacks a claim",
        _ => "malformed",
    }
}

impl Issuer {
    fn principal(&self, claims: &Claims) -> Option<Principal> {
        let subject = 1..=LONGEST_SUBJECT;
        if claims.iss != self.settings.issuer
            || !subject.contains(&claims.sub.len())
            || claims.sub.contains(char::is_control)
        {
            return None;
        }
        let projects = claims.others.get(&self.settings.projects_claim);
        let projects = projects.and_then(Value::as_array).into_iter().flatten();
        Some(Principal {
            name: format!("{}:{}", self.settings.name, claims.sub),
            projects: projects.filter_map(|project| project.as_str()?.parse().ok()).collect(),
            scopes: claims.scope.split(' ').filter_map(|scope| scope.parse().ok()).collect(),
        })
    }
}
