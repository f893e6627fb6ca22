//! A TCP link with faults of its own, to stand between one process and its broker or database.

use crate::commits::{CommitTap, Seen};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a link does to its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Lets everything through.
    Open,
    /// Connections end as those of a stopped server do, and new ones are refused.
    Cut,
    /// Connections end as those of a crashed machine do (RST instead of a good-bye), and new ones are refused.
    Reset,
    /// Nothing comes through in either direction, and nobody is told. What was sent comes through when the link is
    /// mended, as TCP sends it again after a partition.
    Blackhole,
    /// Each piece of data is late by as much.
    Delay(Duration),
}

/// A TCP link to one address.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    link: Arc<Link>,
}

/// What a link's connections share.
#[derive(Debug)]
struct Link {
    target: Mutex<String>,
    mode: watch::Sender<Mode>,
    /// How often all connections there were have been silenced.
    silenced: AtomicU64,
    /// Whether the far end speaks as Postgres does.
    postgres: bool,
    /// Whether the next write that is seen committed loses its answer.
    armed: AtomicBool,
    cut_commits: AtomicU64,
    /// What came through in either direction, once somebody wants to know.
    recorded: Mutex<Option<Vec<u8>>>,
}

/// Whose words a pump carries.
#[derive(Debug, Clone, Copy)]
enum Side {
    /// The client's.
    Near,
    /// The server's.
    Far,
}

/// Why a connection's pumps ended.
enum End {
    /// Both sides have said good-bye, or one is gone.
    Closed,
    /// A commit's answer was held back: the near end must learn nothing.
    CommitCut,
}

impl Proxy {
    /// An open link to `host:port`.
    ///
    /// # Panics
    /// No port is free.
    pub async fn to(target: String) -> Self {
        Self::start(target, false).await
    }

    /// An open link to a Postgres at `host:port`, which can lose the answer to a commit.
    ///
    /// # Panics
    /// No port is free.
    pub async fn to_postgres(target: String) -> Self {
        Self::start(target, true).await
    }

    async fn start(target: String, postgres: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let mode = watch::Sender::new(Mode::Open);
        let (armed, cut_commits, silenced) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        let target = Mutex::new(target);
        let link = Arc::new(Link { target, mode, silenced, postgres, armed, cut_commits, recorded: Mutex::default() });
        let shared = link.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(connection(near, shared.clone()));
            }
        });
        Self { address, link }
    }

    /// New connections go to this `host:port`, as when a name leads to another server.
    pub fn lead_to(&self, target: String) {
        *self.link.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Where the near end is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the link does from now on, to the connections there are and to new ones.
    pub fn set(&self, mode: Mode) {
        self.link.mode.send_replace(mode);
    }

    /// Cuts all connections and refuses new ones.
    pub fn cut(&self) {
        self.set(Mode::Cut);
    }

    /// Resets all connections (RST instead of a good-bye) and refuses new ones.
    pub fn reset(&self) {
        self.set(Mode::Reset);
    }

    /// The connections there are swallow all that is sent from now on, in either direction, and nobody is told. New ones
    /// work.
    pub fn silence(&self) {
        self.link.silenced.fetch_add(1, Ordering::SeqCst);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.set(Mode::Open);
    }

    /// The next write that the server has committed loses its answer: the connection is reset in its place. `false`
    /// takes the order back.
    pub fn cut_next_commit(&self, armed: bool) {
        self.link.armed.store(armed, Ordering::SeqCst);
    }

    /// Keeps what comes through from now on.
    pub fn record(&self) {
        self.link.recorded.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// What came through since [`Proxy::record`], in both directions and of all connections, piece by piece.
    pub fn recorded(&self) -> Vec<u8> {
        self.link.recorded.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// How many answers to commits were lost so far.
    pub fn cut_commits(&self) -> u64 {
        self.link.cut_commits.load(Ordering::SeqCst)
    }
}

async fn connection(mut near: TcpStream, link: Arc<Link>) {
    let mut mode = link.mode.subscribe();
    passable(&mut mode).await;
    if broken(*mode.borrow()) {
        if *mode.borrow() == Mode::Reset {
            let _ = near.set_zero_linger();
        }
        return;
    }
    let target = link.target.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Ok(mut far) = TcpStream::connect(&target).await else { return };
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    let end = {
        let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
        let tap = link.postgres.then(CommitTap::default);
        tokio::select! {
            end = pumps((near_in, far_out), (far_in, near_out), tap, &link) => end,
            _ = mode.wait_for(|mode| broken(*mode)) => End::Closed,
        }
    };
    let reset = *link.mode.borrow() == Mode::Reset;
    if reset {
        let _ = far.set_zero_linger();
    }
    if reset || matches!(end, End::CommitCut) {
        let _ = near.set_zero_linger();
    }
}

/// Both directions, until both have ended or one has failed.
async fn pumps(
    out: (ReadHalf<'_>, WriteHalf<'_>),
    back: (ReadHalf<'_>, WriteHalf<'_>),
    tap: Option<CommitTap>,
    link: &Link,
) -> End {
    let tap = tap.map(Mutex::new);
    let (out, back) = (pump(out, Side::Near, tap.as_ref(), link), pump(back, Side::Far, tap.as_ref(), link));
    match tokio::try_join!(out, back) {
        Ok(_) => End::Closed,
        Err(end) => end,
    }
}

async fn pump(
    (mut from, mut to): (ReadHalf<'_>, WriteHalf<'_>),
    side: Side,
    tap: Option<&Mutex<CommitTap>>,
    link: &Link,
) -> Result<(), End> {
    let closed = |_: io::Error| End::Closed;
    let mut mode = link.mode.subscribe();
    let silenced = link.silenced.load(Ordering::SeqCst);
    let mut piece = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut piece).await.map_err(closed)?;
        if link.silenced.load(Ordering::SeqCst) > silenced {
            // The end of one side is told to the other, or connections would pile up.
            if length == 0 {
                return Err(End::Closed);
            }
            continue;
        }
        passable(&mut mode).await;
        let delay = match *mode.borrow() {
            Mode::Delay(delay) => Some(delay),
            Mode::Open | Mode::Cut | Mode::Reset | Mode::Blackhole => None,
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        if length == 0 {
            return to.shutdown().await.map_err(closed);
        }
        let seen = tap.map_or(Seen::Nothing, |tap| look(tap, side, &piece[..length]));
        if seen == Seen::Commit && link.armed.swap(false, Ordering::SeqCst) {
            link.cut_commits.fetch_add(1, Ordering::SeqCst);
            return Err(End::CommitCut);
        }
        if let Some(recorded) = link.recorded.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            recorded.extend_from_slice(&piece[..length]);
        }
        to.write_all(&piece[..length]).await.map_err(closed)?;
    }
}

fn look(tap: &Mutex<CommitTap>, side: Side, piece: &[u8]) -> Seen {
    let mut tap = tap.lock().unwrap_or_else(PoisonError::into_inner);
    match side {
        Side::Near => {
            tap.ask(piece);
            Seen::Nothing
        }
        Side::Far => tap.answer(piece),
    }
}

/// Waits until data may come through, or the connection is to end.
async fn passable(mode: &mut watch::Receiver<Mode>) {
    // The sender lives as long as the link.
    let _ = mode.wait_for(|mode| *mode != Mode::Blackhole).await;
}

const fn broken(mode: Mode) -> bool {
    matches!(mode, Mode::Cut | Mode::Reset)
}
