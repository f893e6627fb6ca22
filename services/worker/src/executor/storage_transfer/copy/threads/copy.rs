//! From folder to folder, on a thread: few calls of the kernel a small file, and the kernel's own copy for large ones.

use super::compare::compare;
use crate::executor::storage_transfer::copy::failure::of_sink_read;
use crate::executor::storage_transfer::copy::throttle::Throttle;
use crate::executor::storage_transfer::decide::proof::{COMPARISONS, Compared, NOT_STEADY, NOT_THE_SAME, Proof};
use crate::executor::storage_transfer::places::entry::Entry;
use crate::executor::storage_transfer::places::folder::failure::{of_sink, of_source};
use crate::executor::storage_transfer::places::folder::file::{
    FileId, Replace, create, delete_from_sink, delete_if, finish, open_file, publish, remove, state, write_all,
};
use crate::executor::storage_transfer::places::folder::temporary::Temporary;
use crate::executor::storage_transfer::places::folder::{Folders, changed, look_at, size};
use crate::executor::storage_transfer::places::halt::Halt;
use crate::executor::storage_transfer::places::miss::Miss;
use operation::Code;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Mode, copy_file_range};
use rustix::io::{Errno, read};

/// What is read in one go: larger files are copied by the kernel.
pub const SMALL: usize = 256 * 1024;
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

#[cfg(test)]
mod tests;
