//! The private listener of each process: `/healthz`, `/readyz`, `/metrics`.
//!
//! It has a thread of its own, so that it answers while the threads that it reports on hang.

use crate::heartbeat::{Heartbeats, READY_WITHIN};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Metrics that need longer leave out what must be looked up.
const METRICS_WITHIN: Duration = Duration::from_secs(5);

/// Whether a process can do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// All is there.
    Ready,
    /// It works, slower: the broker is down.
    Degraded,
    /// It can't work: the database is down.
    NotReady,
    /// It can't work: these threads do not answer.
    Unresponsive(String),
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
    pub fn answer(&self) -> (u16, String) {
        match self {
            Self::Ready => (200, r#"{"status":"ready"}"#.to_owned()),
            Self::Degraded => (200, r#"{"status":"degraded","broker":"down"}"#.to_owned()),
            Self::NotReady => (503, r#"{"status":"not ready","database":"down"}"#.to_owned()),
            Self::Unresponsive(threads) => (503, format!(r#"{{"status":"not ready","unresponsive":"{threads}"}}"#)),
        }
    }
}

/// The HTTP status and JSON body of `/healthz`: whether a thread hangs, which only a restart ends.
pub fn liveness<'a>(heartbeats: impl IntoIterator<Item = &'a Heartbeats>) -> (u16, String) {
    match heartbeats.into_iter().find_map(Heartbeats::not_alive) {
        Some(threads) => (503, format!(r#"{{"status":"not alive","unresponsive":"{threads}"}}"#)),
        None => (200, r#"{"status":"alive"}"#.to_owned()),
    }
}

/// What a process tells of itself. Runs on the process's main runtime.
pub trait Probe: Send + Sync + 'static {
    /// Whether it can work.
    fn readiness(&self) -> impl Future<Output = Readiness> + Send;

    /// Its metrics in the text format of Prometheus. What must be looked up first is looked up here.
    fn metrics(&self) -> impl Future<Output = String> + Send {
        async { crate::metrics::render() }
    }
}

/// What the listener's thread knows of the process.
struct Watched<P> {
    probe: Arc<P>,
    main: Handle,
    heartbeats: Vec<Heartbeats>,
}

/// Serves on a thread of its own until `shutdown`. Call it on the main runtime, which is watched in addition to `heartbeats`.
///
/// # Errors
/// The address can't be listened on, or the machine refuses a thread.
pub async fn serve(
    listen: SocketAddr,
    probe: impl Probe,
    mut heartbeats: Vec<Heartbeats>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    // Of this runtime for a moment, to be moved to the other one.
    let listener = TcpListener::bind(listen).await?.into_std()?;
    let main = Heartbeats::new("runtimes", 1);
    tokio::spawn(main.clone().beat());
    heartbeats.push(main);
    let watched = Arc::new(Watched { probe: Arc::new(probe), main: Handle::current(), heartbeats });
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(accept(listener, watched, shutdown)) {
            tracing::error!(%error, "the admin listener has ended");
        }
    })?;
    Ok(())
}

async fn accept(
    listener: std::net::TcpListener,
    watched: Arc<Watched<impl Probe>>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let stream = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, say: the next accept would fail at once as well.
                    tracing::warn!(%error, "the admin listener could not accept");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
        };
        let watched = watched.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, watched.clone()));
            // A client that goes away in mid-answer is no concern of ours.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(hyper_util::rt::TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    watched: Arc<Watched<impl Probe>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => {
            let (status, body) = liveness(&watched.heartbeats);
            (status, "application/json", body)
        }
        (&Method::GET, "/readyz") => {
            let (status, body) = watched.readiness().await.answer();
            (status, "application/json", body)
        }
        (&Method::GET, "/metrics") => (200, "text/plain; version=0.0.4", watched.metrics().await),
        _ => (404, "application/json", r#"{"error":"try /healthz, /readyz or /metrics"}"#.to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(kind));
    Ok(response)
}

impl<P: Probe> Watched<P> {
    async fn readiness(&self) -> Readiness {
        if let Some(threads) = self.unresponsive() {
            return Readiness::Unresponsive(threads);
        }
        let probe = self.probe.clone();
        let looked = self.on_main(READY_WITHIN, async move { probe.readiness().await }).await;
        // No answer: the runtime has come to hang meanwhile, or else it waits for a database that is silent.
        looked.unwrap_or_else(|| self.unresponsive().map_or(Readiness::NotReady, Readiness::Unresponsive))
    }

    async fn metrics(&self) -> String {
        if self.unresponsive().is_some() {
            return crate::metrics::render();
        }
        let probe = self.probe.clone();
        let looked = self.on_main(METRICS_WITHIN, async move { probe.metrics().await }).await;
        looked.unwrap_or_else(crate::metrics::render)
    }

    fn unresponsive(&self) -> Option<String> {
        self.heartbeats.iter().find_map(Heartbeats::not_ready)
    }

    /// Runs it on the main runtime, where the connections of the pools live. Nothing if it panics or is too slow.
    async fn on_main<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let task = self.main.spawn(work);
        let abort = task.abort_handle();
        let Ok(result) = tokio::time::timeout(within, task).await else {
            abort.abort();
            return None;
        };
        result.ok()
    }
}
