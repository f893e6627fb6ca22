//! The server around the application: how long it waits for whom.

use crate::app::{self, Api};
use crate::certificate::Certificate;
use actix_web::dev::Server;
use actix_web::{HttpServer, web};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where it listens, and how it ends.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where.
    pub listen: SocketAddr,
    /// With which certificate, if calls come by TLS.
    pub certificate: Option<Arc<Certificate>>,
    /// Threads that serve calls.
    pub threads: u16,
    /// How long requests under way get after `shutdown`.
    pub drain_seconds: u64,
}

/// How long a client gets for a handshake, and then again for the head of its request.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// Connections of a thread, by which actix-web is bounded anyway. Handshakes have no bound below it: actix-tls would stop
/// to accept anybody at 256 of them, and as many clients that stay silent cost nothing.
const MOST_CONNECTIONS: usize = 25_000;

/// Listens when this returns; serves while the server is awaited, until `shutdown`.
///
/// # Errors
/// The address can't be listened on, or not by TLS.
pub fn serve(
    api: web::Data<Api>,
    serving: Serving,
    shutdown: CancellationToken,
) -> std::io::Result<(Server, SocketAddr)> {
    let server = HttpServer::new(move || app::app(api.clone()))
        .workers(usize::from(serving.threads))
        .max_connections(MOST_CONNECTIONS)
        .max_connection_rate(MOST_CONNECTIONS)
        .tls_handshake_timeout(HEAD_WITHIN)
        .client_request_timeout(HEAD_WITHIN)
        .keep_alive(Duration::from_secs(15))
        // A client that closes has gone away: it must not keep its place among those who wait.
        .h1_allow_half_closed(false)
        .shutdown_timeout(serving.drain_seconds)
        .shutdown_signal(shutdown.cancelled_owned());
    let server = match serving.certificate {
        None => server.bind(serving.listen)?,
        Some(certificate) => {
            server.bind_rustls_0_23(serving.listen, certificate.server().map_err(std::io::Error::other)?)?
        }
    };
    let address = server.addrs().first().copied().unwrap_or(serving.listen);
    Ok((server.run(), address))
}
