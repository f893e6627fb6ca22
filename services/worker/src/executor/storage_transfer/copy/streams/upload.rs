//! An object on its way into a bucket: in one request where it is small, in parts otherwise. It appears whole or not at
//! all.

use crate::executor::guarded::{Author, Content, Expected, NotPublished, publish};
use crate::executor::storage_transfer::places::cloud::CloudPlace;
use crate::executor::storage_transfer::places::halt::{Halt, Halted};
use crate::executor::storage_transfer::places::miss::Miss;
use crate::executor::storage_transfer::report::note::Note;
use crate::work::Work;
use bytes::{Bytes, BytesMut};
use kinds::storage_transfer::TransferUpload;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Error, MultipartId};
use operation::Code;
use runtime::failpoint;
use std::future::Future;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// What is sent in one request, unless there would be too many.
pub const PART: usize = 8 * 1024 * 1024;
/// How many parts an object may have.
const MOST_PARTS: u64 = 10_000;
/// No part is larger.
const LARGEST_PART: u64 = 64 * 1024 * 1024;
/// How long a stop waits for the answer to a request that may have made an object visible, or that aborts an upload.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// An object on its way.
pub struct Upload<'a> {
    place: &'a CloudPlace,
    path: Path,
    author: Author,
    /// What the sink's listing told of the object that this one replaces, and whether it may replace another one.
    over: (Expected, bool),
    halt: &'a Halt,
    notes: &'a mpsc::UnboundedSender<Note>,
    part_size: usize,
    buffer: BytesMut,
    open: Option<Open>,
    parts: Vec<PartId>,
}

/// An upload that is open. Dropped with an attempt that is aborted, it is aborted in the background.
struct Open {
    place: CloudPlace,
    path: Path,
    id: MultipartId,
    /// It is completed, or its end is somebody else's concern.
    over: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.over || Handle::try_current().is_err() {
            return;
        }
        let (place, path, id) = (self.place.clone(), self.path.clone(), self.id.clone());
        Work::clean_up(async move { abort(&place, &path, &id).await });
    }
}

impl<'a> Upload<'a> {
    /// Begins with an object of about this size. Nothing is sent.
    ///
    /// # Errors
    /// Its name or its size is not possible.
    pub fn new(
        place: &'a CloudPlace,
        key: &str,
        size: u64,
        over: (Expected, bool),
        halt: &'a Halt,
        notes: &'a mpsc::UnboundedSender<Note>,
    ) -> Result<Self, Miss> {
        let part_size = part_size(size)
            .ok_or_else(|| Miss::object(Code::OutOfRange, "it is larger than 625 GiB, the most that is uploaded"))?;
        let (path, author) = (place.path(key)?, halt.author());
        let (buffer, open, parts) = (BytesMut::new(), None, Vec::new());
        Ok(Self { place, path, author, over, halt, notes, part_size, buffer, open, parts })
    }

    /// Takes bytes. Sends a part when there are enough.
    ///
    /// # Errors
    /// [`Miss`]: then [`Upload::abort`].
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), Miss> {
        while !bytes.is_empty() {
            if self.buffer.len() == self.part_size {
                self.send_part().await?;
            }
            let taken = bytes.split_to(bytes.len().min(self.part_size - self.buffer.len()));
            self.buffer.extend_from_slice(&taken);
        }
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), Miss> {
        let id = match &self.open {
            Some(open) => open.id.clone(),
            None => self.begin().await?,
        };
        let part = std::mem::take(&mut self.buffer).freeze();
        let sent = self.place.store.uploads.put_part(&self.path, &id, self.parts.len(), part.clone().into());
        // No part is visible: this is safe to drop, and the upload is aborted then.
        let sent = self.halt.or_halt(sent).await?;
        self.parts.push(sent.map_err(|error| self.place.miss(&error, true))?);
        // The same memory again.
        self.buffer = part.try_into_mut().unwrap_or_default();
        self.buffer.clear();
        Ok(())
    }

    /// Its id is written down before its first part is sent, lest nobody knew of it should this worker die.
    async fn begin(&mut self) -> Result<MultipartId, Miss> {
        // Its answer is waited for: it alone tells what is to be aborted. Where nobody waits any more, it is aborted then.
        let (told, answer) = oneshot::channel();
        let (place, path, author) = (self.place.clone(), self.path.clone(), self.author.clone());
        Work::clean_up(async move {
            let begun = author.begin_upload(&place.store, &path).await;
            let _ = told.send(begun.map(|id| Open { place, path, id, over: false }));
        });
        let begun = self.answered(answer).await?.map_err(|_| Halted)?;
        let open = begun.map_err(|error| self.place.miss(&error, true))?;
        let id = open.id.clone();
        self.open = Some(open);
        let (written, heard) = oneshot::channel();
        let _ = self.notes.send(Note::Begun(self.noted(&id), written));
        // Nobody answers where it could not be written down, or where all is being stopped.
        heard.await.map_err(|_| Halted)?;
        Ok(id)
    }

    fn noted(&self, id: &MultipartId) -> TransferUpload {
        TransferUpload { path: self.path.to_string(), id: id.clone() }
    }

    /// Waits for an answer that tells what is in the store; for a while also after a stop.
    async fn answered<F: Future>(&self, request: F) -> Result<F::Output, Miss> {
        let mut request = std::pin::pin!(request);
        if let Ok(answer) = self.halt.or_halt(&mut request).await {
            return Ok(answer);
        }
        if let Ok(answer) = timeout(ANSWERED_WITHIN, request).await {
            return Ok(answer);
        }
        let _ = self.notes.send(Note::Unknown(self.path.to_string()));
        Err(Miss::Halted)
    }

    /// Makes it visible; returns its entity tag, where the store tells one.
    ///
    /// # Errors
    /// [`Miss`]: then [`Upload::abort`].
    pub async fn publish(&mut self) -> Result<Option<String>, Miss> {
        if self.open.is_some() && !self.buffer.is_empty() {
            self.send_part().await?;
        }
        let Some(id) = self.open.as_ref().map(|open| open.id.clone()) else {
            let whole = std::mem::take(&mut self.buffer).freeze();
            let put = async { failpoint::around!("worker.transfer_put", self.send(Content::Whole(&whole)).await) };
            return self.answered(put).await?.map_err(|error| self.refused(error));
        };
        let parts = std::mem::take(&mut self.parts);
        let complete =
            async { failpoint::around!("worker.transfer_complete", self.send(Content::Parts(&id, &parts)).await) };
        let completed = self.answered(complete).await?.map_err(|error| self.refused(error))?;
        if let Some(mut open) = self.open.take() {
            open.over = true;
        }
        let _ = self.notes.send(Note::Over(self.noted(&id)));
        Ok(completed)
    }

    async fn send(&self, content: Content<'_>) -> Result<Option<String>, Refused> {
        let (expected, overwrites) = &self.over;
        let sent = publish(&self.place.store, &self.path, content, expected, *overwrites, &self.author).await;
        sent.map_err(Refused::ByStore)
    }

    fn refused(&self, error: Refused) -> Miss {
        match error {
            Refused::ByStore(error) => {
                if matches!(error, NotPublished::NotHeld) {
                    // It may have been executed unheard.
                    let _ = self.notes.send(Note::Unknown(self.path.to_string()));
                }
                self.place.not_published(&error, self.halt)
            }
            Refused::Otherwise(error) => {
                tracing::warn!(%error, "a request could not be made");
                Miss::All(operation::Failure::passing("a request to the sink's store could not be made"))
            }
        }
    }

    /// Aborts what was begun. What can't be aborted stays written down, for the next attempt.
    pub async fn abort(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let aborted = timeout(ANSWERED_WITHIN, abort(self.place, &self.path, &open.id)).await;
        // Without an answer it is tried once more in the background.
        open.over = aborted.is_ok();
        let note = if aborted.unwrap_or(false) {
            Note::Over(self.noted(&open.id))
        } else {
            Note::Unknown(format!("{} (upload {})", self.path, open.id))
        };
        let _ = self.notes.send(note);
    }
}

/// Why a request to make an object visible failed: a failpoint's errors are not the store's.
enum Refused {
    ByStore(NotPublished),
    Otherwise(std::io::Error),
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Otherwise(error)
    }
}

/// Aborts an upload; `false` where nobody knows whether it is gone.
async fn abort(place: &CloudPlace, path: &Path, id: &MultipartId) -> bool {
    match place.store.uploads.abort_multipart(path, id).await {
        Ok(()) | Err(Error::NotFound { .. }) => true,
        Err(error) => {
            tracing::warn!(bucket = place.bucket, upload = id, %error, "an upload could not be aborted");
            false
        }
    }
}

/// Aborts the uploads of earlier attempts, whose workers are fenced; returns those that may still be open.
pub async fn abort_former(place: &CloudPlace, uploads: Vec<TransferUpload>) -> Vec<TransferUpload> {
    let mut left = Vec::new();
    for upload in uploads {
        // One of another place is none of this transfer.
        let Ok(path) = Path::parse(&upload.path) else { continue };
        if !abort(place, &path, &upload.id).await {
            left.push(upload);
        }
    }
    left
}

/// How large the parts of an object are; nothing where it is too large.
fn part_size(size: u64) -> Option<usize> {
    let least = size.div_ceil(MOST_PARTS);
    let mib = 1024 * 1024;
    let size = least.div_ceil(mib) * mib;
    (size <= LARGEST_PART).then(|| usize::try_from(size).map_or(PART, |size| size.max(PART)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_large_as_there_may_be_many() {
        let gib = 1024 * 1024 * 1024;
        for (size, expect) in [
            (0, Some(PART)),
            (78 * gib, Some(PART)),
            (80 * gib, Some(9 * 1024 * 1024)),
            (625 * gib, Some(64 * 1024 * 1024)),
            (626 * gib, None),
        ] {
            assert_eq!(part_size(size), expect, "{size}");
            assert!(expect.is_none_or(|part| size.div_ceil(part as u64) <= MOST_PARTS), "{size}");
        }
    }
}
