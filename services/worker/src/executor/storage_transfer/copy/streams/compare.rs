//! Compares an object of the source with its copy in the sink where one of them is in a store, and deletes an object of the
//! source whose bytes are proven to be in the sink. From folder to folder, `copy/threads/compare.rs` does.
//!
//! If a store reports an MD5, only the other side is read, and hashed. If the hashes differ, the tag may not be an MD5 (stores
//! that encrypt with their own keys), so both sides are read and compared byte for byte.

use crate::executor::guarded::Look;
use crate::executor::storage_transfer::copy::context::{Context, Sink, Source};
use crate::executor::storage_transfer::copy::failure::of_sink_read;
use crate::executor::storage_transfer::copy::hosts;
use crate::executor::storage_transfer::decide::proof::{
    COMPARISONS, COPY_UNREADABLE, Compared, NO_VERSION, NOT_STEADY, NOT_THE_SAME, Proof, Version,
};
use crate::executor::storage_transfer::places::cloud::CloudPlace;
use crate::executor::storage_transfer::places::entry::plain_md5;
use crate::executor::storage_transfer::places::folder::failure::of_source;
use crate::executor::storage_transfer::places::folder::file::FileId;
use crate::executor::storage_transfer::places::folder::{Folders, file, size};
use crate::executor::storage_transfer::places::miss::Miss;
use crate::executor::storage_transfer::places::thread::blocking;
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use md5::{Digest, Md5};
use object_store::{Error, GetOptions};
use operation::{Code, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{SeekFrom, fstat, fsync, seek};
use rustix::io::Errno;
use std::sync::Arc;

/// What is read of a file at a time, and what one side holds in memory.
const BLOCK: usize = 512 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Sink,
}

/// An object as it is now.
struct Opened {
    side: Side,
    size: u64,
    version: Version,
    md5: Option<[u8; 16]>,
    file: Option<Arc<OwnedFd>>,
}

/// Compares the two objects of a key as they are now. A file of the sink is durable when this returns
/// [`Compared::Equal`].
///
/// # Errors
/// [`Miss`]: one of them can't be read.
pub async fn compare(context: &Arc<Context>, key: &str) -> Result<Compared, Miss> {
    let halt = &context.halt;
    let _memory = halt.or_halt(context.budget.take(2 * BLOCK)).await?;
    let _hosts = halt.or_halt(hosts::take(context.hosts(key))).await?;
    let Some(source) = halt.or_halt(open(context, Side::Source, key)).await?? else {
        return Ok(Compared::SourceMissing);
    };
    let Some(sink) = halt.or_halt(open(context, Side::Sink, key)).await?? else { return Ok(Compared::Differ) };
    if source.size != sink.size {
        return Ok(Compared::Differ);
    }
    let equal = equal(context, key, &source, &sink).await?;
    if !source.is_steady(context, false).await? || !sink.is_steady(context, equal == Some(true)).await? {
        return Ok(Compared::Changed);
    }
    Ok(match equal {
        Some(true) => Compared::Equal(Proof { source: source.version, sink: sink.version }),
        Some(false) => Compared::Differ,
        None => Compared::Changed,
    })
}

/// Deletes an object from the source that is proven to be in the sink, if the proof still holds or can be had again.
///
/// # Errors
/// [`Miss`]: it was not deleted.
pub async fn delete_from_source(context: &Arc<Context>, key: &str, mut proof: Option<Proof>) -> Result<(), Miss> {
    if context.syncs() {
        sync(context).await?;
    }
    for _ in 0..=COMPARISONS {
        if let Some(proof) = proof.take()
            && state(context, Side::Sink, key).await? == Some(proof.sink)
            && delete_if(context, key, &proof.source).await?
        {
            return Ok(());
        }
        match compare(context, key).await? {
            Compared::Equal(equal) => proof = Some(equal),
            Compared::Changed => {}
            Compared::Differ => return Err(Miss::object(Code::FailedPrecondition, NOT_THE_SAME)),
            Compared::SourceMissing => return Ok(()),
        }
    }
    Err(Miss::object(Code::FailedPrecondition, NOT_STEADY))
}

/// Deletes an object of the source if it is still this version. Returns whether it is deleted now.
async fn delete_if(context: &Arc<Context>, key: &str, expected: &Version) -> Result<bool, Miss> {
    match (&context.source, expected) {
        (Source::Cloud(place), Version::Object(tag)) => place.delete(key, Some(tag), Look::First, &context.halt).await,
        (Source::Folder(_), Version::File(expected)) => {
            let (work, context, key, expected) = (context.halt.work(), context.clone(), key.to_owned(), *expected);
            blocking(work, move || {
                let root = root(&context, Side::Source)?;
                file::delete_if(&mut Folders::new(root, false), &key, &expected, &context.halt)
            })
            .await
        }
        (Source::Http(_), _) => Err(Miss::object(Code::Unimplemented, "nothing is deleted from lists of URLs")),
        (Source::Cloud(_), Version::File(_)) | (Source::Folder(_), Version::Object(_)) => Ok(false),
    }
}

/// The version that one side has now; `None` if it has no such object.
async fn state(context: &Arc<Context>, side: Side, key: &str) -> Result<Option<Version>, Miss> {
    if let Some(place) = cloud(context, side) {
        let meta = place.head(key).await.map_err(|miss| explain(side, miss))?;
        return meta.map(|meta| Version::from_meta(&meta).ok_or_else(no_version)).transpose();
    }
    let (work, context, key) = (context.halt.work(), context.clone(), key.to_owned());
    blocking(work, move || {
        let state = file::state(&mut Folders::new(root(&context, side)?, false), &key);
        Ok(state.map_err(|error| read_failure(side, error))?.map(Version::File))
    })
    .await
}

async fn open(context: &Arc<Context>, side: Side, key: &str) -> Result<Option<Opened>, Miss> {
    if let Some(place) = cloud(context, side) {
        let Some(meta) = place.head(key).await.map_err(|miss| explain(side, miss))? else { return Ok(None) };
        let version = Version::from_meta(&meta).ok_or_else(no_version)?;
        let md5 = meta.e_tag.as_deref().and_then(plain_md5);
        return Ok(Some(Opened { side, size: meta.size, version, md5, file: None }));
    }
    let (work, context, key) = (context.halt.work(), context.clone(), key.to_owned());
    blocking(work, move || match file::open(&mut Folders::new(root(&context, side)?, false), &key) {
        Ok(Some((file, stat))) => {
            let id = FileId::from_stat(&stat);
            let file = Some(Arc::new(file));
            Ok(Some(Opened { side, size: size(&stat), version: Version::File(id), md5: None, file }))
        }
        Ok(None) if side == Side::Source => Err(of_source(Errno::ISDIR)),
        Err(Errno::NOENT) | Ok(None) => Ok(None),
        Err(error) => Err(read_failure(side, error)),
    })
    .await
}

impl Opened {
    /// Whether what was read is the version that was opened. Makes it durable if asked to.
    async fn is_steady(&self, context: &Context, durable: bool) -> Result<bool, Miss> {
        // An object of a store is read on the condition that it is this version.
        let Some(file) = self.file.clone() else { return Ok(true) };
        let (side, version) = (self.side, self.version.clone());
        blocking(context.halt.work(), move || {
            if durable {
                fsync(&file).map_err(|error| read_failure(side, error))?;
            }
            let stat = fstat(&file).map_err(|error| read_failure(side, error))?;
            Ok(Version::File(FileId::from_stat(&stat)) == version)
        })
        .await
    }
}

/// Whether the bytes are equal; `None` if one was changed meanwhile.
async fn equal(context: &Arc<Context>, key: &str, source: &Opened, sink: &Opened) -> Result<Option<bool>, Miss> {
    let reported = match (source.md5, sink.md5) {
        (Some(one), Some(other)) if one == other => return Ok(Some(true)),
        (Some(md5), None) => Some((sink, md5)),
        (None, Some(md5)) => Some((source, md5)),
        (None, None) | (Some(_), Some(_)) => None,
    };
    if let Some((opened, expected)) = reported {
        match md5_of(context, key, opened).await? {
            None => return Ok(None),
            Some(md5) if md5 == expected => return Ok(Some(true)),
            // The tag may not be an MD5.
            Some(_) => {}
        }
    }
    let Some(mut one) = Content::open(context, key, source).await? else { return Ok(None) };
    let Some(mut other) = Content::open(context, key, sink).await? else { return Ok(None) };
    loop {
        match (one.fill(context).await?, other.fill(context).await?) {
            (false, false) => return Ok(Some(true)),
            (true, true) => {}
            _ => return Ok(Some(false)),
        }
        let count = one.rest.len().min(other.rest.len());
        if one.rest[..count] != other.rest[..count] {
            return Ok(Some(false));
        }
        one.rest.advance(count);
        other.rest.advance(count);
    }
}

/// The MD5 of one side's bytes; `None` if it was changed meanwhile.
async fn md5_of(context: &Arc<Context>, key: &str, opened: &Opened) -> Result<Option<[u8; 16]>, Miss> {
    let Some(mut bytes) = Content::open(context, key, opened).await? else { return Ok(None) };
    let mut hash = Md5::new();
    while bytes.fill(context).await? {
        hash.update(&bytes.rest);
        bytes.rest.clear();
    }
    Ok(Some(hash.finalize().into()))
}

/// The bytes of one side.
struct Content {
    side: Side,
    from: Origin,
    /// What was read and not compared yet.
    rest: Bytes,
}

enum Origin {
    File(Arc<OwnedFd>),
    Object(CloudPlace, BoxStream<'static, object_store::Result<Bytes>>),
}

impl Content {
    /// Begins at the first byte; `None` if the object is another version by now.
    async fn open(context: &Arc<Context>, key: &str, opened: &Opened) -> Result<Option<Self>, Miss> {
        let from = match (&opened.file, cloud(context, opened.side), &opened.version) {
            (Some(file), _, _) => {
                seek(file, SeekFrom::Start(0)).map_err(|error| read_failure(opened.side, error))?;
                Origin::File(file.clone())
            }
            (None, Some(place), Version::Object(tag)) => {
                let options = GetOptions { if_match: Some(tag.clone()), ..GetOptions::default() };
                let path = place.path(key)?;
                match context.halt.or_halt(place.store.objects.get_opts(&path, options)).await? {
                    Ok(got) => Origin::Object(place.clone(), got.into_stream()),
                    Err(Error::Precondition { .. } | Error::NotFound { .. }) => return Ok(None),
                    Err(error) => return Err(explain(opened.side, place.miss(&error, false))),
                }
            }
            (None, _, _) => return Err(Miss::All(Failure::fatal(Code::Internal, "a version without an object"))),
        };
        Ok(Some(Self { side: opened.side, from, rest: Bytes::new() }))
    }

    /// Reads on if all that was read is compared; `false` at the end.
    async fn fill(&mut self, context: &Context) -> Result<bool, Miss> {
        let side = self.side;
        while self.rest.is_empty() {
            let read = match &mut self.from {
                Origin::File(file) => {
                    let file = file.clone();
                    blocking(context.halt.work(), move || {
                        let mut block = vec![0; BLOCK];
                        let count =
                            rustix::io::read(&file, &mut block[..]).map_err(|error| read_failure(side, error))?;
                        block.truncate(count);
                        Ok((count > 0).then(|| Bytes::from(block)))
                    })
                    .await?
                }
                Origin::Object(place, stream) => context
                    .halt
                    .or_halt(stream.next())
                    .await?
                    .transpose()
                    .map_err(|error| explain(side, place.miss(&error, false)))?,
            };
            context.halt.within_object()?;
            let Some(read) = read else { return Ok(false) };
            if let Some(throttle) = &context.throttle {
                throttle.wait(read.len() as u64, &context.halt).await?;
            }
            self.rest = read;
        }
        Ok(true)
    }
}

async fn sync(context: &Arc<Context>) -> Result<(), Miss> {
    let (work, context) = (context.halt.work(), context.clone());
    blocking(work, move || context.sync_or_halt()).await
}

fn cloud(context: &Context, side: Side) -> Option<&CloudPlace> {
    match (side, &context.source, &context.sink) {
        (Side::Source, Source::Cloud(place), _) | (Side::Sink, _, Sink::Cloud(place)) => Some(place),
        (Side::Source | Side::Sink, _, _) => None,
    }
}

fn root(context: &Context, side: Side) -> Result<BorrowedFd<'_>, Miss> {
    match (side, &context.source, &context.sink) {
        (Side::Source, Source::Folder(root), _) => Ok(root.as_fd()),
        (Side::Sink, _, Sink::Folder(sink)) => Ok(sink.root.as_fd()),
        (Side::Source | Side::Sink, _, _) => Err(Miss::All(Failure::fatal(Code::Internal, "the place is no folder"))),
    }
}

fn no_version() -> Miss {
    Miss::object(Code::FailedPrecondition, NO_VERSION)
}

fn read_failure(side: Side, error: Errno) -> Miss {
    if side == Side::Source { of_source(error) } else { of_sink_read(error) }
}

/// Words a failure of one side for the report, which names the source's object.
fn explain(side: Side, miss: Miss) -> Miss {
    match miss {
        Miss::Object(code, _) if side == Side::Sink => Miss::object(code, COPY_UNREADABLE),
        miss @ (Miss::Object(..) | Miss::All(_) | Miss::Halted) => miss,
    }
}

#[cfg(test)]
mod tests;
