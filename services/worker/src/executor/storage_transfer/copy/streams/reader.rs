//! An object that is read in a stream, from whatever place.

use crate::executor::storage_transfer::copy::context::{Context, Source};
use crate::executor::storage_transfer::decide::proof::Version;
use crate::executor::storage_transfer::places::entry::{Entry, Stamp};
use crate::executor::storage_transfer::places::folder::failure::of_source;
use crate::executor::storage_transfer::places::folder::file::FileId;
use crate::executor::storage_transfer::places::folder::{Folders, changed, file, size};
use crate::executor::storage_transfer::places::http_list;
use crate::executor::storage_transfer::places::miss::Miss;
use crate::executor::storage_transfer::places::thread::{blocking, died};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::GetOptions;
use operation::Code;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Stat, fstat};
use std::sync::Arc;

/// What is read of a file at a time.
const BLOCK: usize = 512 * 1024;

/// What is known of an object before it is read.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// How large it is.
    pub size: u64,
    /// When it was changed, where that is known.
    pub modified: Option<Stamp>,
    /// Who may do what with the file, where it is one.
    pub mode: Option<u32>,
}

/// An object that is read.
pub struct Reader {
    /// What is known of it.
    pub about: About,
    /// The entity tag that a store's object was asked for by.
    tag: Option<String>,
    bytes: Bytestream,
}

enum Bytestream {
    File(Arc<OwnedFd>, Stat),
    Cloud(BoxStream<'static, object_store::Result<Bytes>>),
    Http(reqwest::Response),
}

impl Reader {
    /// Opens an object of the source.
    ///
    /// # Errors
    /// [`Miss`].
    pub async fn open(context: &Arc<Context>, entry: &Entry) -> Result<Self, Miss> {
        match &context.source {
            Source::Folder(_) => Self::open_file(context, entry).await,
            Source::Cloud(place) => {
                let options = GetOptions { if_match: entry.tag.clone(), ..GetOptions::default() };
                let got = place.store.objects.get_opts(&place.path(&entry.key)?, options).await;
                let got = got.map_err(|error| place.miss(&error, false))?;
                if got.meta.size != entry.size {
                    return Err(Miss::object(Code::FailedPrecondition, "it was changed after it was listed"));
                }
                let bytes = Bytestream::Cloud(got.into_stream());
                Ok(Self {
                    about: About { size: entry.size, modified: entry.modified, mode: None },
                    tag: entry.tag.clone(),
                    bytes,
                })
            }
            Source::Http(source) => {
                let bytes = Bytestream::Http(source.get(entry).await?);
                Ok(Self { about: About { size: entry.size, modified: None, mode: None }, tag: None, bytes })
            }
        }
    }

    async fn open_file(context: &Arc<Context>, entry: &Entry) -> Result<Self, Miss> {
        let (work, context, key) = (context.halt.work(), context.clone(), entry.key.clone());
        let opened = blocking(work, move || {
            let Source::Folder(root) = &context.source else { return Err(died()) };
            let mut folders = Folders::new(root.as_fd(), false);
            let (folder, name) = folders.of(&key).map_err(of_source)?;
            let file = file::open_file(folder, name).map_err(of_source)?;
            let stat = fstat(&file).map_err(of_source)?;
            Ok((file, stat))
        });
        let (file, stat) = opened.await?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Miss::object(Code::FailedPrecondition, "it is no file any more"));
        }
        let about = About { size: size(&stat), modified: Some(changed(&stat)), mode: Some(stat.st_mode & 0o777) };
        Ok(Self { about, tag: None, bytes: Bytestream::File(Arc::new(file), stat) })
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// [`Miss`].
    pub async fn next(&mut self, context: &Context) -> Result<Option<Bytes>, Miss> {
        match &mut self.bytes {
            Bytestream::File(file, _) => {
                let file = file.clone();
                let block = usize::try_from(self.about.size + 1).map_or(BLOCK, |size| size.min(BLOCK));
                let read = blocking(context.halt.work(), move || {
                    let mut block = vec![0; block];
                    let count = rustix::io::read(&file, &mut block[..]).map_err(of_source)?;
                    block.truncate(count);
                    Ok(Bytes::from(block))
                });
                Ok(Some(read.await?).filter(|block| !block.is_empty()))
            }
            Bytestream::Cloud(stream) => match (stream.next().await, &context.source) {
                (None, _) => Ok(None),
                (Some(Ok(bytes)), _) => Ok(Some(bytes)),
                (Some(Err(error)), Source::Cloud(place)) => Err(place.miss(&error, false)),
                (Some(Err(_)), Source::Folder(_) | Source::Http(_)) => Err(died()),
            },
            Bytestream::Http(response) => response.chunk().await.map_err(|error| http_list::broke(&error)),
        }
    }

    /// Whether what was read is one state of the object: `bytes` is how much that was. Returns its version, where that is
    /// certain.
    ///
    /// # Errors
    /// [`Miss`]: it is not.
    pub async fn whole(&mut self, context: &Context, bytes: u64) -> Result<Option<Version>, Miss> {
        let (same, version) = match &self.bytes {
            Bytestream::File(file, before) => {
                let (file, before) = (file.clone(), *before);
                blocking(context.halt.work(), move || {
                    let after = fstat(&file).map_err(of_source)?;
                    let same = size(&after) == bytes && size(&before) == bytes && changed(&after) == changed(&before);
                    let (before, after) = (FileId::from_stat(&before), FileId::from_stat(&after));
                    Ok((same, (before == after).then_some(Version::File(after))))
                })
                .await?
            }
            // It was read on the condition that it is this version.
            Bytestream::Cloud(_) => (bytes == self.about.size, self.tag.clone().map(Version::Object)),
            Bytestream::Http(_) => (bytes == self.about.size, None),
        };
        if same { Ok(version) } else { Err(Miss::object(Code::FailedPrecondition, "it was changed while it was read")) }
    }
}
