//! Page tokens: opaque, sealed, and good for one list only (AIP-158). A token never authorizes anything: the project
//! of the path is checked before it is opened.

use crate::wire::error::ApiError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// How long a token is good for (AIP-158 says about three days).
const GOOD_FOR: Duration = Duration::days(3);
const NONCE_BYTES: usize = 24;
/// Longer than any token of ours: what comes is not decoded beyond that.
const LONGEST: usize = 2048;
/// Binds what is sealed to its use and form.
const PURPOSE: &[u8] = b"safepoint page token v1";

/// The list a token belongs to.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    /// The project.
    pub project: &'a str,
    /// The collection's name, e.g. `projects/p/locations/l/operations`.
    pub parent: &'a str,
    /// The filter, as the caller wrote it.
    pub filter: &'a str,
}

/// Seals and opens page tokens. All replicas have the same key.
pub struct PageTokens(XChaCha20Poly1305);

#[derive(Serialize, Deserialize)]
struct Content {
    project: String,
    parent: String,
    filter: String,
    position: String,
    issued: i64,
}

impl PageTokens {
    /// Takes the key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// A token for what comes after `position` in a list.
    pub fn seal(&self, list: List<'_>, position: &str, now: OffsetDateTime) -> Result<String, ApiError> {
        let content = Content {
            project: list.project.to_owned(),
            parent: list.parent.to_owned(),
            filter: hash(list.filter),
            position: position.to_owned(),
            issued: now.unix_timestamp(),
        };
        let content = serde_json::to_vec(&content).map_err(|_| ApiError::internal())?;
        // 24 random bytes never repeat, so no count of the tokens has to be kept.
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), Payload { msg: &content, aad: PURPOSE })
            .map_err(|_| ApiError::internal())?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// The position in a token of this list.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: the token was edited, has expired, or belongs to another list.
    pub fn open(&self, list: List<'_>, token: &str, now: OffsetDateTime) -> Result<String, ApiError> {
        let content = self.unseal(token).ok_or_else(|| wrong("is not one that this service gave"))?;
        // Another project's token is told apart from garbage nowhere: it would say that the project exists.
        if content.project != list.project {
            return Err(wrong("is not one that this service gave"));
        }
        if content.parent != list.parent {
            return Err(wrong("belongs to another list"));
        }
        if content.filter != hash(list.filter) {
            return Err(wrong("belongs to the same list with another filter"));
        }
        if now.unix_timestamp() - content.issued > GOOD_FOR.whole_seconds() {
            return Err(wrong("has expired; start again with the first page"));
        }
        Ok(content.position)
    }

    fn unseal(&self, token: &str) -> Option<Content> {
        if token.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let content = self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: PURPOSE }).ok()?;
        serde_json::from_slice(&content).ok()
    }
}

fn hash(filter: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(filter.trim()))
}

fn wrong(what: &str) -> ApiError {
    ApiError::invalid_field("pageToken", what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);
    const LIST: List<'_> = List { project: "p", parent: "projects/p/operations", filter: "done = true" };

    fn message(opened: Result<String, ApiError>) -> String {
        opened.unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn a_token_is_good_for_its_own_list_and_for_three_days() {
        let tokens = PageTokens::new(&[7; 32]);
        let token = tokens.seal(LIST, "x", NOW).unwrap();
        let check = |list, key: &[u8; 32], at, expected: &str| {
            let got = message(PageTokens::new(key).open(list, &token, at));
            assert!(got.ends_with(expected), "{list:?}: {got}");
        };
        check(LIST, &[7; 32], NOW, "x");
        check(LIST, &[7; 32], NOW + Duration::days(3), "x");
        check(List { filter: " done = true ", ..LIST }, &[7; 32], NOW, "x");
        check(
            LIST,
            &[7; 32],
            NOW + Duration::days(3) + Duration::seconds(1),
            "has expired; start again with the first page",
        );
        check(LIST, &[8; 32], NOW, "is not one that this service gave");
        check(List { project: "q", ..LIST }, &[7; 32], NOW, "is not one that this service gave");
        check(List { parent: "projects/p/locations/l/operations", ..LIST }, &[7; 32], NOW, "belongs to another list");
        check(List { filter: "", ..LIST }, &[7; 32], NOW, "belongs to the same list with another filter");
    }

    #[test]
    fn no_edited_token_is_taken() {
        let tokens = PageTokens::new(&[7; 32]);
        let token = tokens.seal(LIST, "0193", NOW).unwrap();
        for index in 0..token.len() {
            for other in "AQgw09-_ =%".chars() {
                let edited: String =
                    token.chars().enumerate().map(|(at, c)| if at == index { other } else { c }).collect();
                assert!(edited == token || tokens.open(LIST, &edited, NOW).is_err(), "byte {index} became {other}");
            }
            assert!(tokens.open(LIST, &token[..index], NOW).is_err(), "cut after {index}");
        }
        for garbage in [format!("{token}A"), format!("{token}="), "A".repeat(100_000), "ä".to_owned()] {
            assert!(tokens.open(LIST, &garbage, NOW).is_err());
        }
    }
}
