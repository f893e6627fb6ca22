//! What an executor writes into.

use super::gzip::{self, Gzip};
use super::{ObjectName, Sink, wait};
use crate::attempt::Stop;
use crate::safepoint::{Ended, Safepoint};
use bytes::BytesMut;
use operation::{Cleanup, CleanupStatus, Progress};
use runtime::config::Bucket;
use runtime::failpoint;
use std::future::Future;

/// One object on its way: a block to fill, and parts being written behind it.
///
/// Whoever holds one ends it with [`Output::publish`] or [`Output::abort`]. Dropped instead (a panic), it removes
/// what it wrote as well as it can without waiting.
pub struct Output<'a> {
    cx: &'a Safepoint,
    sink: Sink,
    gzip: Option<Gzip>,
    /// What is filled, up to [`Output::block_size`] exactly.
    pub block: BytesMut,
    block_size: usize,
    /// How far the work has come. The executor counts the items; the bytes are counted here.
    pub progress: Progress,
}

impl<'a> Output<'a> {
    /// Opens the object's place in its bucket, and removes what earlier attempts of this operation left there.
    ///
    /// # Errors
    /// [`Ended`]: nothing was begun, and the receipt says so.
    pub async fn open(bucket: &Bucket, object: &str, cx: &'a Safepoint) -> Result<Self, Ended> {
        let opened = async {
            let object = ObjectName::parse(object)?;
            let sink = Sink::open(bucket, &object, cx).await?;
            Ok::<_, Ended>((sink, object.is_gzip().then(Gzip::new)))
        };
        let (sink, gzip) = opened
            .await
            .inspect_err(|_| cx.cleaned(Cleanup { status: CleanupStatus::Removed, outputs: Vec::new() }))?;
        let block_size = if gzip.is_some() { gzip::BLOCK } else { sink.part_size() };
        let block = BytesMut::with_capacity(block_size);
        Ok(Self { cx, sink, gzip, block, block_size, progress: Progress::default() })
    }

    /// How long the block must be when it is handed over.
    pub fn block_size(&self) -> usize {
        self.block_size
    }

    /// A safe point.
    ///
    /// # Errors
    /// [`Stop`]: unwind to [`Output::abort`].
    pub fn reach(&self, name: &'static str) -> Result<(), Stop> {
        self.cx.reach(name, self.progress)
    }

    /// Waits for a future that is safe to drop, with a safe point each [`super::PULSE`].
    ///
    /// # Errors
    /// [`Stop`]: the future was dropped.
    pub async fn wait<F: Future>(&self, name: &'static str, future: F) -> Result<F::Output, Stop> {
        wait(self.cx, name, self.progress, future).await
    }

    /// The hold on the attempt, for waits that need the block at the same time.
    pub fn safepoint(&self) -> &'a Safepoint {
        self.cx
    }

    /// Hands the full block over and passes a safe point. The former part may still be on its way.
    ///
    /// # Errors
    /// A stop, or the failure of this or of an earlier part.
    pub async fn hand_over(&mut self) -> Result<(), Ended> {
        let block = std::mem::take(&mut self.block);
        self.block = if self.gzip.is_some() { self.compress(block).await? } else { self.write_part(block).await? };
        if self.gzip.is_none() {
            self.block_size = self.sink.part_size();
            self.block.reserve(self.block_size);
        }
        self.progress.bytes_done = self.sink.written();
        Ok(self.reach("part uploaded")?)
    }

    /// A part is appended: it can't be written twice.
    async fn write_part(&mut self, mut part: BytesMut) -> Result<BytesMut, Ended> {
        let part = &mut part;
        failpoint::around!("worker.export_part", self.sink.write(self.cx, self.progress, std::mem::take(part)).await)
    }

    /// Starts to compress a block, and writes the parts that the blocks before it filled.
    async fn compress(&mut self, block: BytesMut) -> Result<BytesMut, Ended> {
        let spare = self.write_compressed().await?;
        if let Some(gzip) = &mut self.gzip {
            gzip.start(self.cx.work(), block)?;
        }
        Ok(spare)
    }

    async fn write_compressed(&mut self) -> Result<BytesMut, Ended> {
        let Some(gzip) = &mut self.gzip else { return Ok(BytesMut::new()) };
        let spare = gzip.settle(self.cx, self.progress).await?;
        while let Some(part) = gzip.take_part(self.sink.part_size()) {
            gzip.give_back(self.sink.write(self.cx, self.progress, part).await?);
        }
        Ok(spare)
    }

    /// Hands the last block over and waits until all parts are there and durable. Nothing is visible yet.
    ///
    /// # Errors
    /// A stop, or the failure of a part.
    pub async fn finish(&mut self) -> Result<(), Ended> {
        let mut last = std::mem::take(&mut self.block);
        if self.gzip.is_some() {
            self.compress(last).await?;
            self.write_compressed().await?;
            last = self.gzip.as_mut().map(Gzip::finish).transpose()?.unwrap_or_default();
            while last.len() > self.sink.part_size() {
                let part = last.split_to(self.sink.part_size());
                self.sink.write(self.cx, self.progress, part).await?;
            }
        }
        self.sink.seal(self.cx, self.progress, last).await?;
        self.progress.bytes_done = self.sink.written();
        Ok(self.reach("all parts uploaded")?)
    }

    /// Passes the commit point and makes the object visible; returns its size.
    ///
    /// # Errors
    /// [`Ended`]: unwind to [`Output::abort`].
    pub async fn publish(&mut self) -> Result<u64, Ended> {
        self.cx.commit_point().await?;
        failpoint::around!("worker.export_publish", self.sink.publish(self.cx).await)?;
        Ok(self.progress.bytes_done)
    }

    /// Removes what was written, and notes for the receipt what became of it.
    pub async fn abort(mut self) {
        let abort = async |sink: &mut Sink| Ok::<_, Ended>(sink.abort().await);
        let aborted = failpoint::around!("worker.export_abort", abort(&mut self.sink).await);
        let unknown = Cleanup { status: CleanupStatus::Unknown, outputs: Vec::new() };
        self.cx.cleaned(aborted.unwrap_or(unknown));
    }
}
