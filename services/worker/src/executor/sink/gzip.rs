//! Compression of an output, off the async threads.

use super::wait;
use crate::safepoint::{Ended, Safepoint};
use crate::work::Work;
use bytes::buf::Writer;
use bytes::{BufMut, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use operation::{Code, Failure, Progress};
use std::io::{self, Write};
use tokio::task::JoinHandle;

/// How much is compressed at a time: a stop waits for one block at most.
pub(super) const BLOCK: usize = 1024 * 1024;

type Encoder = GzEncoder<Writer<BytesMut>>;

/// A compressor, and the one block it is compressing.
pub(super) struct Gzip {
    state: State,
    /// A written part's buffer, to be filled again.
    spare: Option<BytesMut>,
}

enum State {
    /// The encoder is here.
    Idle(Box<Encoder>),
    /// The encoder compresses a block, and comes back with the block's buffer.
    Busy(JoinHandle<io::Result<(Box<Encoder>, BytesMut)>>),
    /// A wait was broken off, or finished: nothing more can be compressed.
    Gone,
}

impl Gzip {
    /// A compressor at the start of an object. The header holds neither name nor time: each attempt writes the same.
    pub(super) fn new() -> Self {
        let encoder = GzEncoder::new(BytesMut::new().writer(), Compression::default());
        Self { state: State::Idle(Box::new(encoder)), spare: None }
    }

    /// Waits for the block under way; returns its emptied buffer, or a new one.
    pub(super) async fn settle(&mut self, cx: &Safepoint, progress: Progress) -> Result<BytesMut, Ended> {
        let State::Busy(busy) = &mut self.state else { return Ok(BytesMut::with_capacity(BLOCK)) };
        let compressed = wait(cx, "waiting for a block to be compressed", progress, busy).await?;
        let (encoder, buffer) = compressed.map_err(io::Error::other).flatten().map_err(|_| broken())?;
        self.state = State::Idle(encoder);
        Ok(buffer)
    }

    /// Takes a full part out, if there is one. To be called between [`Gzip::settle`] and [`Gzip::start`].
    pub(super) fn take_part(&mut self, size: usize) -> Option<BytesMut> {
        let State::Idle(encoder) = &mut self.state else { return None };
        let compressed = encoder.get_mut().get_mut();
        if compressed.len() < size {
            return None;
        }
        // Some stores want all parts but the last to be of one size, so the part is cut to measure.
        let mut next = self.spare.take().unwrap_or_else(|| BytesMut::with_capacity(size + BLOCK));
        next.extend_from_slice(&compressed[size..]);
        let mut part = std::mem::replace(compressed, next);
        part.truncate(size);
        Some(part)
    }

    /// Gives a part's emptied buffer back.
    pub(super) fn give_back(&mut self, buffer: BytesMut) {
        self.spare = Some(buffer);
    }

    /// Starts to compress a block.
    pub(super) fn start(&mut self, work: &Work, mut block: BytesMut) -> Result<(), Failure> {
        let State::Idle(mut encoder) = std::mem::replace(&mut self.state, State::Gone) else { return Err(broken()) };
        self.state = State::Busy(work.blocking(move || {
            encoder.write_all(&block)?;
            block.clear();
            Ok((encoder, block))
        }));
        Ok(())
    }

    /// Ends the stream; returns what is not yet taken out.
    pub(super) fn finish(&mut self) -> Result<BytesMut, Failure> {
        let State::Idle(encoder) = std::mem::replace(&mut self.state, State::Gone) else { return Err(broken()) };
        Ok(encoder.finish().map_err(|_| broken())?.into_inner())
    }
}

/// Writing to memory does not fail: whatever did is a fault of ours.
fn broken() -> Failure {
    Failure::fatal(Code::Internal, "the output could not be compressed")
}
