//! Compares two files byte for byte, and deletes a file of the source whose bytes are proven to be in the sink.

use crate::executor::storage_transfer::copy::failure::of_sink_read;
use crate::executor::storage_transfer::copy::throttle::Throttle;
use crate::executor::storage_transfer::decide::proof::{Compared, ONE_FILE, Proof};
use crate::executor::storage_transfer::places::folder::failure::of_source;
use crate::executor::storage_transfer::places::folder::file::{FileId, open};
use crate::executor::storage_transfer::places::folder::{Folders, look_at};
use crate::executor::storage_transfer::places::halt::Halt;
use crate::executor::storage_transfer::places::miss::Miss;
use operation::Code;
use rustix::fd::OwnedFd;
use rustix::fs::fsync;
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
