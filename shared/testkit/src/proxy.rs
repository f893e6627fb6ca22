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
    gate: Arc<watch::Sender<Gate>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    /// Connections end as those of a stopped server do.
    Cut,
    /// Connections end as those of a crashed machine do.
    Reset,
}

impl Proxy {
    /// An open link to `host:port`.
    ///
    /// # Panics
    /// No port is free.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let gate = Arc::new(watch::Sender::new(Gate::Open));
        let keeper = gate.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, mut gate) = (target.clone(), keeper.subscribe());
                tokio::spawn(async move {
                    if *gate.borrow() != Gate::Open {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(target).await else { return };
                    let _ = near.set_nodelay(true);
                    let _ = far.set_nodelay(true);
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = gate.wait_for(|gate| *gate != Gate::Open) => {}
                    }
                    if *gate.borrow() == Gate::Reset {
                        let _ = near.set_zero_linger();
                        let _ = far.set_zero_linger();
                    }
                });
            }
        });
        Self { address, gate }
    }

    /// Where the near end is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts all connections and refuses new ones.
    pub fn cut(&self) {
        self.gate.send_replace(Gate::Cut);
    }

    /// Resets all connections (RST instead of a good-bye) and refuses new ones.
    pub fn reset(&self) {
        self.gate.send_replace(Gate::Reset);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.gate.send_replace(Gate::Open);
    }
}
