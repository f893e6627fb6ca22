//! Sockets of clients that are slow on purpose, each in its own way.

use crate::fixture::{Fixture, NATIVE};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

/// How a socket is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// It says nothing.
    Silent,
    /// A head that goes on and on.
    Head,
    /// The head of a create, and a body that goes on and on.
    Body,
    /// The same in chunks, whose number nobody knows.
    Chunks,
    /// Large answers asked for, and none read.
    Answer,
    /// The same, and more asked for all the time.
    Answers,
    /// A call that was answered, and no other.
    Idle,
    /// A call that was answered, and a head that goes on and on.
    NextHead,
}

impl Way {
    pub const ALL: [Self; 8] =
        [Self::Silent, Self::Head, Self::Body, Self::Chunks, Self::Answer, Self::Answers, Self::Idle, Self::NextHead];

    /// Opens a socket and sends what comes before the waiting.
    pub async fn begin(self, fixture: &Fixture) -> TcpStream {
        let address: SocketAddr = fixture.url.trim_start_matches("http://").parse().expect("an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        if self.reads_nothing() {
            // The sooner an answer has no room.
            socket.set_recv_buffer_size(4_096).expect("a small buffer");
        }
        let mut stream = socket.connect(address).await.expect("a connection");
        let first = match self {
            Self::Silent => String::new(),
            Self::Head => head("GET", "/healthz") + "x-slow: ",
            Self::Body => head("POST", NATIVE) + "content-length: 200000\r\n\r\n{",
            Self::Chunks => head("POST", NATIVE) + "transfer-encoding: chunked\r\n\r\n30000\r\n{",
            Self::Answer | Self::Answers => document(),
            Self::Idle | Self::NextHead => head("GET", "/healthz") + "\r\n",
        };
        stream.write_all(first.as_bytes()).await.expect("sent");
        if matches!(self, Self::Idle | Self::NextHead) {
            let mut answer = vec![0; 4_096];
            let read = stream.read(&mut answer).await.expect("an answer");
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
        }
        if self == Self::NextHead {
            stream.write_all((head("GET", "/healthz") + "x-slow: ").as_bytes()).await.expect("sent");
        }
        stream
    }

    /// Sends a little more at each drip, until the server ends the connection; returns what it said.
    pub async fn go_on(self, stream: TcpStream, mut drips: watch::Receiver<u32>) -> String {
        let (mut reader, mut writer) = stream.into_split();
        let more = match self {
            Self::Silent | Self::Idle => String::new(),
            // A letter: part of a head, of a body, of the head after sixteen others.
            Self::Head | Self::Body | Self::Chunks | Self::NextHead | Self::Answer => "G".to_owned(),
            Self::Answers => document(),
        };
        let drip = async { while drips.changed().await.is_ok() && writer.write_all(more.as_bytes()).await.is_ok() {} };
        let mut said = Vec::new();
        if self.reads_nothing() {
            // Its end shows when it sends.
            drip.await;
        } else {
            let read = async {
                // An error is an end too.
                reader.read_to_end(&mut said).await.ok();
            };
            tokio::select! {
                () = read => {}
                () = async { drip.await; std::future::pending().await } => {}
            }
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    fn reads_nothing(self) -> bool {
        matches!(self, Self::Answer | Self::Answers)
    }

    /// What the server says last.
    pub fn farewell(self) -> &'static str {
        match self {
            Self::Silent | Self::Head => "HTTP/1.1 408",
            Self::Body | Self::Chunks => "BODY_TOO_SLOW",
            Self::Answer | Self::Answers | Self::Idle | Self::NextHead => "",
        }
    }
}

/// The head of a call, without the empty line that ends it.
fn head(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer mine-token\r\n")
}

/// The largest answer there is, sixteen times.
pub fn document() -> String {
    (head("GET", "/openapi.json") + "\r\n").repeat(16)
}
