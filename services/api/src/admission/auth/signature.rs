//! `SDK-HMAC-SHA256`: how the clients of Huawei Cloud sign a request with an access key and its secret.
//!
//! <https://support.huaweicloud.com/intl/en-us/devg-apisign/api-sign-algorithm.html>; the client's own code is
//! `huaweicloudsdkcore/signer/signer.py`, against which the tests hold this.

use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use runtime::config::Secret;
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const DATE: &str = "x-sdk-date";
const CONTENT: &str = "x-sdk-content-sha256";
/// By how much the client's clock may differ; so long a request that somebody overheard can be sent again.
pub const MOST_SKEW: Duration = Duration::from_mins(15);
/// Python's `quote(text, safe='~')`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The header `Authorization` is of another form.
    #[error("the Authorization header is not that of SDK-HMAC-SHA256")]
    Malformed,
    /// What must be signed is not: then it could be changed on the way.
    #[error("host and x-sdk-date must be signed, each once")]
    NotSigned,
    /// The date is none, or too far from now.
    #[error("x-sdk-date is more than 15 minutes from now, or no date")]
    Date,
    /// The body is not the one that was signed, or was not signed.
    #[error("the body is not signed")]
    Body,
    /// Signed with another secret, or changed since.
    #[error("the signature does not match")]
    Mismatch,
}

/// What the header `Authorization` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// Whose secret signed.
    pub access_key: &'a str,
    signed_headers: &'a str,
    signature: [u8; 32],
}

impl<'a> Authorization<'a> {
    /// Reads `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`.
    ///
    /// # Errors
    /// [`Refused::Malformed`].
    pub fn parse(header: &'a str) -> Result<Self, Refused> {
        let (algorithm, rest) = header.split_once(' ').ok_or(Refused::Malformed)?;
        let mut parts = rest.split(',').map(str::trim);
        let mut part = |name: &str| {
            let value = parts.next().and_then(|part| part.strip_prefix(name)).and_then(|part| part.strip_prefix('='));
            value.filter(|value| !value.is_empty()).ok_or(Refused::Malformed)
        };
        let (access_key, signed_headers, signature) = (part("Access")?, part("SignedHeaders")?, part("Signature")?);
        let signature = runtime::sealing::bytes_from_hex(signature).ok_or(Refused::Malformed)?;
        if algorithm != ALGORITHM || parts.next().is_some() {
            return Err(Refused::Malformed);
        }
        Ok(Self { access_key, signed_headers, signature })
    }
}

/// A request as it came: nothing in it decoded.
///
/// The algorithm signs the decoded path: `%2F` and `/` sign alike.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// In upper case.
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// What stands behind `?`.
    pub query: &'a str,
    /// All of them.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// Whether the owner of this secret has signed this request, `now` or a moment ago.
///
/// # Errors
/// [`Refused`].
pub fn verify(
    request: SignedRequest<'_>,
    authorization: &Authorization<'_>,
    secret: &Secret,
    now: OffsetDateTime,
) -> Result<(), Refused> {
    let names: Vec<&str> = authorization.signed_headers.split(';').collect();
    if !["host", DATE].iter().all(|must| names.contains(must)) {
        return Err(Refused::NotSigned);
    }
    let date = header(request.headers, DATE)?;
    if (moment(date).ok_or(Refused::Date)? - now).unsigned_abs() > MOST_SKEW {
        return Err(Refused::Date);
    }
    let mut lines = String::new();
    for name in &names {
        lines.extend([name, ":", header(request.headers, name)?, "\n"]);
    }
    let canonical = [
        request.method,
        &canonical_path(request.path)?,
        &canonical_query(request.query)?,
        &lines,
        authorization.signed_headers,
        &body_hash(request)?,
    ];
    let to_sign = format!("{ALGORITHM}\n{date}\n{}", hash(canonical.join("\n")));
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| Refused::Mismatch)?;
    let expected: [u8; 32] = mac.chain_update(to_sign).finalize().into_bytes().into();
    if expected.ct_eq(&authorization.signature).into() { Ok(()) } else { Err(Refused::Mismatch) }
}

/// A header that is there once, without blanks around it.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refused> {
    let mut all = headers.get_all(name);
    match (all.next(), all.next()) {
        (Some(value), None) => std::str::from_utf8(value.as_bytes()).map(str::trim).map_err(|_| Refused::NotSigned),
        _ => Err(Refused::NotSigned),
    }
}

fn moment(date: &str) -> Option<OffsetDateTime> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    PrimitiveDateTime::parse(date, format).ok().map(PrimitiveDateTime::assume_utc)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// What decodes to no text could have been another one, and a bare `+` is a blank to some and a plus to others.
fn decoded(text: &str) -> Result<String, Refused> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| Refused::Mismatch)?;
    if text.contains('+') { Err(Refused::Mismatch) } else { Ok(decoded.into_owned()) }
}

fn canonical_path(path: &str) -> Result<String, Refused> {
    let decoded = decoded(path)?;
    let mut path = decoded.split('/').map(encoded).collect::<Vec<_>>().join("/");
    if !path.ends_with('/') {
        path.push('/');
    }
    Ok(path)
}

fn canonical_query(query: &str) -> Result<String, Refused> {
    let mut pairs = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| Ok((decoded(name)?, decoded(value)?)))
        .collect::<Result<Vec<_>, _>>()?;
    pairs.sort();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    Ok(pairs.join("&"))
}

/// A client may say "unsigned" of a body that is no JSON; we take nothing but JSON.
fn body_hash(request: SignedRequest<'_>) -> Result<String, Refused> {
    let hash = hash(request.body);
    if request.body.is_empty() || !request.headers.contains_key(CONTENT) {
        return Ok(hash);
    }
    let told = header(request.headers, CONTENT).map_err(|_| Refused::Body)?;
    if told == hash { Ok(hash) } else { Err(Refused::Body) }
}

fn hash(bytes: impl AsRef<[u8]>) -> String {
    format!("{:x}", Bytes::copy_from_slice(&Sha256::digest(bytes)))
}
