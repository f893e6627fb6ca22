//! An object that is written in a stream, to whatever place: it appears whole or not at all.

use super::reader::About;
use super::upload::{PART, Upload};
use crate::executor::storage_transfer::copy::context::{Context, Sink, folder_of};
use crate::executor::storage_transfer::decide::proof::Version;
use crate::executor::storage_transfer::places::entry::Entry;
use crate::executor::storage_transfer::places::folder::failure::of_sink;
use crate::executor::storage_transfer::places::folder::file::{FileId, Replace};
use crate::executor::storage_transfer::places::folder::{Folders, file};
use crate::executor::storage_transfer::places::miss::Miss;
use crate::executor::storage_transfer::places::thread::blocking;
use crate::executor::storage_transfer::report::note::Note;
use bytes::{Bytes, BytesMut};
use kinds::storage_transfer::OverwriteWhen;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, fstat};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What is written to a file at a time.
const BLOCK: usize = 512 * 1024;
/// The rights of a file whose source tells of none, before the umask.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// An object on its way into the sink. Ended by [`Writer::publish`] or [`Writer::abort`].
pub enum Writer<'a> {
    /// Into a folder.
    Folder(FileWriter),
    /// Into a store.
    Cloud(Box<Upload<'a>>),
}

/// A temporary file that is written to.
pub struct FileWriter {
    context: Arc<Context>,
    name: String,
    file: Arc<OwnedFd>,
    block: BytesMut,
}

/// What an object of this size holds in memory on its way.
pub fn memory(context: &Context, size: u64) -> usize {
    let most = match &context.sink {
        Sink::Folder(_) => 2 * BLOCK,
        // And larger where there would be too many parts.
        Sink::Cloud(_) => PART.max(usize::try_from(size.div_ceil(10_000)).unwrap_or(PART)),
    };
    usize::try_from(size).map_or(most, |size| size.min(most))
}

impl<'a> Writer<'a> {
    /// Begins a copy of this object, of about this size. Nothing is visible.
    ///
    /// # Errors
    /// [`Miss`].
    pub async fn begin(
        context: &'a Arc<Context>,
        entry: &Entry,
        about: About,
        notes: &'a mpsc::UnboundedSender<Note>,
    ) -> Result<Self, Miss> {
        let Sink::Cloud(place) = &context.sink else {
            return Ok(Self::Folder(FileWriter::create(context.clone(), about.mode).await?));
        };
        let overwrites = context.overwrite != OverwriteWhen::Never && context.replaces(entry) == Replace::Any;
        let over = (entry.over.clone(), overwrites);
        Ok(Self::Cloud(Box::new(Upload::new(place, &entry.key, about.size, over, &context.halt, notes)?)))
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// [`Miss`]: then [`Writer::abort`].
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Miss> {
        match self {
            Self::Folder(file) => file.write(bytes).await,
            Self::Cloud(upload) => upload.write(bytes).await,
        }
    }

    /// Makes it visible under its key; returns the version that it is there, where that is told.
    ///
    /// # Errors
    /// [`Miss`]: then [`Writer::abort`].
    pub async fn publish(&mut self, key: &str, about: About, replace: Replace) -> Result<Option<Version>, Miss> {
        match self {
            Self::Folder(file) => file.publish(key.to_owned(), about, replace).await,
            Self::Cloud(upload) => Ok(upload.publish().await?.map(Version::Object)),
        }
    }

    /// Removes what was written.
    pub async fn abort(&mut self) {
        match self {
            Self::Folder(file) => {
                let (context, name) = (file.context.clone(), file.name.clone());
                let removed = blocking(file.context.halt.work(), move || {
                    file::remove(&folder_of(&context)?.temporary, &name);
                    Ok(())
                });
                // What can't be removed goes with its folder.
                let _ = removed.await;
            }
            Self::Cloud(upload) => upload.abort().await,
        }
    }
}

impl FileWriter {
    async fn create(context: Arc<Context>, mode: Option<u32>) -> Result<Self, Miss> {
        let mode = mode.map_or(FILE_MODE, Mode::from_raw_mode);
        let work = context.halt.work().clone();
        let (name, file, context) = blocking(&work, move || {
            let sink = folder_of(&context)?;
            let name = sink.temporary.file();
            let file = file::create(&sink.temporary, &name, mode)?;
            Ok((name, file, context))
        })
        .await?;
        Ok(Self { context, name, file: Arc::new(file), block: BytesMut::new() })
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Miss> {
        self.block.extend_from_slice(&bytes);
        if self.block.len() >= BLOCK { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Miss> {
        let (file, mut block) = (self.file.clone(), std::mem::take(&mut self.block));
        self.block = blocking(self.context.halt.work(), move || {
            file::write_all(file.as_fd(), &block).map_err(of_sink)?;
            block.clear();
            Ok(block)
        })
        .await?;
        Ok(())
    }

    async fn publish(&mut self, key: String, about: About, replace: Replace) -> Result<Option<Version>, Miss> {
        self.flush().await?;
        let (context, file, name) = (self.context.clone(), self.file.clone(), self.name.clone());
        let (modified, mode) = (about.modified, about.mode.map(Mode::from_raw_mode));
        blocking(self.context.halt.work(), move || {
            let sink = folder_of(&context)?;
            let mode = mode.filter(|mode| mode.intersects(sink.umask));
            file::finish(&file, modified, mode).map_err(of_sink)?;
            let mut folders = Folders::new(sink.root.as_fd(), true);
            file::publish(&mut folders, &sink.temporary, &name, &key, replace, &context.halt)?;
            // After the rename, which changes the state.
            Ok(fstat(&file).ok().map(|stat| Version::File(FileId::from_stat(&stat))))
        })
        .await
    }
}
