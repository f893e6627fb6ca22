//! A bucket that is a folder: a temporary file beside the object, renamed over its name at the end.

use super::{ObjectName, wait};
use crate::lease_clock::HeldLease;
use crate::safepoint::{Ended, Safepoint};
use crate::work::Work;
use bytes::BytesMut;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use operation::{Cleanup, CleanupStatus, Code, Failure, Fence, Progress};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// How much is written at a time. Two such blocks stay in the processor's cache, which makes the copy into the page
/// cache half as costly as with parts of 8 MiB.
pub(super) const BLOCK: usize = 512 * 1024;
/// How much is written before the disk is asked to follow, so that the sync at the end is short.
const SYNC_EVERY: u64 = 32 * 1024 * 1024;

/// A temporary file on its way to be an object.
///
/// Every path is opened beneath the bucket's root, whatever symlinks say. While a file is unfinished, dropping this
/// removes it.
pub(super) struct FolderSink {
    bucket: String,
    object: ObjectName,
    work: Work,
    lease: HeldLease,
    place: Arc<OpenPlace>,
    file: Arc<File>,
    /// The part being written: its size, and its buffer when it is done.
    in_flight: Option<(u64, JoinHandle<io::Result<BytesMut>>)>,
    /// The disk's following.
    syncing: Option<JoinHandle<io::Result<()>>>,
    unsynced: u64,
    written: u64,
    unfinished: bool,
}

/// The folders and names of one attempt's file.
struct OpenPlace {
    root: Dir,
    folder: Dir,
    temporary: String,
}

impl FolderSink {
    /// Creates the temporary file and its folders; removes the files of earlier attempts, whose workers are fenced.
    pub(super) async fn open(
        bucket: &str,
        root: PathBuf,
        object: &ObjectName,
        cx: &Safepoint,
    ) -> Result<Self, Failure> {
        let (named, fence) = (object.clone(), cx.fence());
        let opened = blocking(cx.work(), move || open_place(&root, &named, fence)).await;
        let (place, file) = opened.map_err(|error| failure(bucket, &error))?;
        Ok(Self {
            bucket: bucket.to_owned(),
            object: object.clone(),
            work: cx.work().clone(),
            lease: cx.lease(),
            place: Arc::new(place),
            file: Arc::new(file),
            in_flight: None,
            syncing: None,
            unsynced: 0,
            written: 0,
            unfinished: true,
        })
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) async fn write(
        &mut self,
        cx: &Safepoint,
        progress: Progress,
        mut part: BytesMut,
    ) -> Result<BytesMut, Ended> {
        let spare = self.settle(cx, progress).await?;
        let file = Arc::clone(&self.file);
        let bytes = part.len() as u64;
        let writing = self.work.blocking(move || {
            (&*file).write_all(&part)?;
            part.clear();
            Ok(part)
        });
        self.in_flight = Some((bytes, writing));
        self.sync_behind().await?;
        Ok(spare)
    }

    /// Asks the disk to follow, unless it still does. A failure of the disk is told to one sync only: all are heard.
    async fn sync_behind(&mut self) -> Result<(), Failure> {
        if self.unsynced < SYNC_EVERY || self.syncing.as_ref().is_some_and(|syncing| !syncing.is_finished()) {
            return Ok(());
        }
        if let Some(finished) = self.syncing.take() {
            let synced = finished.await.map_err(io::Error::other).flatten();
            synced.map_err(|error| failure(&self.bucket, &error))?;
        }
        let file = Arc::clone(&self.file);
        self.syncing = Some(self.work.blocking(move || file.sync_data()));
        self.unsynced = 0;
        Ok(())
    }

    pub(super) async fn seal(&mut self, cx: &Safepoint, progress: Progress, last: BytesMut) -> Result<(), Ended> {
        if !last.is_empty() {
            self.write(cx, progress, last).await?;
        }
        self.settle(cx, progress).await?;
        let (file, behind) = (Arc::clone(&self.file), self.syncing.take());
        let sync = async {
            if let Some(behind) = behind {
                behind.await.map_err(io::Error::other).flatten()?;
            }
            blocking(cx.work(), move || file.sync_all()).await
        };
        let synced = wait(cx, "waiting for the disk", progress, sync).await?;
        Ok(synced.map_err(|error| failure(&self.bucket, &error))?)
    }

    /// Waits for the part being written; returns its emptied buffer.
    async fn settle(&mut self, cx: &Safepoint, progress: Progress) -> Result<BytesMut, Ended> {
        let Some((bytes, writing)) = &mut self.in_flight else { return Ok(BytesMut::new()) };
        let written = wait(cx, "waiting for a part to be written", progress, writing).await?;
        let bytes = *bytes;
        self.in_flight = None;
        let buffer = written.map_err(io::Error::other).flatten().map_err(|error| failure(&self.bucket, &error))?;
        self.written += bytes;
        self.unsynced += bytes;
        Ok(buffer)
    }

    pub(super) async fn publish(&mut self, cx: &Safepoint) -> Result<(), Ended> {
        let (place, object, lease) = (Arc::clone(&self.place), self.object.clone(), self.lease.clone());
        let renamed = blocking(&self.work, move || rename(&place, &object, &lease));
        let renamed = renamed.await.map_err(|error| failure(&self.bucket, &error))?;
        let Some(synced) = renamed else { return Err(cx.attempt().halted_by().into()) };
        self.unfinished = false;
        Ok(synced.map_err(|error| failure(&self.bucket, &error))?)
    }

    pub(super) async fn abort(&mut self) -> Cleanup {
        let name = match self.object.folder_and_file() {
            (".", _) => self.place.temporary.clone(),
            (folder, _) => format!("{folder}/{}", self.place.temporary),
        };
        if !self.unfinished {
            // It was renamed, and then its folder could not be synced: the object is whole, but perhaps not durable.
            return Cleanup { status: CleanupStatus::Kept, outputs: vec![self.object.as_str().to_owned()] };
        }
        let place = Arc::clone(&self.place);
        // A write or sync under way goes on in a file without a name, which ends with it.
        match blocking(&self.work, move || remove(&place.folder, &place.temporary)).await {
            Ok(()) => {
                self.unfinished = false;
                Cleanup { status: CleanupStatus::Removed, outputs: Vec::new() }
            }
            Err(error) => {
                tracing::warn!(bucket = self.bucket, file = name, %error, "a partial output could not be removed");
                Cleanup { status: CleanupStatus::Unknown, outputs: vec![name] }
            }
        }
    }
}

impl Drop for FolderSink {
    fn drop(&mut self) {
        if self.unfinished
            && let Err(error) = remove(&self.place.folder, &self.place.temporary)
        {
            tracing::warn!(bucket = self.bucket, %error, "a partial output could not be removed");
        }
    }
}

fn open_place(root: &Path, object: &ObjectName, fence: Fence) -> io::Result<(OpenPlace, File)> {
    let root = Dir::open_ambient_dir(root, ambient_authority())?;
    let (parent, _) = object.folder_and_file();
    let folder = match root.open_dir(parent) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            root.create_dir_all(parent)?;
            root.open_dir(parent)?
        }
        opened => opened?,
    };
    for earlier in 1..fence.attempt.0 {
        let attempt = operation::AttemptNumber(earlier);
        remove(&folder, &object.temporary_file(Fence { attempt, ..fence }))?;
    }
    let temporary = object.temporary_file(fence);
    remove(&folder, &temporary)?;
    let file = folder.open_with(&temporary, OpenOptions::new().write(true).create_new(true))?.into_std();
    Ok((OpenPlace { root, folder, temporary }, file))
}

/// Makes the object visible; returns what then became of its folders, or nothing where the lease does not stand.
fn rename(place: &OpenPlace, object: &ObjectName, lease: &HeldLease) -> io::Result<Option<io::Result<()>>> {
    // This may be a thread that returns late. Nothing may come between this look and the rename.
    if !lease.stands() {
        return Ok(None);
    }
    let (_, file) = object.folder_and_file();
    place.folder.rename(&place.temporary, &place.folder, file)?;
    Ok(Some(sync_folders(&place.root, object)))
}

/// Removes a file; one that is not there counts as removed.
fn remove(folder: &Dir, file: &str) -> io::Result<()> {
    match folder.remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the object's name durable, and those of its folders, which may be new.
pub(super) fn sync_folders(root: &Dir, object: &ObjectName) -> io::Result<()> {
    let (parent, _) = object.folder_and_file();
    for folder in Path::new(parent).ancestors() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        root.open(folder)?.sync_all()?;
    }
    if parent == "." { Ok(()) } else { root.open(".")?.sync_all() }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: &Work,
    step: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    work.blocking(step).await.map_err(io::Error::other).flatten()
}

/// What a failed step means to the user. The path on our disk is not told.
pub(super) fn failure(bucket: &str, error: &io::Error) -> Failure {
    tracing::warn!(bucket, %error, "the bucket's folder failed");
    let kind = error.kind();
    if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) {
        Failure::fatal(Code::ResourceExhausted, format!("the bucket {bucket} is full"))
    } else if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
        let message = format!("the bucket {bucket} does not let the object be written, or its name leads out of it");
        Failure::fatal(Code::PermissionDenied, message)
    } else if matches!(kind, ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists)
        || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
    {
        let message = format!(
            "in the bucket {bucket} a folder stands where the object should be, or an object where its folder should be"
        );
        Failure::fatal(Code::FailedPrecondition, message)
    } else if kind == ErrorKind::InvalidFilename {
        Failure::fatal(
            Code::InvalidArgument,
            format!("a segment of the object's name is too long for the bucket {bucket}"),
        )
    } else if kind == ErrorKind::NotFound {
        Failure::fatal(
            Code::FailedPrecondition,
            format!("the folder of the bucket {bucket} is not there: tell the operator"),
        )
    } else {
        Failure::passing(format!("the bucket {bucket} could not be written"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease_clock::LeaseClock;
    use operation::{AttemptNumber, Nonce, OperationId, WorkerId};
    use std::time::{Duration, Instant};
    use uuid::Uuid;

    /// A thread that returns after its attempt was cut off, or its lease was lost.
    #[test]
    fn nothing_is_renamed_without_the_lease() {
        let folder = tempfile::tempdir().unwrap();
        let fence = Fence {
            id: OperationId::from_uuid(Uuid::nil()),
            attempt: AttemptNumber(1),
            nonce: Nonce::from_uuid(Uuid::nil()),
        };
        let object = ObjectName::parse("x.csv").unwrap();
        let (place, _file) = open_place(folder.path(), &object, fence).unwrap();
        let worker = WorkerId::from_uuid(Uuid::nil());
        let clock = LeaseClock::new(worker);
        assert!(rename(&place, &object, &clock.held_by(worker)).unwrap().is_none(), "it was lost");
        clock.begin(worker, Instant::now() + Duration::from_hours(1));
        let revoked = clock.held_by(worker);
        revoked.revoke();
        assert!(rename(&place, &object, &revoked).unwrap().is_none(), "it was revoked");
        assert!(!folder.path().join("x.csv").exists());
        rename(&place, &object, &clock.held_by(worker)).unwrap().expect("it stands").unwrap();
        assert!(folder.path().join("x.csv").exists());
    }
}
