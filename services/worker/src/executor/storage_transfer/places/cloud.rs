//! Buckets in stores, as places of a transfer.

use super::halt::Halt;
use super::miss::Miss;
use crate::executor::guarded::{self, CloudStore, Look, NotDeleted, NotPublished, status};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt};
use operation::{Code, Failure};

/// The longest name that S3 and GCS take, in bytes.
const LONGEST: usize = 1024;

/// A part of a bucket.
#[derive(Clone)]
pub struct CloudPlace {
    /// The bucket's configured name.
    pub bucket: String,
    /// The bucket's store.
    pub store: CloudStore,
    /// What stands before the keys there: empty, or with a slash at the end.
    pub prefix: String,
    /// What the store's host is known by.
    pub host: String,
}

impl CloudPlace {
    /// The full path of an object.
    ///
    /// # Errors
    /// The store can't have such a name, or we can't name it.
    pub fn path(&self, key: &str) -> Result<Path, Miss> {
        let full = format!("{}{key}", self.prefix);
        if full.len() > LONGEST {
            return Err(Miss::object(Code::InvalidArgument, "its name is longer than 1024 bytes"));
        }
        // Parsing takes slashes away at both ends.
        Path::parse(&full).ok().filter(|path| path.as_ref() == full).ok_or_else(|| {
            let details =
                "its name begins or ends with a slash, has two in a row, a segment . or .., or a control character";
            Miss::object(Code::InvalidArgument, details)
        })
    }

    /// What a request for one object means that failed.
    pub fn miss(&self, error: &Error, writes: bool) -> Miss {
        tracing::warn!(bucket = self.bucket, %error, "a request to a bucket's store failed");
        let bucket = &self.bucket;
        match status(error) {
            Some(404) if writes => {
                let message = format!("the bucket {bucket} is not there in its store");
                Miss::All(Failure::fatal(Code::NotFound, message))
            }
            Some(404) => Miss::object(Code::NotFound, "it is not there any more"),
            Some(412) => Miss::object(Code::FailedPrecondition, "it was changed after it was listed"),
            Some(403 | 401) => {
                Miss::object(Code::PermissionDenied, "the store refuses it with the worker's credentials")
            }
            Some(400) => Miss::object(Code::InvalidArgument, "the store does not take it"),
            Some(507) => Miss::All(Failure::fatal(Code::ResourceExhausted, format!("the bucket {bucket} is full"))),
            _ => Miss::All(Failure::passing(format!("the bucket {bucket} could not be reached"))),
        }
    }

    /// What a failed listing means.
    pub fn failure(&self, error: &Error) -> Failure {
        tracing::warn!(bucket = self.bucket, %error, "a bucket could not be listed");
        let bucket = &self.bucket;
        let (code, what) = match status(error) {
            Some(404) => (Code::NotFound, "is not there in its store"),
            Some(403 | 401) => (Code::PermissionDenied, "refuses to be listed with the worker's credentials"),
            Some(400) => (Code::FailedPrecondition, "is not configured well: tell the operator"),
            _ => return Failure::passing(format!("the bucket {bucket} could not be listed")),
        };
        Failure::fatal(code, format!("the bucket {bucket} {what}"))
    }

    /// Deletes the object with this entity tag. Returns whether it is deleted now: not if another object has its name. One that
    /// is not there counts as deleted.
    ///
    /// # Errors
    /// [`Miss`].
    pub async fn delete(&self, key: &str, tag: Option<&str>, when: Look, halt: &Halt) -> Result<bool, Miss> {
        let path = self.path(key)?;
        match guarded::delete(&self.store, &path, tag, when, &halt.lease()).await {
            Ok(()) => Ok(true),
            Err(NotDeleted::Changed) => Ok(false),
            Err(NotDeleted::NotHeld) => Err(Miss::Halted),
            Err(NotDeleted::Hidden) => Err(Miss::object(Code::PermissionDenied, guarded::HIDDEN)),
            Err(NotDeleted::Unsupported) => Err(Miss::All(self.unsupported())),
            Err(NotDeleted::Store(error)) => Err(self.miss(&error, false)),
        }
    }

    /// What it means that an object is not in the sink.
    pub fn not_published(&self, error: &NotPublished, halt: &Halt) -> Miss {
        match error {
            NotPublished::NotHeld => Miss::Halted,
            NotPublished::TakenOver => halt.taken_over().into(),
            NotPublished::Occupied => Miss::object(
                Code::AlreadyExists,
                "another object of this name has appeared in the sink since it was listed",
            ),
            NotPublished::Hidden => Miss::object(Code::PermissionDenied, guarded::HIDDEN),
            // The next attempt sees whether it was completed unheard, or aborted.
            NotPublished::UploadGone => Miss::All(Failure::passing(guarded::UPLOAD_GONE)),
            NotPublished::Unsupported => Miss::All(self.unsupported()),
            NotPublished::Store(error) => self.miss(error, true),
        }
    }

    fn unsupported(&self) -> Failure {
        let message = format!("the bucket {}: {}", self.bucket, guarded::UNSUPPORTED);
        Failure::fatal(Code::FailedPrecondition, message)
    }

    /// What the store tells of an object now; `None` if it is not there.
    ///
    /// # Errors
    /// [`Miss`].
    pub async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, Miss> {
        match self.store.objects.head(&self.path(key)?).await {
            Ok(meta) => Ok(Some(meta)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.miss(&error, false)),
        }
    }
}
