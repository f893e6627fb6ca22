//! The files of a folder and of all folders in it, in the order of their keys: one folder's names are in memory at a time,
//! and those of the folders that lead to it.

use super::conditions::Conditions;
use super::names::{Kind, Names};
use crate::executor::guarded::Expected;
use crate::executor::storage_transfer::places::entry::{Entry, is_unfinished};
use crate::executor::storage_transfer::places::folder::{changed, child, look, size};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, RawDir, Stat};
use rustix::io::{Errno, Result};
use std::mem::MaybeUninit;
use std::sync::Arc;

/// What the kernel tells of names at a time.
const BUFFER: usize = 64 * 1024;

/// What a walk finds.
#[derive(Debug)]
pub enum Found {
    /// A file.
    File(Entry),
    /// What is neither file nor folder, and what it is.
    Other(String, &'static str),
    /// A name that is no text: what can be told of it, and whether it is a folder's.
    Nameless(String, bool),
    /// A folder whose names were read. Its key ends with a slash.
    Folder(String),
    /// A folder that can't be read, and why. Its key ends with a slash.
    Unread(String, Errno),
}

struct Level {
    folder: OwnedFd,
    names: Names,
    /// How long the key of the folder is, with its slash.
    prefix: usize,
}

/// A walk.
pub struct Walk {
    conditions: Arc<Conditions>,
    /// Nothing up to this key is told.
    after: Option<String>,
    levels: Vec<Level>,
    key: String,
}

impl Walk {
    /// Begins a walk, which passes over folders in which nothing is meant.
    ///
    /// # Errors
    /// The root can't be read.
    pub fn new(root: OwnedFd, conditions: Arc<Conditions>, after: Option<String>) -> Result<Self> {
        let names = read(&root)?;
        let levels = vec![Level { folder: root, names, prefix: 0 }];
        Ok(Self { conditions, after, levels, key: String::new() })
    }

    fn is_before(&self, key: &str) -> bool {
        self.after.as_deref().is_some_and(|after| key <= after)
    }

    /// Whether all in a folder comes before what is to be told.
    fn is_passed(&self, folder: &str) -> bool {
        self.after.as_deref().is_some_and(|after| folder <= after && !after.starts_with(folder))
    }

    fn enter(&mut self) -> Option<Found> {
        if self.is_passed(&self.key) || !self.conditions.admit_folder(&self.key) {
            return None;
        }
        let level = self.levels.last()?;
        let name = &self.key.as_bytes()[level.prefix..self.key.len() - 1];
        let opened = child(level.folder.as_fd(), name, false).and_then(|folder| Ok((read(&folder)?, folder)));
        match opened {
            Ok((names, folder)) => {
                self.levels.push(Level { folder, names, prefix: self.key.len() });
                Some(Found::Folder(self.key.clone()))
            }
            // It was there a moment ago: it is as if it had not been.
            Err(Errno::NOENT) => None,
            Err(error) => Some(Found::Unread(self.key.clone(), error)),
        }
    }

    fn of_file(&self, stat: &Stat) -> Option<Found> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Some(Found::File(Entry {
                key: self.key.clone(),
                size: size(stat),
                modified: Some(changed(stat)),
                tag: None,
                md5: None,
                mode: Some(stat.st_mode & 0o777),
                over: Expected::Absent,
            })),
            FileType::Symlink => Some(Found::Other(self.key.clone(), "a symbolic link")),
            // A folder now: it is met as one next time.
            FileType::Directory => None,
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Some(Found::Other(self.key.clone(), "a pipe, socket or device")),
        }
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let level = self.levels.last_mut()?;
            self.key.truncate(level.prefix);
            let Some((name, kind)) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            let Ok(text) = std::str::from_utf8(name) else {
                let mut key = format!("{}{}", self.key, String::from_utf8_lossy(name));
                if kind == Kind::Folder {
                    key.push('/');
                }
                return Some(Found::Nameless(key, kind == Kind::Folder));
            };
            self.key.push_str(text);
            if is_unfinished(text) {
                continue;
            }
            let found = match kind {
                Kind::Folder => {
                    self.key.push('/');
                    self.enter()
                }
                _ if self.is_before(&self.key) => None,
                Kind::Link => Some(Found::Other(self.key.clone(), "a symbolic link")),
                Kind::Special => Some(Found::Other(self.key.clone(), "a pipe, socket or device")),
                Kind::File => {
                    let level = self.levels.last()?;
                    // One that is gone by now is as if it had not been.
                    look(level.folder.as_fd(), &self.key.as_bytes()[level.prefix..])
                        .ok()
                        .and_then(|stat| self.of_file(&stat))
                }
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

/// The sorted names of a folder.
fn read(folder: &OwnedFd) -> Result<Names> {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut names = Names::default();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let mut kind = entry.file_type();
        if kind == FileType::Unknown {
            kind = match look(folder.as_fd(), name) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error),
            };
        }
        let kind = match kind {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Kind::Special,
        };
        if !names.push(name, kind) {
            return Err(Errno::OVERFLOW);
        }
    }
    names.sort();
    Ok(names)
}
