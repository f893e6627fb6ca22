//! Sockets of clients that are slow on purpose, each in its own way.

use crate::client::Client;
use anyhow::{Context, Result};
use reqwest::Method;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

const DRIP: Duration = Duration::from_secs(1);
/// So little that an answer soon has no room.
const SMALL: u32 = 4_096;
/// As many requests as a server is glad to take at once.
const PIPELINED: usize = 16;

/// How a socket is slow.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// It says nothing.
    Silent,
    /// A head that goes on and on, a byte each second.
    Head,
    /// The head of a create, and its body a byte each second.
    Body,
    /// Large answers asked for, and none read.
    Answer,
    /// A call that was answered, and no other.
    Idle,
    /// A call that was answered, and half the head of another.
    NextHead,
}

const WAYS: [Way; 6] = [Way::Silent, Way::Head, Way::Body, Way::Answer, Way::Idle, Way::NextHead];

/// Sockets that are held open: one that the server ends is opened anew.
pub struct SlowSockets {
    sockets: JoinSet<()>,
    held: Arc<AtomicUsize>,
    opened: Arc<AtomicUsize>,
}

impl SlowSockets {
    /// Opens so many, in equal parts of each way.
    pub fn open(client: &Client, address: SocketAddr, count: usize) -> Self {
        let (held, opened) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut sockets = JoinSet::new();
        for (number, way) in (0..count).zip(WAYS.into_iter().cycle()) {
            let (client, held, opened) = (client.clone(), held.clone(), opened.clone());
            sockets.spawn(async move {
                // Not all in one moment: no more than a queue of connections takes.
                tokio::time::sleep(Duration::from_millis(number as u64)).await;
                loop {
                    if let Ok(stream) = way.begin(&client, address).await {
                        opened.fetch_add(1, Ordering::Relaxed);
                        held.fetch_add(1, Ordering::Relaxed);
                        way.go_on(stream).await;
                        held.fetch_sub(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
        Self { sockets, held, opened }
    }

    /// How many are open now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// How many were opened in all.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Closes them all.
    pub async fn close(mut self) {
        self.sockets.shutdown().await;
    }
}

impl Way {
    /// Opens a socket and sends what comes before the waiting.
    async fn begin(self, client: &Client, address: SocketAddr) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if matches!(self, Self::Answer) {
            socket.set_recv_buffer_size(SMALL)?;
        }
        let mut stream = socket.connect(address).await?;
        let first = match self {
            Self::Silent => String::new(),
            Self::Head => client.head(&Method::GET, "/healthz") + "x-slow: ",
            Self::Body => client.head(&Method::POST, client.create_path()) + "content-length: 100000\r\n\r\n{",
            Self::Answer => (client.head(&Method::GET, "/openapi.json") + "\r\n").repeat(PIPELINED),
            Self::Idle | Self::NextHead => client.head(&Method::GET, "/healthz") + "\r\n",
        };
        stream.write_all(first.as_bytes()).await?;
        if matches!(self, Self::Idle | Self::NextHead) {
            // The whole answer: it is short.
            stream.read(&mut [0; 4_096]).await.context("no answer")?;
        }
        if matches!(self, Self::NextHead) {
            stream.write_all(b"GET /heal").await?;
        }
        Ok(stream)
    }

    /// Returns when the server has ended it.
    async fn go_on(self, mut stream: TcpStream) {
        match self {
            Self::Head | Self::Body => {
                let mut tick = tokio::time::interval(DRIP);
                loop {
                    tick.tick().await;
                    if stream.write_all(b" ").await.is_err() || stream.try_read(&mut [0; 4_096]).is_ok() {
                        return;
                    }
                }
            }
            // A byte that is not read: its end shows when it is sent to.
            Self::Answer => {
                let mut tick = tokio::time::interval(DRIP);
                while stream.write_all(b"G").await.is_ok() {
                    tick.tick().await;
                }
            }
            Self::Silent | Self::Idle | Self::NextHead => while let Ok(1..) = stream.read(&mut [0; 4_096]).await {},
        }
    }
}
