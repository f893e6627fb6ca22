//! TLS with any certificate, good or bad, before a server that speaks without: a real server has only one.

use crate::authority::Issued;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How a client of Postgres asks for TLS: `SSLRequest`, of eight bytes.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Lets through what comes by TLS, and nothing else.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    encrypted: AtomicU64,
    refused: AtomicU64,
    plain: AtomicU64,
}

/// What lies behind.
#[derive(Clone)]
struct Behind {
    target: String,
    /// Whether clients ask for TLS as those of Postgres do.
    postgres: bool,
    tls: TlsAcceptor,
    counts: Arc<Counts>,
}

impl TlsFront {
    /// Before the server at `host:port`.
    ///
    /// # Panics
    /// No port is free, or the certificate is none.
    pub async fn to(target: String, issued: &Issued) -> Self {
        Self::start(target, issued, false).await
    }

    /// Before the Postgres at `host:port`.
    ///
    /// # Panics
    /// As [`TlsFront::to`].
    pub async fn to_postgres(target: String, issued: &Issued) -> Self {
        Self::start(target, issued, true).await
    }

    async fn start(target: String, issued: &Issued, postgres: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::<Counts>::default();
        let behind = Behind { target, postgres, tls: acceptor(issued), counts: counts.clone() };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(behind.clone().serve(near));
            }
        });
        Self { address, counts }
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections came through.
    pub fn encrypted(&self) -> u64 {
        self.counts.encrypted.load(Ordering::SeqCst)
    }

    /// How many clients did not like the certificate.
    pub fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::SeqCst)
    }

    /// How many clients began without TLS.
    pub fn plain(&self) -> u64 {
        self.counts.plain.load(Ordering::SeqCst)
    }
}

impl Behind {
    async fn serve(self, mut near: TcpStream) -> io::Result<()> {
        let _ = near.set_nodelay(true);
        if self.postgres {
            let mut request = [0; SSL_REQUEST.len()];
            near.read_exact(&mut request).await?;
            if request != SSL_REQUEST {
                self.counts.plain.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            near.write_all(b"S").await?;
        }
        let shaken = self.tls.accept(near).await;
        let counts = if shaken.is_ok() { &self.counts.encrypted } else { &self.counts.refused };
        counts.fetch_add(1, Ordering::SeqCst);
        let (mut near, mut far) = (shaken?, TcpStream::connect(&self.target).await?);
        let _ = far.set_nodelay(true);
        copy_bidirectional(&mut near, &mut far).await.map(drop)
    }
}

fn acceptor(issued: &Issued) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(&issued.certificate).expect("a file").collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_file(&issued.key).expect("a key");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth();
    Arc::new(config.with_single_cert(chain.expect("certificates"), key).expect("a pair")).into()
}
