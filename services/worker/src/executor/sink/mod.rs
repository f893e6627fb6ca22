//! The output side of executors: one object of one bucket, which appears complete or not at all.
//!
//! An executor fills the block of an [`Output`] and hands it over; parts are written behind its back while it fills
//! the next. Nothing is visible under the object's name before [`Output::publish`].

mod cloud;
mod connect;
mod folder;
mod gzip;
mod object_name;
mod output;
mod part_size;
mod small;
mod wait;

pub use connect::{Root, gone, root};
pub use object_name::ObjectName;
pub use output::Output;
pub use small::SmallObjects;
pub use wait::{PULSE, wait};

use crate::safepoint::{Ended, Safepoint};
use bytes::BytesMut;
use cloud::CloudSink;
use connect::Place;
use folder::FolderSink;
use operation::{Cleanup, Progress};
use runtime::config::Bucket;

/// Where the parts of one attempt's object go.
enum Sink {
    Folder(FolderSink),
    Cloud(Box<CloudSink>),
}

impl Sink {
    /// Opens the place, and removes what earlier attempts of the same operation left there.
    async fn open(bucket: &Bucket, object: &ObjectName, cx: &Safepoint) -> Result<Self, Ended> {
        Ok(match connect::connect(bucket, object)? {
            Place::Folder(root) => Self::Folder(FolderSink::open(&bucket.name, root, object, cx).await?),
            Place::Cloud { store, path } => {
                Self::Cloud(Box::new(CloudSink::open(&bucket.name, store, path, cx).await?))
            }
        })
    }

    /// How large the next part must be, unless it is the last.
    fn part_size(&self) -> usize {
        match self {
            Self::Folder(_) => folder::BLOCK,
            Self::Cloud(cloud) => cloud.part_size(),
        }
    }

    /// Bytes that have arrived.
    fn written(&self) -> u64 {
        match self {
            Self::Folder(folder) => folder.written(),
            Self::Cloud(cloud) => cloud.written(),
        }
    }

    /// Takes a part over and returns an empty buffer for the next, as soon as there is room. An error may be that of
    /// an earlier part.
    async fn write(&mut self, cx: &Safepoint, progress: Progress, part: BytesMut) -> Result<BytesMut, Ended> {
        match self {
            Self::Folder(folder) => folder.write(cx, progress, part).await,
            Self::Cloud(cloud) => cloud.write(cx, progress, part).await,
        }
    }

    /// Takes the last part, of any size, and waits until all parts are there and durable.
    async fn seal(&mut self, cx: &Safepoint, progress: Progress, last: BytesMut) -> Result<(), Ended> {
        match self {
            Self::Folder(folder) => folder.seal(cx, progress, last).await,
            Self::Cloud(cloud) => cloud.seal(cx, progress, last).await,
        }
    }

    /// Makes the object visible. To be called after the commit point only.
    async fn publish(&mut self, cx: &Safepoint) -> Result<(), Ended> {
        match self {
            Self::Folder(folder) => folder.publish(cx).await,
            Self::Cloud(cloud) => cloud.publish(cx).await,
        }
    }

    /// Removes what was written and tells the truth about it.
    async fn abort(&mut self) -> Cleanup {
        match self {
            Self::Folder(folder) => folder.abort().await,
            Self::Cloud(cloud) => cloud.abort().await,
        }
    }
}
