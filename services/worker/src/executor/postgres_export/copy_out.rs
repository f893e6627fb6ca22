//! The rows of a `COPY … TO STDOUT`, from the wire into blocks.

use super::source::{Filled, pulse};
use super::wire::Wire;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Interval;
use tokio_postgres::{CopyOutStream, Error};

/// Rows on their way.
pub(super) struct Rows {
    stream: Pin<Box<CopyOutStream>>,
    /// What of the last row did not fit the block.
    rest: Bytes,
    count: u64,
    pulse: Interval,
}

impl Rows {
    pub(super) fn new(stream: CopyOutStream) -> Self {
        Self { stream: Box::pin(stream), rest: Bytes::new(), count: 0, pulse: pulse() }
    }

    /// Rows seen: the server sends each as one message.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Fills the block up to `size`. Safe to drop: each row is in the block, in the rest, or still on the wire.
    pub(super) async fn fill(&mut self, wire: &mut Wire, block: &mut BytesMut, size: usize) -> Result<Filled, Error> {
        poll_fn(|cx| self.poll_fill(cx, wire, block, size)).await
    }

    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        block: &mut BytesMut,
        size: usize,
    ) -> Poll<Result<Filled, Error>> {
        // Taking rows makes room for the wire to bring more, and the wire brings rows to take: both are asked until
        // the wire has nothing for us.
        let mut wire_is_fresh = false;
        loop {
            if !self.rest.is_empty() {
                let fits = self.rest.len().min(size.saturating_sub(block.len()));
                block.extend_from_slice(&self.rest[..fits]);
                self.rest.advance(fits);
                if block.len() >= size {
                    return Poll::Ready(Ok(Filled::Block));
                }
            }
            match self.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(row)) => {
                    self.rest = row?;
                    self.count += 1;
                    wire_is_fresh = false;
                }
                Poll::Ready(None) => return Poll::Ready(Ok(Filled::End)),
                Poll::Pending if !wire_is_fresh => {
                    // The connection's end shows in the stream: it fails.
                    let _ = wire.poll(cx);
                    wire_is_fresh = true;
                }
                Poll::Pending => return self.pulse.poll_tick(cx).map(|_| Ok(Filled::Pulse)),
            }
        }
    }
}
