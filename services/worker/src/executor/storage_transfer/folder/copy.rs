//! From folder to folder, on a thread: few calls of the kernel a small file, and the kernel's own copy for large ones.

use super::failure::{of_sink, of_source};
use super::temporary::Temporary;
use super::{Folders, changed, look, look_at, size};
use crate::executor::storage_transfer::entry::{Entry, Stamp};
use crate::executor::storage_transfer::halt::Halt;
use crate::executor::storage_transfer::report::Miss;
use crate::executor::storage_transfer::throttle::Throttle;
use operation::{Code, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, copy_file_range, fchmod, futimens, openat,
    renameat, unlinkat,
};
use rustix::io::{Errno, read, write};

/// What is read in one go: larger files are copied by the kernel.
pub const SMALL: usize = 256 * 1024;
/// What the kernel copies between two looks at the stop: some 10 ms.
const PIECE: u64 = 16 * 1024 * 1024;

/// Copies files between two trees, one after the other.
pub struct Copier<'a> {
    source: Folders<'a>,
    sink: Folders<'a>,
    temporary: &'a Temporary,
    umask: Mode,
    halt: &'a Halt,
    throttle: Option<&'a Throttle>,
    buffer: Vec<u8>,
}

impl<'a> Copier<'a> {
    /// Copies from one root to another.
    pub fn new(
        source: BorrowedFd<'a>,
        sink: BorrowedFd<'a>,
        temporary: &'a Temporary,
        umask: Mode,
        halt: &'a Halt,
        throttle: Option<&'a Throttle>,
    ) -> Self {
        let (source, sink) = (Folders::new(source, false), Folders::new(sink, true));
        // One byte more than a small file: one that has grown shows.
        Self { source, sink, temporary, umask, halt, throttle, buffer: vec![0; SMALL + 1] }
    }

    /// Copies a file as it is now; it appears whole or not at all. Returns its size.
    ///
    /// # Errors
    /// [`Miss`]: nothing of it is left.
    pub fn copy(&mut self, entry: &Entry) -> Result<u64, Miss> {
        // Once more where it changed: whoever writes it may be done by then.
        for _ in 0..2 {
            let file = self.temporary.file();
            let copied = self.fill(entry, &file).and_then(|whole| match whole {
                Some(bytes) => self.publish(entry, &file).map(|()| Some(bytes)),
                None => Ok(None),
            });
            match copied {
                Ok(Some(bytes)) => return Ok(bytes),
                Ok(None) => remove(self.temporary, &file),
                Err(miss) => {
                    remove(self.temporary, &file);
                    return Err(miss);
                }
            }
        }
        Err(Miss::object(Code::FailedPrecondition, "it was changed while it was read"))
    }

    /// Writes the temporary file; nothing where the source changed meanwhile.
    fn fill(&mut self, entry: &Entry, file: &str) -> Result<Option<u64>, Miss> {
        let (folder, name) = self.source.of(&entry.key).map_err(of_source)?;
        let from = open_file(folder, name).map_err(of_source)?;
        let before = look_at(&from).map_err(of_source)?;
        if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile {
            return Err(of_source(Errno::ISDIR));
        }
        let mode = Mode::from_raw_mode(before.st_mode & 0o777);
        let to = create(self.temporary, file, mode)?;
        let copied = if size(&before) <= SMALL as u64 && self.throttle.is_none() {
            self.copy_small(&from, &to, size(&before))?
        } else {
            self.copy_large(&from, &to)?
        };
        let after = look_at(&from).map_err(of_source)?;
        if copied != size(&after) || size(&before) != size(&after) || changed(&before) != changed(&after) {
            return Ok(None);
        }
        finish(&to, Some(changed(&before)), (mode.intersects(self.umask)).then_some(mode)).map_err(of_sink)?;
        Ok(Some(copied))
    }

    fn copy_small(&mut self, from: &OwnedFd, to: &OwnedFd, size: u64) -> Result<u64, Miss> {
        let mut filled = 0;
        loop {
            let count = read(from, &mut self.buffer[filled..]).map_err(of_source)?;
            filled += count;
            // The look at the size that follows sees whether there is more.
            if count == 0 || filled as u64 == size || filled == self.buffer.len() {
                break;
            }
        }
        write_all(to.as_fd(), &self.buffer[..filled]).map_err(of_sink)?;
        Ok(filled as u64)
    }

    fn copy_large(&mut self, from: &OwnedFd, to: &OwnedFd) -> Result<u64, Miss> {
        let piece = self.throttle.map_or(PIECE, Throttle::piece).min(PIECE);
        let mut copied = 0;
        let mut by_kernel = true;
        loop {
            self.halt.within_object()?;
            let count = if by_kernel {
                match copy_file_range(from, None, to, None, usize::try_from(piece).unwrap_or(SMALL)) {
                    Ok(count) => count as u64,
                    // Not between these file systems.
                    Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) if copied == 0 => {
                        by_kernel = false;
                        continue;
                    }
                    Err(error) => return Err(of_sink(error)),
                }
            } else {
                self.copy_piece(from, to, piece)?
            };
            if count == 0 {
                return Ok(copied);
            }
            copied += count;
            if let Some(throttle) = self.throttle {
                throttle.block(count, self.halt)?;
            }
        }
    }

    fn copy_piece(&mut self, from: &OwnedFd, to: &OwnedFd, piece: u64) -> Result<u64, Miss> {
        let room = usize::try_from(piece).unwrap_or(SMALL).min(SMALL);
        let mut copied = 0;
        while copied < piece {
            let count = read(from, &mut self.buffer[..room]).map_err(of_source)?;
            if count == 0 {
                break;
            }
            write_all(to.as_fd(), &self.buffer[..count]).map_err(of_sink)?;
            copied += count as u64;
        }
        Ok(copied)
    }

    fn publish(&mut self, entry: &Entry, file: &str) -> Result<(), Miss> {
        publish(&mut self.sink, self.temporary, file, &entry.key, self.halt)
    }

    /// Deletes a file from the sink.
    ///
    /// # Errors
    /// [`Miss`].
    pub fn delete(&mut self, entry: &Entry) -> Result<(), Miss> {
        delete_from_sink(&mut self.sink, &entry.key, self.halt)
    }

    /// Deletes a file from the source, unless it is another than the one that was copied.
    ///
    /// # Errors
    /// [`Miss`].
    pub fn delete_from_source(&mut self, entry: &Entry, copied: Option<Stamp>) -> Result<(), Miss> {
        delete_from_source(&mut self.source, &entry.key, copied, self.halt)
    }

    /// When the file that stands in the sink was changed: what its source was when it was copied.
    pub fn stamp_in_sink(&mut self, entry: &Entry) -> Option<Stamp> {
        let (folder, name) = self.sink.of(&entry.key).ok()?;
        look(folder, name.as_bytes()).ok().map(|stat| changed(&stat))
    }
}

/// Opens a file to read it: never through a link, and a pipe without a writer holds nobody up.
pub fn open_file(folder: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

/// Makes a temporary file.
pub fn create(temporary: &Temporary, file: &str, mode: Mode) -> Result<OwnedFd, Miss> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(temporary.folder(), file, flags, mode).map_err(|error| match error {
        // Whoever took over has removed the folder.
        Errno::NOENT => Miss::All(Failure::passing("the folder for unfinished files was taken away")),
        error => of_sink(error),
    })
}

/// Gives a file that is whole its time, and the rights that the umask kept from it.
pub fn finish(to: &OwnedFd, modified: Option<Stamp>, mode: Option<Mode>) -> rustix::io::Result<()> {
    if let Some(stamp) = modified {
        let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let last_modification = Timespec { tv_sec: stamp.seconds, tv_nsec: stamp.nanos.into() };
        futimens(to, &Timestamps { last_access: omit, last_modification })?;
    }
    mode.map_or(Ok(()), |mode| fchmod(to, mode))
}

/// Renames a temporary file into its place: the one step that makes it visible.
pub fn publish(sink: &mut Folders<'_>, temporary: &Temporary, file: &str, key: &str, halt: &Halt) -> Result<(), Miss> {
    halt.before_effect()?;
    let (folder, name) = sink.of(key).map_err(of_sink)?;
    // Nothing may come between this look and the rename.
    halt.before_effect()?;
    renameat(temporary.folder(), file, folder, name).map_err(of_sink)
}

/// Deletes a file from the sink.
pub fn delete_from_sink(sink: &mut Folders<'_>, key: &str, halt: &Halt) -> Result<(), Miss> {
    let (folder, name) = sink.of(key).map_err(of_sink)?;
    halt.before_effect()?;
    match unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::NOENT) | Ok(()) => Ok(()),
        Err(error) => Err(of_sink(error)),
    }
}

/// Deletes a file from the source, unless it was changed since it was copied.
pub fn delete_from_source(source: &mut Folders<'_>, key: &str, copied: Option<Stamp>, halt: &Halt) -> Result<(), Miss> {
    let (folder, name) = source.of(key).map_err(of_source)?;
    let now: Stat = match look(folder, name.as_bytes()) {
        Err(Errno::NOENT) => return Ok(()),
        looked => looked.map_err(of_source)?,
    };
    if copied.is_some_and(|copied| copied != changed(&now)) {
        return Err(Miss::object(Code::FailedPrecondition, "it was changed after it was copied, and so not deleted"));
    }
    halt.before_effect()?;
    match unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::NOENT) | Ok(()) => Ok(()),
        Err(error) => Err(of_source(error)),
    }
}

/// Removes a temporary file; what can't be removed goes with its folder.
pub fn remove(temporary: &Temporary, file: &str) {
    let _ = unlinkat(temporary.folder(), file, AtFlags::empty());
}

/// Writes all of it.
pub fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        let count = write(to, bytes)?;
        bytes = &bytes[count..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Attempt;
    use crate::executor::storage_transfer::folder::open_root;
    use crate::lease_clock::LeaseClock;
    use operation::{AttemptNumber, Fence, Kind, Nonce, OperationId, WorkerId};
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::{Duration, Instant};
    use uuid::Uuid;

    /// INV-10: a worker that was frozen between its last look at the stop and the rename wakes with a whole file in hand.
    #[test]
    fn nothing_becomes_visible_or_goes_without_the_lease() {
        let folder = tempfile::tempdir().unwrap();
        let root = || open_root(folder.path(), Path::new(""), false).unwrap();
        let worker = WorkerId::from_uuid(Uuid::nil());
        let fence = Fence {
            id: OperationId::from_uuid(Uuid::nil()),
            attempt: AttemptNumber(1),
            nonce: Nonce::from_uuid(Uuid::nil()),
        };
        let clock = LeaseClock::new(worker);
        let halt = Halt::new(Arc::new(Attempt::new(fence, Kind::StorageTransfer, clock.held_by(worker))));
        let temporary = Temporary::create(root(), fence).unwrap();
        let whole = root();
        let mut folders = Folders::new(whole.as_fd(), true);
        drop(create(&temporary, "0", Mode::RWXU).unwrap());
        fs::write(folder.path().join("there"), "x").unwrap();
        assert!(matches!(publish(&mut folders, &temporary, "0", "new/object", &halt), Err(Miss::Halted)));
        assert!(matches!(delete_from_sink(&mut folders, "there", &halt), Err(Miss::Halted)));
        assert!(matches!(delete_from_source(&mut folders, "there", None, &halt), Err(Miss::Halted)));
        assert!(folder.path().join("there").exists() && !folder.path().join("new").exists());
        clock.begin(worker, Instant::now() + Duration::from_hours(1));
        publish(&mut folders, &temporary, "0", "new/object", &halt).unwrap();
        delete_from_sink(&mut folders, "there", &halt).unwrap();
        assert!(!folder.path().join("there").exists() && folder.path().join("new/object").exists());
        drop(temporary);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "and the temporary folder is gone");
    }
}
