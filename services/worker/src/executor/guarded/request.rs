//! The requests themselves: each is sent once, with its condition in the words of its store.

use super::condition::{Condition, METADATA, Mark, Version};
use super::decide::Answer;
use super::headers::with_header;
use bytes::Bytes;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, MultipartId, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions,
    UpdateVersion,
};
use reqwest::header::HeaderValue;
use std::sync::Arc;

/// Whose conditions a store understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Entity tags, on every request.
    S3,
    /// Generations, on all but the completion of an upload.
    Gcs,
}

/// A store whose client sends each request once.
#[derive(Clone)]
pub struct Once {
    /// Whole objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Uploads in parts.
    pub uploads: Arc<dyn MultipartStore>,
    /// How conditions are written.
    pub dialect: Dialect,
    /// Whether the bucket's configuration allows conditions.
    pub conditional: bool,
}

impl Once {
    /// Whether a request to complete an upload can be refused for what is at its destination. Where it cannot, the uploads
    /// of earlier attempts must be gone before this attempt completes its own.
    pub fn completes_conditionally(&self) -> bool {
        self.conditional && self.dialect == Dialect::S3
    }

    /// Whether a condition can name this version.
    pub fn can_name(&self, version: &Version) -> bool {
        self.conditional
            && match self.dialect {
                Dialect::S3 => version.tag.is_some(),
                Dialect::Gcs => version.generation.is_some(),
            }
    }

    /// Writes a whole object; returns its entity tag.
    pub async fn put(
        &self,
        path: &Path,
        bytes: Bytes,
        condition: &Condition,
        mark: &Mark,
    ) -> Result<Option<String>, Error> {
        let mode = match condition {
            Condition::Any => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Version(Version { tag, generation }) => {
                PutMode::Update(UpdateVersion { e_tag: tag.clone(), version: generation.clone() })
            }
        };
        let options = PutOptions { mode, attributes: attributes(mark), ..PutOptions::default() };
        self.objects.put_opts(path, bytes.into(), options).await.map(|put| put.e_tag)
    }

    /// Makes an upload an object; returns its entity tag.
    pub async fn complete(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
        condition: &Condition,
    ) -> Result<Option<String>, Error> {
        // GCS has no condition for this request: an upload that was aborted cannot be completed, and that must do.
        let header = if self.dialect == Dialect::S3 { self.header(condition)? } else { None };
        with_header(header, self.uploads.complete_multipart(path, id, parts)).await.map(|put| put.e_tag)
    }

    /// Deletes an object.
    pub async fn delete(&self, path: &Path, condition: &Condition) -> Result<(), Error> {
        with_header(self.header(condition)?, self.objects.delete(path)).await
    }

    fn header(&self, condition: &Condition) -> Result<Option<(&'static str, HeaderValue)>, Error> {
        let (name, value) = match (self.dialect, condition) {
            (_, Condition::Any) => return Ok(None),
            (Dialect::S3, Condition::Absent) => ("if-none-match", Some("*")),
            (Dialect::Gcs, Condition::Absent) => ("x-goog-if-generation-match", Some("0")),
            (Dialect::S3, Condition::Version(version)) => ("if-match", version.tag.as_deref()),
            (Dialect::Gcs, Condition::Version(version)) => {
                ("x-goog-if-generation-match", version.generation.as_deref())
            }
        };
        let value = value.and_then(|value| HeaderValue::from_str(value).ok());
        Ok(Some((name, value.ok_or_else(without_version)?)))
    }
}

/// How an upload is begun, so that the object it becomes bears the mark.
pub fn marked_upload(mark: &Mark) -> PutMultipartOptions {
    PutMultipartOptions { attributes: attributes(mark), ..PutMultipartOptions::default() }
}

fn attributes(mark: &Mark) -> Attributes {
    Attributes::from_iter([(Attribute::Metadata(METADATA.into()), mark.to_string())])
}

/// A store that gives an object neither a tag nor a generation cannot compare them.
fn without_version() -> Error {
    Error::NotSupported { source: "the store gives no version of the object".into() }
}

/// What is known of a request that failed; nothing where the store does not support conditions.
pub fn answer(error: &Error) -> Option<Answer> {
    Some(match status(error) {
        Some(501) => return None,
        None if matches!(error, Error::NotImplemented { .. } | Error::NotSupported { .. }) => return None,
        Some(409 | 412) => Answer::Refused,
        Some(404) => Answer::Missing,
        Some(status @ 400..=499) if ![408, 429].contains(&status) => Answer::Denied,
        _ => Answer::Unheard,
    })
}

/// The status by which a store refused a request. The crate tells it for some requests, and buries it for others.
pub fn status(error: &Error) -> Option<u16> {
    if matches!(error, Error::NotFound { .. }) {
        return Some(404);
    } else if matches!(error, Error::Precondition { .. } | Error::NotModified { .. }) {
        return Some(412);
    } else if matches!(error, Error::AlreadyExists { .. }) {
        return Some(409);
    } else if matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) {
        return Some(403);
    }
    // The type that knows it can't be named outside of the crate; a test holds its words.
    let told = error.to_string();
    let (_, status) = told.split_once("non-2xx status code: ")?;
    status.get(..3)?.parse().ok()
}
