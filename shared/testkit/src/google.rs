//! From the headers of GCS to those of S3, and back.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The header that names the generation to replace; 0 for none.
pub const CONDITION: &str = "x-goog-if-generation-match";

/// What an S3 server takes for a signature where nobody checks it.
pub const AUTHORIZATION: &str =
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// The generation of an object with this entity tag; 0 for none. Other bytes have another generation, which is all that a
/// test needs.
pub fn generation(tag: Option<&str>) -> u64 {
    let digits = |tag: &str| tag.bytes().filter(u8::is_ascii_hexdigit).take(15).map(char::from).collect::<String>();
    tag.map_or(0, |tag| u64::from_str_radix(&digits(tag), 16).unwrap_or(1))
}

/// A request to GCS becomes one to S3.
pub fn to_s3(headers: &mut HeaderMap) {
    rename(headers, "x-goog-meta-", "x-amz-meta-");
    headers.insert("authorization", HeaderValue::from_static(AUTHORIZATION));
}

/// An answer of S3 becomes one of GCS.
pub fn from_s3(headers: &mut HeaderMap) {
    rename(headers, "x-amz-meta-", "x-goog-meta-");
    if let Some(tag) = headers.get("etag").and_then(|tag| tag.to_str().ok()) {
        let generation = generation(Some(tag));
        headers.insert("x-goog-generation", generation.into());
    }
}

fn rename(headers: &mut HeaderMap, from: &str, to: &str) {
    let renamed: Vec<_> = headers
        .iter()
        .filter_map(|(name, value)| {
            let name = HeaderName::try_from(format!("{to}{}", name.as_str().strip_prefix(from)?));
            Some((name.ok()?, value.clone()))
        })
        .collect();
    headers.extend(renamed);
}
