//! Takes a request's body: bounded in size and in time, which actix-web's own extractors are not.

use crate::error::ApiError;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;
use operation::Code;
use std::time::Duration;

/// No request of ours needs more; checked before and while reading.
const LARGEST: usize = 256 * 1024;
/// A body that comes a byte a minute would hold its connection for ever.
const LONGEST: Duration = Duration::from_secs(10);

/// Reads the whole body.
///
/// # Errors
/// `INVALID_ARGUMENT` for one larger than 256 KiB, HTTP 408 for one that does not arrive within 10 s.
pub async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<Vec<u8>, ApiError> {
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > LARGEST as u64) {
        return Err(too_large());
    }
    // At the deadline a body is dropped half read, and refused as a whole.
    let read = tokio::time::timeout(LONGEST, read_all(payload)).await;
    read.unwrap_or_else(|_| Err(too_slow()))
}

async fn read_all(payload: &mut Payload) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| {
            ApiError::new(Code::InvalidArgument, "BODY_INCOMPLETE", "the body of the request did not arrive whole")
        })?;
        if body.len() + chunk.len() > LARGEST {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large() -> ApiError {
    ApiError::new(Code::InvalidArgument, "BODY_TOO_LARGE", "the body of the request is larger than 256 KiB")
        .with("limitBytes", LARGEST.to_string())
}

fn too_slow() -> ApiError {
    ApiError::new(Code::DeadlineExceeded, "BODY_TOO_SLOW", "the body of the request did not arrive within 10 seconds")
        .with_http_status(StatusCode::REQUEST_TIMEOUT)
        .with("limitSeconds", LONGEST.as_secs().to_string())
}
