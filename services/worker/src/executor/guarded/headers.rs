//! Conditions on requests for which `object_store` has no option: completing an upload, deleting an object.
//!
//! The crate signs a request and hands it to an HTTP client of our choice. Ours adds the header that the caller set for the
//! current task. The signature does not cover it, and need not: version 4 signs `Host` and `x-amz-*`, and the crate itself
//! adds `If-None-Match` after signing.

use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use reqwest::header::HeaderValue;
use std::future::Future;
use std::pin::Pin;

tokio::task_local! {
    static HEADER: (&'static str, HeaderValue);
}

/// Makes clients that add the header of [`with_header`].
#[derive(Debug)]
pub struct ConditionalConnector;

impl HttpConnector for ConditionalConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Conditional(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct Conditional(HttpClient);

// As `async_trait` writes it, which is not worth a dependency.
impl HttpService for Conditional {
    fn call<'life0, 'async_trait>(
        &'life0 self,
        mut request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        if let Ok((name, value)) = HEADER.try_with(Clone::clone) {
            request.headers_mut().insert(name, value);
        }
        Box::pin(self.0.execute(request))
    }
}

/// Makes a request with one more header, where there is one. The client must be of [`ConditionalConnector`].
pub async fn with_header<F: Future>(header: Option<(&'static str, HeaderValue)>, request: F) -> F::Output {
    match header {
        Some(header) => HEADER.scope(header, request).await,
        None => request.await,
    }
}
