//! tokio-postgres by TLS. It has no TLS of its own, only places where one is put in.

use crate::trust::{TrustError, trusting};
use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{CancelToken, Client, Config, Error, NoTls};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Encrypted;

/// How a Postgres is reached. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PostgresLink {
    /// By TLS, if there is one.
    client: Option<Arc<ClientConfig>>,
}

/// Moves a connection's bytes. Ends with the connection.
pub type Driver = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

type Handshake<S> = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

impl PostgresLink {
    /// Without TLS.
    pub const fn plain() -> Self {
        Self { client: None }
    }

    /// By TLS alone: the server must show a certificate for its host's name, by an authority in this file.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn verified(authorities: &Path) -> Result<Self, TrustError> {
        Ok(Self { client: Some(Arc::new(trusting(authorities)?)) })
    }

    /// Connects. What the configuration says of TLS does not count.
    ///
    /// # Errors
    /// The server can't be reached, is not whom it should be, or refuses.
    pub async fn connect(&self, config: &Config) -> Result<(Client, Driver), Error> {
        let mut config = config.clone();
        // Boxed, for a handshake is large, and whoever connects would carry its room for as long as it lives.
        match &self.client {
            None => {
                let (client, connection) = Box::pin(config.ssl_mode(SslMode::Disable).connect(NoTls)).await?;
                Ok((client, Box::pin(connection)))
            }
            Some(tls) => {
                let connector = Connector(tls.clone());
                let (client, connection) = Box::pin(config.ssl_mode(SslMode::Require).connect(connector)).await?;
                Ok((client, Box::pin(connection)))
            }
        }
    }

    /// Asks the server to cancel the query of a connection that was made by this link.
    ///
    /// # Errors
    /// As [`PostgresLink::connect`]: a cancel is a connection of its own.
    pub async fn cancel(&self, query: &CancelToken) -> Result<(), Error> {
        match &self.client {
            None => Box::pin(query.cancel_query(NoTls)).await,
            Some(tls) => Box::pin(query.cancel_query(Connector(tls.clone()))).await,
        }
    }
}

#[derive(Clone)]
struct Connector(Arc<ClientConfig>);

/// A connector that knows whose certificate it wants to see.
struct To {
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Stream<S>;
    type TlsConnect = To;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<To, InvalidDnsNameError> {
        Ok(To { name: ServerName::try_from(host.to_owned())?, connector: self.0.clone().into() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for To {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Handshake<S>;

    fn connect(self, stream: S) -> Handshake<S> {
        Box::pin(async move { Ok(Stream(self.connector.connect(self.name, stream).await?)) })
    }
}

/// An encrypted stream, with the name that tokio-postgres wants it to have.
struct Stream<S>(Encrypted<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    /// None: the password is bound to nothing more, for who has shown the certificate is whom we meant.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
