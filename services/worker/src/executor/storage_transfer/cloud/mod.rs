//! Buckets in stores, as places of a transfer.

mod list;
mod upload;

pub use list::{Listed, Pages};
pub use upload::{PART, Upload, abort_former};

use super::report::Miss;
use crate::executor::sink::CloudStore;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt};
use operation::{Code, Failure};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest name that S3 and GCS take, in bytes.
const LONGEST: usize = 1024;
/// What one permit of the budget is for.
const UNIT: usize = 64 * 1024;
/// What all objects that stream at a time may hold in memory.
const BUDGET: usize = 64 * 1024 * 1024;

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
        match refusal(error) {
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
        let (code, what) = match refusal(error) {
            Some(404) => (Code::NotFound, "is not there in its store"),
            Some(403 | 401) => (Code::PermissionDenied, "refuses to be listed with the worker's credentials"),
            Some(400) => (Code::FailedPrecondition, "is not configured well: tell the operator"),
            _ => return Failure::passing(format!("the bucket {bucket} could not be listed")),
        };
        Failure::fatal(code, format!("the bucket {bucket} {what}"))
    }

    /// Deletes an object; one that is not there counts as deleted.
    ///
    /// # Errors
    /// [`Miss`].
    pub async fn delete(&self, key: &str) -> Result<(), Miss> {
        match self.store.objects.delete(&self.path(key)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.miss(&error, false)),
        }
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

/// The status by which a store refused a request. The crate tells it for some requests, and buries it for others.
fn refusal(error: &Error) -> Option<u16> {
    if matches!(error, Error::NotFound { .. }) {
        return Some(404);
    } else if matches!(error, Error::Precondition { .. }) {
        return Some(412);
    } else if matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) {
        return Some(403);
    }
    // The type that knows it can't be named outside of the crate; a test holds its words.
    let told = error.to_string();
    let (_, status) = told.split_once("non-2xx status code: ")?;
    status.get(..3)?.parse().ok()
}

/// The memory of all that streams for one operation.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET / UNIT)))
    }
}

impl Budget {
    /// Waits until there is room for so much.
    pub async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = bytes.min(BUDGET).div_ceil(UNIT).max(1);
        self.0.clone().acquire_many_owned(u32::try_from(units).unwrap_or(u32::MAX)).await.ok()
    }
}
