//! Many small objects of one operation in one folder of a bucket: each appears complete or not at all, at once.
//!
//! The fence holds at the destination too. A worker that was frozen for longer than its lease may wake in the middle of
//! a step: its last look at the lease's clock stands right before the rename that makes the object visible. Should the
//! freeze fall between that look and the rename, a matter of microseconds, there is still the attempt that took over:
//! it removes the temporary files of earlier attempts before anything else, and a rename without its file fails.
//!
//! What remains: nobody took over, because the operation was cancelled with its worker lost. Then the one object whose
//! rename was due may still appear, and the receipt says `unknown`. In a cloud store the same holds for the one request
//! under way; once a later attempt has written that object, the store refuses it.

use super::connect::{self, Place, Root};
use super::folder::{blocking, sync_folders};
use super::{ObjectName, cloud, folder};
use crate::executor::guarded::{Author, CloudStore, Content, Expected, publish};
use crate::lease_clock::HeldLease;
use crate::safepoint::{Ended, Safepoint};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use object_store::path::Path;
use object_store::{Error, GetOptions};
use operation::{Failure, Fence};
use runtime::config::Bucket;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

/// The small objects of one operation.
pub struct SmallObjects<'a> {
    bucket: &'a Bucket,
    root: Root,
    folder: String,
    cx: &'a Safepoint,
}

impl<'a> SmallObjects<'a> {
    /// Objects in a folder of the bucket. What earlier attempts of this operation were about to write there can't appear
    /// any more when this returns.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn open(bucket: &'a Bucket, folder: &str, cx: &'a Safepoint) -> Result<Self, Failure> {
        let objects = Self { bucket, root: connect::root(bucket)?, folder: folder.to_owned(), cx };
        if let (Place::Folder(root), object) = objects.place("any")? {
            let fence = cx.fence();
            let removed = blocking(cx.work(), move || remove_earlier(&root, &object, fence)).await;
            removed.map_err(|error| folder::failure(&bucket.name, &error))?;
        }
        Ok(objects)
    }

    /// Whether an object is there.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn has(&self, name: &str) -> Result<bool, Failure> {
        match self.place(name)? {
            (Place::Folder(root), object) => {
                let there = blocking(self.cx.work(), move || {
                    Dir::open_ambient_dir(root, ambient_authority())?.try_exists(object.as_str())
                });
                there.await.map_err(|error| folder::failure(&self.bucket.name, &error))
            }
            (Place::Cloud { store, path }, _) => {
                match store.objects.get_opts(&path, GetOptions { head: true, ..GetOptions::default() }).await {
                    Ok(_) => Ok(true),
                    Err(Error::NotFound { .. }) => Ok(false),
                    Err(error) => Err(cloud::failure(&self.bucket.name, &error)),
                }
            }
        }
    }

    /// Writes an object, over the same one of an earlier attempt where there is one. It is durable when this returns.
    ///
    /// # Errors
    /// A stop, where this attempt may not act any more, or a failure: it may be there.
    pub async fn put(&self, name: &str, content: String) -> Result<(), Ended> {
        let lease = self.cx.lease();
        let written = match self.place(name)? {
            (Place::Folder(root), object) => {
                let fence = self.cx.fence();
                let written = blocking(self.cx.work(), move || put_file(&root, &object, fence, &content, &lease)).await;
                written.map_err(|error| folder::failure(&self.bucket.name, &error))?
            }
            (Place::Cloud { store, path }, _) => return self.put_in_cloud(&store, &path, content, lease).await,
        };
        match written {
            Written::Whole => Ok(()),
            Written::NotHeld => Err(self.cx.attempt().halted_by().into()),
            Written::TakenOver => Err(self.cx.attempt().taken_over().into()),
        }
    }

    async fn put_in_cloud(
        &self,
        store: &CloudStore,
        path: &Path,
        content: String,
        lease: HeldLease,
    ) -> Result<(), Ended> {
        let author = Author::new(self.cx.fence(), lease);
        // Most often nothing is there: the look is left to where the store says otherwise.
        let published = publish(store, path, Content::Whole(&content.into()), &Expected::Absent, true, &author).await;
        published.map(drop).map_err(|error| cloud::not_published(&self.bucket.name, &error, self.cx))
    }

    fn place(&self, name: &str) -> Result<(Place, ObjectName), Failure> {
        let object = ObjectName::parse(&format!("{}/{name}", self.folder))?;
        Ok((connect::place(&self.root, &object)?, object))
    }
}

/// Removes the temporary files of earlier attempts of an operation from the folder of its objects.
fn remove_earlier(root: &PathBuf, object: &ObjectName, fence: Fence) -> io::Result<()> {
    let folder = match Dir::open_ambient_dir(root, ambient_authority())?.open_dir(object.folder_and_file().0) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    for entry in folder.entries()? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(|name| ObjectName::is_temporary_of(name, fence.id)) {
            match folder.remove_file(&name) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// It is there.
    Whole,
    /// It is not: the lease does not stand any more.
    NotHeld,
    /// It is not: the attempt that took over has removed the temporary file.
    TakenOver,
}

/// Writes a file beside its place and renames it over it.
fn put_file(
    root: &PathBuf,
    object: &ObjectName,
    fence: Fence,
    content: &str,
    lease: &HeldLease,
) -> io::Result<Written> {
    let root = Dir::open_ambient_dir(root, ambient_authority())?;
    let (parent, file) = object.folder_and_file();
    let folder = match root.open_dir(parent) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            root.create_dir_all(parent)?;
            root.open_dir(parent)?
        }
        opened => opened?,
    };
    let temporary = object.temporary_file(fence);
    let written = folder
        .open_with(&temporary, OpenOptions::new().write(true).create(true).truncate(true))
        .and_then(|mut temporary| {
            temporary.write_all(content.as_bytes())?;
            temporary.sync_all()
        })
        .and_then(|()| {
            // Nothing may come between this look and the rename.
            if !lease.stands() {
                return Ok(Written::NotHeld);
            }
            match folder.rename(&temporary, &folder, file) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Written::TakenOver),
                renamed => renamed.map(|()| Written::Whole),
            }
        });
    if matches!(written, Ok(Written::Whole)) {
        sync_folders(&root, object)?;
    } else {
        let _ = folder.remove_file(&temporary);
    }
    written
}
