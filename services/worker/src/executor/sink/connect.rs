//! From a bucket's configured URL to the place it names.

use super::ObjectName;
use crate::executor::guarded::CloudStore;
use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use operation::{Code, Failure};
use runtime::config::Bucket;
use std::path::PathBuf;
use url::Url;

/// What a bucket's URL names.
pub enum Root {
    /// A folder on this machine, or one mounted on all workers.
    Folder(PathBuf),
    /// S3, GCS or what speaks their language.
    Cloud {
        /// The store.
        store: CloudStore,
        /// What stands before the names of all objects of the bucket there.
        prefix: Path,
    },
}

/// Where an object goes.
pub(super) enum Place {
    /// A folder on this machine, or one mounted on all workers.
    Folder(PathBuf),
    /// S3, GCS or what speaks their language.
    Cloud {
        /// The store.
        store: CloudStore,
        /// The object's full path there, with the bucket's prefix.
        path: Path,
    },
}

/// Time for one request, unless `AWS_TIMEOUT` or `GOOGLE_TIMEOUT` sets another: a part of 64 MiB at 1 MiB/s.
const REQUEST_TIMEOUT: &str = "64 seconds";

/// Finds the place of an object. Makes no request.
pub(super) fn connect(bucket: &Bucket, object: &ObjectName) -> Result<Place, Failure> {
    place(&root(bucket)?, object)
}

/// The place of an object in a bucket.
pub(super) fn place(root: &Root, object: &ObjectName) -> Result<Place, Failure> {
    let (store, prefix) = match root {
        Root::Folder(folder) => return Ok(Place::Folder(folder.clone())),
        Root::Cloud { store, prefix } => (store.clone(), prefix),
    };
    let full =
        if prefix.as_ref().is_empty() { object.as_str().to_owned() } else { format!("{prefix}/{}", object.as_str()) };
    let path = Path::parse(full)
        .map_err(|_| Failure::fatal(Code::InvalidArgument, "the object's name is not valid in this bucket"))?;
    Ok(Place::Cloud { store, path })
}

/// Finds the place of a bucket. Makes no request.
///
/// # Errors
/// The bucket is not configured well.
pub fn root(bucket: &Bucket) -> Result<Root, Failure> {
    let url = Url::parse(&bucket.url).map_err(|_| misconfigured(bucket))?;
    if url.scheme() == "file" {
        return Ok(Root::Folder(url.to_file_path().map_err(|()| misconfigured(bucket))?));
    }
    let store = match url.scheme() {
        "s3" | "s3a" => s3(bucket, &url),
        "gs" => gcs(bucket, &url),
        _ => return Err(misconfigured(bucket)),
    }
    .map_err(|error| {
        tracing::error!(bucket = bucket.name, %error, "the bucket's store cannot be set up");
        misconfigured(bucket)
    })?;
    let prefix = Path::from_url_path(url.path()).map_err(|_| misconfigured(bucket))?;
    Ok(Root::Cloud { store, prefix })
}

fn s3(bucket: &Bucket, url: &Url) -> object_store::Result<CloudStore> {
    let mut builder = AmazonS3Builder::from_env().with_url(url.as_str());
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some(region) = &bucket.region {
        builder = builder.with_region(region);
    }
    if let (Some(id), Some(secret)) = (&bucket.access_key_id, &bucket.secret_access_key) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose());
    }
    // The builder itself does not tell a value that was set from its default.
    if std::env::var_os("AWS_TIMEOUT").is_none() {
        builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST_TIMEOUT);
    }
    CloudStore::s3(builder, bucket.conditional_writes)
}

fn gcs(bucket: &Bucket, url: &Url) -> object_store::Result<CloudStore> {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_url(url.as_str());
    if std::env::var_os("GOOGLE_TIMEOUT").is_none() {
        builder = builder.with_config(GoogleConfigKey::Client(ClientConfigKey::Timeout), REQUEST_TIMEOUT);
    }
    CloudStore::gcs(builder, bucket.conditional_writes)
}

fn misconfigured(bucket: &Bucket) -> Failure {
    Failure::fatal(
        Code::FailedPrecondition,
        format!("the bucket {} is not configured well: tell the operator", bucket.name),
    )
}

/// What was configured when the operation was created, and is not any more.
pub fn gone(what: &str, name: &str) -> Failure {
    Failure::fatal(Code::FailedPrecondition, format!("The {what} {name} is no longer configured for this project."))
}
