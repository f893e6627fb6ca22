//! From folder to folder, on a thread: few calls of the kernel a small file, and the kernel's own copy for large ones.

use super::compare::{compare, delete_if, state};
use super::failure::{of_sink, of_sink_read, of_source};
use super::temporary::Temporary;
use super::{Folders, changed, look, look_at, size};
use crate::executor::storage_transfer::entry::{Entry, Stamp};
use crate::executor::storage_transfer::halt::Halt;
use crate::executor::storage_transfer::proof::{COMPARISONS, Compared, FileId, NOT_STEADY, NOT_THE_SAME, Proof};
use crate::executor::storage_transfer::report::Miss;
use crate::executor::storage_transfer::throttle::Throttle;
use operation::{Code, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, copy_file_range, fchmod, futimens,
    openat, renameat, renameat_with, unlinkat,
};
use rustix::io::{Errno, read, write};

/// What is read in one go: larger files are copied by the kernel.
pub const SMALL: usize = 256 * 1024;
/// Why an object was not copied over another that the listing of the sink did not show.
const NAME_TAKEN: &str = "something that was not listed has its name in the sink: perhaps another object of the source, \
    whose name the sink does not tell from it";
/// What the kernel copies between two looks at the stop: some 10 ms.
const PIECE: u64 = 16 * 1024 * 1024;

/// A file that was copied.
#[derive(Debug)]
pub struct Copied {
    /// How many bytes.
    pub bytes: u64,
    /// The state that was read and the file that was made of it; `None` where the state is not certain.
    pub proof: Option<Proof<FileId>>,
}

/// A temporary file that is whole.
struct Filled {
    bytes: u64,
    file: OwnedFd,
    source: Option<FileId>,
}

/// Whether what is in the sink may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Whatever is there.
    Any,
    /// Nothing: the listing of the sink did not show the name. If something has it nevertheless, a file system that does
    /// not tell two names apart may have stored another object of the source there.
    Nothing,
}

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

    /// Copies a file as it is now; it appears whole or not at all.
    ///
    /// # Errors
    /// [`Miss`]: nothing of it is left.
    pub fn copy(&mut self, entry: &Entry, replace: Replace) -> Result<Copied, Miss> {
        // Once more where it changed: whoever writes it may be done by then.
        for _ in 0..2 {
            let file = self.temporary.file();
            let copied = self.fill(entry, &file).and_then(|filled| match filled {
                Some(filled) => self.publish(entry, &file, replace, &filled).map(Some),
                None => Ok(None),
            });
            match copied {
                Ok(Some(copied)) => return Ok(copied),
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
    fn fill(&mut self, entry: &Entry, file: &str) -> Result<Option<Filled>, Miss> {
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
        let source = (FileId::from_stat(&before) == FileId::from_stat(&after)).then(|| FileId::from_stat(&before));
        Ok(Some(Filled { bytes: copied, file: to, source }))
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

    fn publish(&mut self, entry: &Entry, file: &str, replace: Replace, filled: &Filled) -> Result<Copied, Miss> {
        publish(&mut self.sink, self.temporary, file, &entry.key, replace, self.halt)?;
        // After the rename, which changes the state.
        let sink = look_at(&filled.file).ok().map(|stat| FileId::from_stat(&stat));
        let proof = filled.source.zip(sink).map(|(source, sink)| Proof { source, sink });
        Ok(Copied { bytes: filled.bytes, proof })
    }

    /// Deletes a file from the sink.
    ///
    /// # Errors
    /// [`Miss`].
    pub fn delete(&mut self, entry: &Entry) -> Result<(), Miss> {
        delete_from_sink(&mut self.sink, &entry.key, self.halt)
    }

    /// Compares a file with its copy in the sink, byte for byte.
    ///
    /// # Errors
    /// [`Miss`]: it can't be compared.
    pub fn compare(&mut self, key: &str) -> Result<Compared<FileId>, Miss> {
        let Self { source, sink, buffer, halt, throttle, .. } = self;
        compare(source, sink, key, buffer, halt, *throttle)
    }

    /// Deletes a file from the source that is proven to be in the sink, if the proof still holds or can be had again.
    ///
    /// # Errors
    /// [`Miss`]: it was not deleted.
    pub fn delete_from_source(&mut self, key: &str, mut proof: Option<Proof<FileId>>) -> Result<(), Miss> {
        for _ in 0..=COMPARISONS {
            if let Some(proof) = proof.take()
                && state(&mut self.sink, key).map_err(of_sink_read)? == Some(proof.sink)
                && delete_if(&mut self.source, key, &proof.source, self.halt)?
            {
                return Ok(());
            }
            match self.compare(key)? {
                Compared::Equal(equal) => proof = Some(equal),
                Compared::Changed => {}
                Compared::Differ => return Err(Miss::object(Code::FailedPrecondition, NOT_THE_SAME)),
                Compared::SourceMissing => return Ok(()),
            }
        }
        Err(Miss::object(Code::FailedPrecondition, NOT_STEADY))
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
pub fn publish(
    sink: &mut Folders<'_>,
    temporary: &Temporary,
    file: &str,
    key: &str,
    replace: Replace,
    halt: &Halt,
) -> Result<(), Miss> {
    halt.before_effect()?;
    let (folder, name) = sink.of(key).map_err(of_sink)?;
    let rename = |replace| match replace {
        Replace::Any => renameat(temporary.folder(), file, folder, name),
        Replace::Nothing => renameat_with(temporary.folder(), file, folder, name, RenameFlags::NOREPLACE),
    };
    // Nothing may come between this look and the rename.
    halt.before_effect()?;
    let renamed = match rename(replace) {
        // The file system can't do it in one step.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if replace == Replace::Nothing => {
            match look(folder, name.as_bytes()) {
                Err(Errno::NOENT) => rename(Replace::Any),
                _ => Err(Errno::EXIST),
            }
        }
        renamed => renamed,
    };
    match renamed {
        Err(Errno::EXIST) if !is_folder(folder, name) => Err(Miss::object(Code::FailedPrecondition, NAME_TAKEN)),
        renamed => renamed.map_err(of_sink),
    }
}

fn is_folder(folder: BorrowedFd<'_>, name: &str) -> bool {
    look(folder, name.as_bytes()).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
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
#[path = "copy_tests.rs"]
mod tests;
