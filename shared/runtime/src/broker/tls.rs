//! The broker by TLS.
//!
//! lapin has TLS of its own, with three dozen crates to read PKCS#12, and would trust the public authorities beside the
//! named ones. So it is given a reactor whose connections have shaken hands already: to lapin they are plain.

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_util::Stream;
use futures_util::io::{AsyncRead, AsyncWrite};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

/// Whom a connection must reach.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    /// Whom we trust.
    pub(super) client: Arc<ClientConfig>,
    /// The name that the broker's certificate must be for.
    pub(super) name: ServerName<'static>,
}

/// All that lapin asks of a runtime.
pub(super) type VerifiedRuntime = Runtime<RuntimeParts<Tokio, VerifiedReactor>>;

/// tokio, but each connection is by TLS.
#[derive(Debug, Clone)]
pub(super) struct VerifiedReactor {
    tokio: Tokio,
    verified: Verified,
}

impl Verified {
    /// The runtime for one connection, on the tokio runtime that this is called in.
    pub(super) fn runtime(&self) -> VerifiedRuntime {
        let reactor = VerifiedReactor { tokio: Tokio::current(), verified: self.clone() };
        Runtime::new(RuntimeParts::new(Tokio::current(), reactor))
    }
}

impl Reactor for VerifiedReactor {
    type TcpStream = Compat<TlsStream<TcpStream>>;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.tokio.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.tokio.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.tokio.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let Verified { client, name } = self.verified.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            // A hint is small, and waits for nothing.
            stream.set_nodelay(true)?;
            Ok(TlsConnector::from(client).connect(name, stream).await?.compat())
        }
    }
}
