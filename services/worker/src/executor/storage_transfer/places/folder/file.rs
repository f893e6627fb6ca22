//! One file of a folder: its state, and what is done to it by its name.

use super::failure::{of_sink, of_source, of_source_delete};
use super::temporary::Temporary;
use super::{Folders, changed, look, look_at, size};
use crate::executor::storage_transfer::places::entry::Stamp;
use crate::executor::storage_transfer::places::halt::Halt;
use crate::executor::storage_transfer::places::miss::Miss;
use operation::{Code, Failure};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fchmod, futimens, openat,
    renameat, renameat_with, unlinkat,
};
use rustix::io::{Errno, write};

/// Why an object was not copied over another that the listing of the sink did not show.
pub const NAME_TAKEN: &str = "something that was not listed has its name in the sink: perhaps another object of the source, \
    whose name the sink does not tell from it";

/// One state of one file. Every write changes it, also a write of the same length that restores the time of modification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
    size: u64,
    modified: Stamp,
    /// The inode's own time of change (ctime), which no program can set.
    touched: Stamp,
}

impl FileId {
    /// The state that a look at a file shows.
    pub fn from_stat(stat: &Stat) -> Self {
        let touched = Stamp { seconds: stat.st_ctime, nanos: u32::try_from(stat.st_ctime_nsec).unwrap_or(0) };
        Self { device: stat.st_dev, inode: stat.st_ino, size: size(stat), modified: changed(stat), touched }
    }

    /// Whether both are states of one inode.
    pub const fn is_same_inode(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
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

/// Opens a file to read it: never through a link, and a pipe without a writer holds nobody up.
pub fn open_file(folder: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

/// Opens the file of a key to read it; `None` if something else has its name.
pub fn open(folders: &mut Folders<'_>, key: &str) -> rustix::io::Result<Option<(OwnedFd, Stat)>> {
    let opened = folders.of(key).and_then(|(folder, name)| open_file(folder, name));
    let file = match opened {
        Err(error) if is_no_file(error) => return Ok(None),
        opened => opened?,
    };
    let stat = look_at(&file)?;
    Ok(is_file(&stat).then_some((file, stat)))
}

/// The state of the file of a key; `None` if there is none.
///
/// # Errors
/// It can't be looked at.
pub fn state(folders: &mut Folders<'_>, key: &str) -> rustix::io::Result<Option<FileId>> {
    let looked = folders.of(key).and_then(|(folder, name)| look(folder, name.as_bytes()));
    match looked {
        Ok(stat) => Ok(is_file(&stat).then(|| FileId::from_stat(&stat))),
        Err(error) if error == Errno::NOENT || is_no_file(error) => Ok(None),
        Err(error) => Err(error),
    }
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

/// Writes all of it.
pub fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        let count = write(to, bytes)?;
        bytes = &bytes[count..];
    }
    Ok(())
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

/// Deletes a file from the sink.
pub fn delete_from_sink(sink: &mut Folders<'_>, key: &str, halt: &Halt) -> Result<(), Miss> {
    let (folder, name) = sink.of(key).map_err(of_sink)?;
    halt.before_effect()?;
    match unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::NOENT) | Ok(()) => Ok(()),
        Err(error) => Err(of_sink(error)),
    }
}

/// Deletes a file of the source if it is still in this state. Returns whether it is deleted now.
///
/// # Errors
/// [`Miss`].
pub fn delete_if(source: &mut Folders<'_>, key: &str, expected: &FileId, halt: &Halt) -> Result<bool, Miss> {
    let (folder, name) = match source.of(key) {
        Err(Errno::NOENT) => return Ok(true),
        found => found.map_err(of_source)?,
    };
    match look(folder, name.as_bytes()) {
        Err(Errno::NOENT) => return Ok(true),
        Ok(stat) if is_file(&stat) && FileId::from_stat(&stat) == *expected => {}
        Ok(_) => return Ok(false),
        Err(error) => return Err(of_source(error)),
    }
    // Nothing may come between these looks and the delete.
    halt.before_effect()?;
    match unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::NOENT) | Ok(()) => Ok(true),
        Err(error) => Err(of_source_delete(error)),
    }
}

/// Removes a temporary file; what can't be removed goes with its folder.
pub fn remove(temporary: &Temporary, file: &str) {
    let _ = unlinkat(temporary.folder(), file, AtFlags::empty());
}

fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// Errors that say that a name is not that of a file: it is a link or a socket, or its folder is no folder.
fn is_no_file(error: Errno) -> bool {
    matches!(error, Errno::NOTDIR | Errno::LOOP | Errno::ISDIR | Errno::NXIO)
}

fn is_folder(folder: BorrowedFd<'_>, name: &str) -> bool {
    look(folder, name.as_bytes()).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}
