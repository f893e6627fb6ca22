//! A look at the destination.

use super::condition::{Found, METADATA, Version};
use super::request::Dialect;
use super::store::CloudStore;
use object_store::path::Path;
use object_store::{Attribute, Error, GetOptions, ObjectStore};

/// What is at a path now. It changes nothing, so the client may retry it.
///
/// # Errors
/// The store does not answer.
pub async fn look(store: &CloudStore, path: &Path) -> Result<Found, Error> {
    match store.objects.get_opts(path, GetOptions { head: true, ..GetOptions::default() }).await {
        Ok(there) => {
            let mark = there.attributes.get(&Attribute::Metadata(METADATA.into()));
            let mark = mark.and_then(|mark| mark.parse().ok());
            // Where tags are compared, the version of a versioned bucket says nothing more.
            let generation = there.meta.version.filter(|_| store.once.dialect == Dialect::Gcs);
            Ok(Found::Object(Version { tag: there.meta.e_tag, generation }, mark))
        }
        Err(Error::NotFound { .. }) => Ok(Found::Absent),
        // S3 says so of a missing object too, where the credentials may not list the bucket.
        Err(Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => Ok(Found::Hidden),
        Err(error) => Err(error),
    }
}
