//! The server around the application: how long it waits for whom.

use crate::app::{self, Api};
use actix_web::dev::Server;
use actix_web::{HttpServer, web};
use std::net::SocketAddr;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where it listens, and how it ends.
#[derive(Debug, Clone, Copy)]
pub struct Serving {
    /// Where.
    pub listen: SocketAddr,
    /// Threads that serve calls.
    pub threads: u16,
    /// How long requests under way get after `shutdown`.
    pub drain_seconds: u64,
}

/// Listens when this returns; serves while the server is awaited, until `shutdown`.
///
/// # Errors
/// The address can't be listened on.
pub fn serve(
    api: web::Data<Api>,
    serving: Serving,
    shutdown: CancellationToken,
) -> std::io::Result<(Server, SocketAddr)> {
    let server = HttpServer::new(move || app::app(api.clone()))
        .workers(usize::from(serving.threads))
        .client_request_timeout(Duration::from_secs(5))
        .keep_alive(Duration::from_secs(15))
        // A client that closes has gone away: it must not keep its place among those who wait.
        .h1_allow_half_closed(false)
        .shutdown_timeout(serving.drain_seconds)
        .shutdown_signal(shutdown.cancelled_owned())
        .bind(serving.listen)?;
    let address = server.addrs().first().copied().unwrap_or(serving.listen);
    Ok((server.run(), address))
}
