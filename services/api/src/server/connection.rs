//! A client's connection, with the bounds that actix-http (3.20) lacks. Its head timer is for the first request of a
//! connection alone: half a head after a call would hold its place for ever. Nothing bounds how long an answer may wait to
//! be taken. And it reads on from who takes nothing, thousands of requests at a time, and at last in a circle without a
//! pause.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// The longest time between two requests, whatever trickles in meanwhile: what a connection is kept for, and a head.
pub const LONGEST_QUIET: Duration = Duration::from_secs(20);
/// The longest time in which nothing of an answer is taken.
pub const LONGEST_UNTAKEN: Duration = Duration::from_secs(10);
/// What is read at a time. actix-http takes all requests that it has read as far as they came, thousands of small ones, and
/// only then counts that it has 16.
const AT_A_TIME: usize = 1_024;

/// Whether a request of a connection is under way. The outermost layer tells it, its connection looks.
#[derive(Debug, Clone)]
pub struct Exchange(Rc<Cell<Option<Instant>>>);

/// A request is under way for as long as this is there.
#[derive(Debug)]
pub struct UnderWay(Exchange);

impl Exchange {
    fn new() -> Self {
        Self(Rc::new(Cell::new(Some(Instant::now()))))
    }

    /// A request has come whole, but for its body.
    pub fn begin(&self) -> UnderWay {
        self.0.set(None);
        UnderWay(self.clone())
    }

    /// Since when no request is under way.
    fn quiet_since(&self) -> Option<Instant> {
        self.0.get()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.set(Some(Instant::now()));
    }
}

/// A connection that ends when its client is too slow.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    exchange: Exchange,
    quiet: Pin<Box<Sleep>>,
    /// While there is no room for an answer.
    untaken: Option<Pin<Box<Sleep>>>,
    /// Reading has been put off until there is.
    reads_later: bool,
    /// As much has been read as may be at a time: what has come is looked at first.
    has_read: bool,
}

impl<S> Connection<S> {
    /// A connection that has just been made.
    pub fn new(stream: S) -> Self {
        let (exchange, quiet) = (Exchange::new(), Box::pin(sleep(LONGEST_QUIET)));
        Self { stream, exchange, quiet, untaken: None, reads_later: false, has_read: false }
    }

    /// For the layer that knows of requests.
    pub fn exchange(&self) -> Exchange {
        self.exchange.clone()
    }

    fn is_quiet_for_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        while self.quiet.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let until = self.exchange.quiet_since().unwrap_or(now) + LONGEST_QUIET;
            if until <= now {
                return true;
            }
            self.quiet.as_mut().reset(until);
        }
        false
    }

    /// What became of an attempt to send, unless there is no room for too long.
    fn sent<T>(&mut self, cx: &mut Context<'_>, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            if self.untaken.take().is_some() && std::mem::take(&mut self.reads_later) {
                cx.waker().wake_by_ref();
            }
            return sent;
        }
        let untaken = self.untaken.get_or_insert_with(|| Box::pin(sleep(LONGEST_UNTAKEN)));
        ready!(untaken.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_quiet_for_too_long(cx) {
            // As if the client had closed it.
            return Poll::Ready(Ok(()));
        }
        if this.untaken.is_some() {
            // What waits to send wakes us.
            this.reads_later = true;
            return Poll::Pending;
        }
        if std::mem::take(&mut this.has_read) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut bytes = [0; AT_A_TIME];
        let most = buffer.remaining().min(AT_A_TIME);
        let mut some = ReadBuf::new(&mut bytes[..most]);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut some))?;
        this.has_read = some.filled().len() == AT_A_TIME;
        buffer.put_slice(some.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let sent = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.sent(cx, sent)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let sent = Pin::new(&mut this.stream).poll_flush(cx);
        this.sent(cx, sent)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let sent = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.sent(cx, sent)
    }
}
