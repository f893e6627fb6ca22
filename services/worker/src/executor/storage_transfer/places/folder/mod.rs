//! Folders as places of a transfer. Each name of a path is opened in the folder before it and never through a symbolic
//! link, so nothing leads out of the configured folder, whoever moves what meanwhile.

pub mod failure;
pub mod file;
pub mod temporary;

use super::entry::Stamp;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, mkdirat, open, openat, statat};
use rustix::io::{Errno, Result};
use std::path::{Component, Path};

/// Rights of what is made anew; the process's umask takes from it.
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);

/// Opens the root of a place: `beneath` a configured folder, which itself may be reached by any way. Makes what is not
/// there of `beneath` where it is asked to.
///
/// # Errors
/// `NOENT`: it is not there; `LOOP` or `NOTDIR`: a symbolic link or a file is in the way.
pub fn open_root(configured: &Path, beneath: &Path, create: bool) -> Result<OwnedFd> {
    let mut folder = open(configured, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for component in beneath.components() {
        let Component::Normal(name) = component else { return Err(Errno::INVAL) };
        folder = child(folder.as_fd(), name.as_encoded_bytes(), create)?;
    }
    Ok(folder)
}

/// Opens a folder in a folder.
pub fn child(parent: BorrowedFd<'_>, name: &[u8], create: bool) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::empty()) {
        Err(Errno::NOENT) if create => match mkdirat(parent, name, FOLDER_MODE) {
            // Somebody else may be at it as well.
            Ok(()) | Err(Errno::EXIST) => openat(parent, name, flags, Mode::empty()),
            Err(error) => Err(error),
        },
        opened => opened,
    }
}

/// The folders of a tree that were opened last: keys come sorted, so the next one mostly lies where the last one did.
#[derive(Debug)]
pub struct Folders<'a> {
    root: BorrowedFd<'a>,
    create: bool,
    open: Vec<(String, OwnedFd)>,
}

impl<'a> Folders<'a> {
    /// Folders beneath a root, made where they are not there if `create`.
    pub const fn new(root: BorrowedFd<'a>, create: bool) -> Self {
        Self { root, create, open: Vec::new() }
    }

    /// The folder that a key lies in, and its name there. The key must be a path ([`super::entry::objection_to_path`]).
    ///
    /// # Errors
    /// As [`open_root`].
    pub fn of<'k>(&mut self, key: &'k str) -> Result<(BorrowedFd<'_>, &'k str)> {
        let (parents, name) = key.rsplit_once('/').map_or((None, key), |(parents, name)| (Some(parents), name));
        let mut depth = 0;
        for segment in parents.into_iter().flat_map(|parents| parents.split('/')) {
            if self.open.get(depth).is_none_or(|(open, _)| open != segment) {
                self.open.truncate(depth);
                let parent = self.open.last().map_or(self.root, |(_, folder)| folder.as_fd());
                let folder = child(parent, segment.as_bytes(), self.create)?;
                self.open.push((segment.to_owned(), folder));
            }
            depth += 1;
        }
        self.open.truncate(depth);
        Ok((self.open.last().map_or(self.root, |(_, folder)| folder.as_fd()), name))
    }
}

/// When a file was changed.
pub fn changed(stat: &Stat) -> Stamp {
    Stamp { seconds: stat.st_mtime, nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) }
}

/// How large a file is.
pub fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// A look at a name, whatever it is; a symbolic link is not followed.
pub fn look(folder: BorrowedFd<'_>, name: &[u8]) -> Result<Stat> {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// A look at an open file.
pub fn look_at(file: impl AsFd) -> Result<Stat> {
    fstat(file)
}
