//! The private listener of each process: `/healthz`, `/readyz`, `/metrics`.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Whether a process can do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// All is there.
    Ready,
    /// It works, slower: the broker is down.
    Degraded,
    /// It can't work: the database is down, or the process ends.
    NotReady,
}

impl Readiness {
    /// What the parts make of the whole.
    pub const fn of(database_up: bool, broker_up: bool) -> Self {
        match (database_up, broker_up) {
            (false, _) => Self::NotReady,
            (true, false) => Self::Degraded,
            (true, true) => Self::Ready,
        }
    }

    /// The HTTP status and JSON body of `/readyz`.
    pub const fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Ready => (200, r#"{"status":"ready"}"#),
            Self::Degraded => (200, r#"{"status":"degraded","broker":"down"}"#),
            Self::NotReady => (503, r#"{"status":"not ready","database":"down"}"#),
        }
    }
}

/// What a process tells of itself.
pub trait Probe: Send + Sync + 'static {
    /// Whether it can work.
    fn readiness(&self) -> impl Future<Output = Readiness> + Send;

    /// Its metrics in the text format of Prometheus. What must be looked up first is looked up here.
    fn metrics(&self) -> impl Future<Output = String> + Send {
        async { crate::metrics::render() }
    }
}

/// Serves until `shutdown`.
///
/// # Errors
/// The address can't be listened on.
pub async fn serve(listen: SocketAddr, probe: impl Probe, shutdown: CancellationToken) -> std::io::Result<()> {
    let probe = Arc::new(probe);
    let listener = TcpListener::bind(listen).await?;
    tokio::spawn(async move {
        loop {
            let stream = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of file descriptors, say: the next accept would fail at once as well.
                        tracing::warn!(%error, "the admin listener could not accept");
                        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                        continue;
                    }
                },
            };
            let probe = probe.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(request, probe.clone()));
                // A client that goes away in mid-answer is no concern of ours.
                let _ = hyper::server::conn::http1::Builder::new()
                    .timer(hyper_util::rt::TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(())
}

async fn answer(request: Request<Incoming>, probe: Arc<impl Probe>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => (200, "application/json", r#"{"status":"alive"}"#.to_owned()),
        (&Method::GET, "/readyz") => {
            let (status, body) = probe.readiness().await.answer();
            (status, "application/json", body.to_owned())
        }
        (&Method::GET, "/metrics") => (200, "text/plain; version=0.0.4", probe.metrics().await),
        _ => (404, "application/json", r#"{"error":"try /healthz, /readyz or /metrics"}"#.to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(kind));
    Ok(response)
}
