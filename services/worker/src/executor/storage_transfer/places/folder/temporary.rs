//! The hidden folder at the root of a sink in which one attempt keeps files that are not whole. Files leave it by a rename
//! alone; what is left in it at the end goes with it.
//!
//! Whoever takes over removes those of the attempts before it first of all: a worker that was frozen and wakes finds its
//! file gone, and its rename fails.

use super::{FOLDER_MODE, child};
use crate::executor::storage_transfer::places::entry::{owner_of_temporary, temporary_folder};
use operation::{Fence, OperationId};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, RawDir, mkdirat, unlinkat};
use rustix::io::{Errno, Result};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How often a folder is emptied: somebody may write to it meanwhile.
const TRIES: u32 = 10;

/// The folder of an attempt, removed when it is dropped.
#[derive(Debug)]
pub struct Temporary {
    root: OwnedFd,
    folder: OwnedFd,
    name: String,
    files: AtomicU64,
    removed: AtomicBool,
}

impl Temporary {
    /// Makes the folder of an attempt.
    ///
    /// # Errors
    /// It can't be made.
    pub fn create(root: OwnedFd, fence: Fence) -> Result<Self> {
        let name = temporary_folder(fence.id, fence.attempt);
        // Of an earlier life of the same attempt: a failover of our database can hand its number out twice.
        remove(root.as_fd(), name.as_bytes())?;
        mkdirat(&root, name.as_bytes(), FOLDER_MODE & rustix::fs::Mode::RWXU)?;
        let folder = child(root.as_fd(), name.as_bytes(), false)?;
        Ok(Self { root, folder, name, files: AtomicU64::new(0), removed: AtomicBool::new(false) })
    }

    /// The folder.
    pub fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Its name at the root of the sink.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A name for a file in it that no other has.
    pub fn file(&self) -> String {
        self.files.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// Removes the folder and all in it.
    ///
    /// # Errors
    /// Something may be left.
    pub fn remove(&self) -> Result<()> {
        self.removed.store(true, Ordering::Relaxed);
        remove(self.root.as_fd(), self.name.as_bytes())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.removed.load(Ordering::Relaxed)
            && let Err(error) = self.remove()
        {
            tracing::warn!(%error, "a temporary folder could not be removed");
        }
    }
}

/// Removes what other attempts of an operation left at a root; returns the operations whose folders are there as well.
///
/// # Errors
/// It can't be looked at, or removed.
pub fn clear_earlier(root: BorrowedFd<'_>, fence: Fence) -> Result<Vec<OperationId>> {
    let mut others = Vec::new();
    for name in names(root)? {
        match owner_of_temporary(&String::from_utf8_lossy(&name)) {
            Some((id, _)) if id == fence.id => remove(root, &name)?,
            Some((id, _)) => others.push(id),
            None => {}
        }
    }
    others.sort();
    others.dedup();
    Ok(others)
}

/// Removes what operations that have ended left at a root.
///
/// # Errors
/// Something may be left.
pub fn clear_ended(root: BorrowedFd<'_>, ended: &[OperationId]) -> Result<()> {
    for name in names(root)? {
        if owner_of_temporary(&String::from_utf8_lossy(&name)).is_some_and(|(id, _)| ended.contains(&id)) {
            remove(root, &name)?;
        }
    }
    Ok(())
}

/// The names in a folder that could be ours.
fn names(folder: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>> {
    // By a descriptor of its own, which begins at the first name.
    let folder = child(folder, b".", false)?;
    let mut buffer = vec![MaybeUninit::uninit(); 64 * 1024];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name.starts_with(b".safepoint-") {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Removes a folder of files; one that is not there counts as removed.
fn remove(root: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    for _ in 0..TRIES {
        let folder = match child(root, name, false) {
            Err(Errno::NOENT) => return Ok(()),
            opened => opened?,
        };
        let mut buffer = vec![MaybeUninit::uninit(); 64 * 1024];
        let mut entries = RawDir::new(&folder, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let file = entry.file_name();
            if file.to_bytes() != b"." && file.to_bytes() != b".." {
                match unlinkat(&folder, file, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        match unlinkat(root, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::NOTEMPTY)
}
