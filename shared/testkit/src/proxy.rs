//! A TCP link that can be cut and mended, to stand between a process and its broker or database.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A TCP link to one address.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    open: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// An open link to `host:port`.
    ///
    /// # Panics
    /// No port is free.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let open = Arc::new(watch::Sender::new(true));
        let gate = open.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, mut gate) = (target.clone(), gate.subscribe());
                tokio::spawn(async move {
                    // A closed gate drops the connection as a stopped server would.
                    if !*gate.borrow() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(target).await else { return };
                    let _ = near.set_nodelay(true);
                    let _ = far.set_nodelay(true);
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = gate.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { address, open }
    }

    /// Where the near end is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts all connections and refuses new ones.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}
