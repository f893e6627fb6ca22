//! Takes a request's body: bounded in size and in time, which actix-web's own extractors are not.

use crate::wire::error::ApiError;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;
use operation::Code;
use std::time::Duration;

/// No request of ours needs more; checked before and while reading.
pub const LARGEST: usize = 256 * 1024;
/// The same for a call that must not wait: no more than a thread that serves calls can read by the way.
pub const LARGEST_URGENT: usize = 64 * 1024;
/// A body that comes a byte a minute would hold its connection for ever.
const LONGEST: Duration = Duration::from_secs(10);

/// Reads the whole body, of at most so many bytes.
///
/// # Errors
/// `INVALID_ARGUMENT` for one that is larger, HTTP 408 for one that does not arrive within 10 s.
pub async fn read(request: &HttpRequest, payload: &mut Payload, largest: usize) -> Result<Vec<u8>, ApiError> {
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > largest as u64) {
        return Err(too_large(largest));
    }
    // At the deadline a body is dropped half read, and refused as a whole.
    let read = tokio::time::timeout(LONGEST, read_all(payload, largest)).await;
    read.unwrap_or_else(|_| Err(too_slow()))
}

async fn read_all(payload: &mut Payload, largest: usize) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| {
            ApiError::new(Code::InvalidArgument, "BODY_INCOMPLETE", "the body of the request did not arrive whole")
        })?;
        if body.len() + chunk.len() > largest {
            return Err(too_large(largest));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large(largest: usize) -> ApiError {
    let message = format!("the body of the request is larger than {} KiB", largest / 1024);
    ApiError::new(Code::InvalidArgument, "BODY_TOO_LARGE", message).with("limitBytes", largest.to_string())
}

fn too_slow() -> ApiError {
    ApiError::new(Code::DeadlineExceeded, "BODY_TOO_SLOW", "the body of the request did not arrive within 10 seconds")
        .with_http_status(StatusCode::REQUEST_TIMEOUT)
        .with("limitSeconds", LONGEST.as_secs().to_string())
}
