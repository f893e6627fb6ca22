//! The server around the application: how long it waits for whom.

pub mod certificate;
pub mod connection;
pub mod unread;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_tls::accept::rustls_0_23::reexports::ServerConfig;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_tls::accept::{TlsError, max_concurrent_tls_connect};
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::{App, Error};
use certificate::Certificate;
use connection::Connection;
use runtime::heartbeat::Heartbeats;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

/// Where it listens, and how it ends.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where.
    pub listen: SocketAddr,
    /// With which certificate, if calls come by TLS.
    pub certificate: Option<Arc<Certificate>>,
    /// How long requests under way get after `shutdown`.
    pub drain_seconds: u64,
}

/// How long a client gets for a handshake, and then again for the head of its first request. [`Connection`] has the bounds
/// for what comes after it.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection is kept between two requests.
const KEPT_FOR: Duration = Duration::from_secs(15);
/// How long a client gets to take the last of an answer, before its connection is closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);
/// Connections of a thread, by which actix-web is bounded anyway. Handshakes have no bound below it: actix-tls would stop
/// to accept anybody at 256 of them, and as many clients that stay silent cost nothing.
const MOST_CONNECTIONS: usize = 25_000;
/// Connections that nobody has accepted yet.
const BACKLOG: u32 = 2_048;
const NAME: &str = "api";

/// Listens when this returns; serves while the server is awaited, until `shutdown`. As many threads serve as `threads`
/// expects; each of them calls `app`, and beats from then on.
///
/// # Errors
/// The address can't be listened on, or not by TLS.
pub fn serve<T>(
    app: impl Fn() -> App<T> + Clone + Send + 'static,
    threads: Heartbeats,
    serving: Serving,
    shutdown: CancellationToken,
) -> io::Result<(Server, SocketAddr)>
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + 'static,
{
    let Serving { listen, certificate, drain_seconds } = serving;
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    let listener = socket.listen(BACKLOG)?.into_std()?;
    let address = listener.local_addr()?;
    let server = ServerBuilder::new()
        .workers(threads.expected())
        .max_concurrent_connections(MOST_CONNECTIONS)
        .shutdown_timeout(drain_seconds)
        .shutdown_signal(shutdown.cancelled_owned());
    let ending = server.graceful_shutdown_signal();
    let server = match certificate {
        None => server.listen(NAME, listener, move || {
            tokio::spawn(threads.clone().beat());
            plain(app(), ending.clone())
        })?,
        Some(certificate) => {
            max_concurrent_tls_connect(MOST_CONNECTIONS);
            let config = certificate.server().map_err(io::Error::other)?;
            server.listen(NAME, listener, move || {
                tokio::spawn(threads.clone().beat());
                tls(config.clone(), app(), ending.clone())
            })?
        }
    };
    Ok((server.run(), address))
}

fn plain<T>(
    app: App<T>,
    ending: GracefulShutdownSignal,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + 'static,
{
    fn_service(async |stream: TcpStream| {
        let peer = stream.peer_addr()?;
        Ok((Connection::new(stream), Protocol::Http1, Some(peer)))
    })
    .and_then(http(app, ending))
}

fn tls<T>(
    mut config: ServerConfig,
    app: App<T>,
    ending: GracefulShutdownSignal,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = TlsError<io::Error, DispatchError>, InitError = ()>
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + 'static,
{
    config.alpn_protocols.insert(0, b"http/1.1".to_vec());
    let mut acceptor = Acceptor::new(config);
    acceptor.set_handshake_timeout(HEAD_WITHIN);
    acceptor
        .map_err(TlsError::into_service_error)
        .and_then(async |stream: TlsStream<TcpStream>| {
            let peer = stream.get_ref().0.peer_addr().map_err(|error| TlsError::Service(error.into()))?;
            Ok((Connection::new(stream), Protocol::Http1, Some(peer)))
        })
        .and_then(http(app, ending).map_err(TlsError::Service))
}

fn http<S, T>(
    app: App<T>,
    ending: GracefulShutdownSignal,
) -> impl ServiceFactory<
    (Connection<S>, Protocol, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + 'static,
{
    let app = app.into_factory().map_err(|error| error.error_response());
    HttpService::build()
        .client_request_timeout(HEAD_WITHIN)
        .keep_alive(KEPT_FOR)
        .client_disconnect_timeout(CLOSED_WITHIN)
        // A client that closes has gone away: it must not keep its place among those who wait.
        .h1_allow_half_closed(false)
        .graceful_shutdown_signal(move || {
            let ending = ending.clone();
            async move { ending.notified().await }
        })
        .on_connect_ext(|connection: &Connection<S>, data| {
            data.insert(connection.exchange());
        })
        .finish(map_config(app, |()| AppConfig::default()))
}
