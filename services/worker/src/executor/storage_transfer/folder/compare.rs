//! Compares two files byte for byte, and deletes a file of the source whose bytes are proven to be in the sink.

use super::copy::open_file;
use super::failure::{of_sink_read, of_source, of_source_delete};
use super::{Folders, look, look_at};
use crate::executor::storage_transfer::halt::Halt;
use crate::executor::storage_transfer::proof::{Compared, FileId, ONE_FILE, Proof};
use crate::executor::storage_transfer::report::Miss;
use crate::executor::storage_transfer::throttle::Throttle;
use operation::Code;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Stat, fsync, unlinkat};
use rustix::io::{Errno, read};

/// What is compared between two looks at the stop: a few milliseconds.
const PIECE: usize = 16 * 1024 * 1024;

/// Compares the two files of a key as they are now. The sink's is durable when this returns [`Compared::Equal`].
///
/// # Errors
/// [`Miss`]: one of them can't be read, or both names lead to one file.
pub fn compare(
    source: &mut Folders<'_>,
    sink: &mut Folders<'_>,
    key: &str,
    buffer: &mut [u8],
    halt: &Halt,
    throttle: Option<&Throttle>,
) -> Result<Compared<FileId>, Miss> {
    let (one, one_before) = match open(source, key) {
        Err(Errno::NOENT) => return Ok(Compared::SourceMissing),
        Ok(None) => return Ok(Compared::Differ),
        Ok(Some(opened)) => opened,
        Err(error) => return Err(of_source(error)),
    };
    let (other, other_before) = match open(sink, key) {
        Err(Errno::NOENT) | Ok(None) => return Ok(Compared::Differ),
        Ok(Some(opened)) => opened,
        Err(error) => return Err(of_sink_read(error)),
    };
    let (proof, equal) = (
        Proof { source: FileId::from_stat(&one_before), sink: FileId::from_stat(&other_before) },
        one_before.st_size == other_before.st_size && equal(&one, &other, buffer, halt, throttle)?,
    );
    if FileId::from_stat(&look_at(&one).map_err(of_source)?) != proof.source
        || FileId::from_stat(&look_at(&other).map_err(of_sink_read)?) != proof.sink
    {
        return Ok(Compared::Changed);
    }
    if !equal {
        return Ok(Compared::Differ);
    }
    if proof.source.is_same_inode(&proof.sink) && is_one_name(source, sink, key)? {
        return Err(Miss::object(Code::FailedPrecondition, ONE_FILE));
    }
    fsync(&other).map_err(|error| {
        tracing::warn!(%error, "a file of the sink could not be synced");
        Miss::object(Code::Unknown, "its copy in the sink could not be synced, and so it was not deleted")
    })?;
    Ok(Compared::Equal(proof))
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

/// Whether the two names are one entry of one folder, e.g. through a bind mount. Hard links in two folders are not: each
/// stays when the other is deleted.
fn is_one_name(source: &mut Folders<'_>, sink: &mut Folders<'_>, key: &str) -> Result<bool, Miss> {
    let (folder, _) = source.of(key).map_err(of_source)?;
    let one = FileId::from_stat(&look_at(folder).map_err(of_source)?);
    let (folder, _) = sink.of(key).map_err(of_sink_read)?;
    let other = FileId::from_stat(&look_at(folder).map_err(of_sink_read)?);
    Ok(one.is_same_inode(&other))
}

fn equal(
    one: &OwnedFd,
    other: &OwnedFd,
    buffer: &mut [u8],
    halt: &Halt,
    throttle: Option<&Throttle>,
) -> Result<bool, Miss> {
    let block = buffer.len() / 2;
    let (left, right) = buffer[..2 * block].split_at_mut(block);
    let mut compared = 0;
    loop {
        let (read, also) = (fill(one, left).map_err(of_source)?, fill(other, right).map_err(of_sink_read)?);
        if left[..read] != right[..also] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
        if let Some(throttle) = throttle {
            throttle.block(read as u64, halt)?;
        }
        compared += read;
        if throttle.is_some() || compared >= PIECE {
            halt.within_object()?;
            compared = 0;
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &OwnedFd, buffer: &mut [u8]) -> rustix::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read(file, &mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// Errors that say that a name is not that of a file: it is a link or a socket, or its folder is no folder.
fn is_no_file(error: Errno) -> bool {
    matches!(error, Errno::NOTDIR | Errno::LOOP | Errno::ISDIR | Errno::NXIO)
}
