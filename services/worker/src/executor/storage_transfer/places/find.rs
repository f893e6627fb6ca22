//! From what a transfer names to the places of this machine's configuration. Looked up at each attempt: what was taken
//! out of the configuration since is not touched any more.

use super::cloud::CloudPlace;
use super::entry::objection_to_path;
use crate::executor::sink::{Root, gone, root};
use kinds::storage_transfer::{BucketPath, StorageTransfer, TransferSink, TransferSource};
use operation::{Code, Failure, ProjectId};
use runtime::config::{Bucket, Config};
use std::path::{Path, PathBuf};

/// What is said of two places that are not apart.
pub const MEET: &str = "The source lies in the sink, the sink in the source, or they are one.";

/// A place, found and not opened.
pub struct Spot {
    /// What stands before an object's key where it is told to the user.
    pub name: String,
    /// What it is.
    pub at: At,
}

/// What a place is.
pub enum At {
    /// A folder.
    Folder {
        /// The configured folder.
        configured: PathBuf,
        /// What of the path lies beneath it.
        beneath: PathBuf,
    },
    /// A part of a bucket in a store.
    Cloud {
        /// The bucket.
        place: CloudPlace,
        /// Where the objects are.
        store: StoreName,
    },
    /// A list of URLs.
    List(String),
}

/// A bucket, by its names: two that are equal are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreName {
    /// The language that its store speaks.
    scheme: &'static str,
    bucket: String,
    endpoint: Option<String>,
}

/// Finds the two places of a transfer.
///
/// # Errors
/// `FAILED_PRECONDITION`: one is not configured for the project; `INVALID_ARGUMENT`: one lies in the other.
pub fn find(spec: &StorageTransfer, project: &ProjectId, config: &Config) -> Result<(Spot, Spot), Failure> {
    let source = match &spec.source {
        TransferSource::Bucket(of) => in_bucket("gs", of, bucket(config, project, &of.bucket)?)?,
        TransferSource::S3(of) => in_bucket("s3", of, s3_bucket(config, project, &of.bucket)?)?,
        TransferSource::S3Compatible(of) => {
            let bucket = s3_bucket(config, project, &of.bucket)?;
            if bucket.endpoint.as_deref().map(plain) != Some(plain(&of.endpoint)) {
                let message = format!("The endpoint is not the one that is configured for the bucket {}.", of.bucket);
                return Err(Failure::fatal(Code::FailedPrecondition, message));
            }
            in_bucket("s3", &BucketPath { bucket: of.bucket.clone(), path: of.path.clone() }, bucket)?
        }
        TransferSource::Folder(path) => in_folder(path, project, config)?,
        TransferSource::HttpList(url) => Spot { name: String::new(), at: At::List(url.clone()) },
    };
    let sink = match &spec.sink {
        TransferSink::Bucket(of) => in_bucket("gs", of, bucket(config, project, &of.bucket)?)?,
        TransferSink::Folder(path) => in_folder(path, project, config)?,
    };
    if meet(&source.at, &sink.at) {
        return Err(Failure::fatal(Code::InvalidArgument, MEET));
    }
    Ok((source, sink))
}

/// How many bytes a second may be copied: the least that is configured, if anything is.
pub fn bytes_per_second(spec: &StorageTransfer, project: &ProjectId, config: &Config) -> Option<u64> {
    let source = match &spec.source {
        TransferSource::Bucket(of) | TransferSource::S3(of) => config.bucket(project, &of.bucket),
        TransferSource::S3Compatible(of) => config.bucket(project, &of.bucket),
        TransferSource::Folder(_) | TransferSource::HttpList(_) => None,
    };
    let of_source = source.and_then(|bucket| bucket.transfer_bytes_per_second);
    [of_source, config.worker.transfer_bytes_per_second].into_iter().flatten().min()
}

fn bucket<'a>(config: &'a Config, project: &ProjectId, name: &str) -> Result<&'a Bucket, Failure> {
    config.bucket(project, name).ok_or_else(|| gone("bucket", name))
}

fn s3_bucket<'a>(config: &'a Config, project: &ProjectId, name: &str) -> Result<&'a Bucket, Failure> {
    let bucket = bucket(config, project, name)?;
    if bucket.url.starts_with("s3://") || bucket.url.starts_with("s3a://") {
        return Ok(bucket);
    }
    Err(Failure::fatal(Code::FailedPrecondition, format!("The bucket {name} is configured in another store than S3.")))
}

fn in_bucket(scheme: &str, of: &BucketPath, bucket: &Bucket) -> Result<Spot, Failure> {
    let BucketPath { bucket: bucket_name, path } = of;
    let name = format!("{scheme}://{bucket_name}/{path}");
    let inner = path.strip_suffix('/').unwrap_or(path);
    if !inner.is_empty() && objection_to_path(inner).is_some() || (inner.is_empty() && !path.is_empty()) {
        let message = format!("The path {path:?} begins with a slash, has two in a row, or a segment . or ..");
        return Err(Failure::fatal(Code::InvalidArgument, message));
    }
    let at = match root(bucket)? {
        Root::Folder(configured) => At::Folder { configured, beneath: inner.into() },
        Root::Cloud { store, prefix } => {
            let parts = [prefix.as_ref(), inner].into_iter().filter(|part| !part.is_empty());
            let prefix: String = parts.flat_map(|part| [part, "/"]).collect();
            let url = url::Url::parse(&bucket.url).ok();
            let host = url.as_ref().and_then(url::Url::host_str).unwrap_or_default().to_owned();
            let scheme = if url.is_some_and(|url| url.scheme() == "gs") { "gs" } else { "s3" };
            let endpoint = bucket.endpoint.as_deref().map(plain);
            let place = CloudPlace {
                bucket: bucket.name.clone(),
                store,
                prefix,
                host: bucket.endpoint.clone().unwrap_or_else(|| host.clone()),
            };
            At::Cloud { place, store: StoreName { scheme, bucket: host, endpoint } }
        }
    };
    let name = if name.ends_with('/') { name } else { format!("{name}/") };
    Ok(Spot { name, at })
}

fn in_folder(path: &str, project: &ProjectId, config: &Config) -> Result<Spot, Failure> {
    let (folder, beneath) = config.folder(project, Path::new(path)).ok_or_else(|| gone("folder", path))?;
    let at = At::Folder { configured: folder.path.clone(), beneath: beneath.to_owned() };
    Ok(Spot { name: format!("file://{}/", path.trim_end_matches('/')), at })
}

/// One spelling of an endpoint.
fn plain(endpoint: &str) -> String {
    endpoint.trim_end_matches('/').to_ascii_lowercase()
}

/// Whether two places that do not [`meet`] are known to be two by their names: in one store, buckets of different names
/// are. Anything else may be one place by two ways.
pub fn are_known_apart(one: &At, other: &At) -> bool {
    match (one, other) {
        (At::Cloud { store: one, .. }, At::Cloud { store: other, .. }) => {
            // S3's other names of access points.
            let is_alias = |store: &StoreName| store.bucket.ends_with("-s3alias") || store.bucket.ends_with("--ol-s3");
            let in_one_store = (one.scheme, &one.endpoint) == (other.scheme, &other.endpoint);
            in_one_store && (one.bucket == other.bucket || !(is_alias(one) || is_alias(other)))
        }
        (At::List(_), _) | (_, At::List(_)) => true,
        (At::Folder { .. } | At::Cloud { .. }, _) => false,
    }
}

/// Whether one place is the other, or lies in it.
fn meet(one: &At, other: &At) -> bool {
    match (one, other) {
        (At::Folder { configured, beneath }, At::Folder { configured: other, beneath: other_beneath }) => {
            // What is beneath has no link in it, or is not opened.
            let real = |configured: &PathBuf, beneath: &PathBuf| {
                configured.canonicalize().unwrap_or_else(|_| configured.clone()).join(beneath)
            };
            let (one, other) = (real(configured, beneath), real(other, other_beneath));
            one.starts_with(&other) || other.starts_with(&one)
        }
        (At::Cloud { place, store }, At::Cloud { place: other, store: other_store }) => {
            let (one, other) = (&place.prefix, &other.prefix);
            store == other_store && (one.starts_with(other.as_str()) || other.starts_with(one.as_str()))
        }
        (At::Folder { .. } | At::Cloud { .. } | At::List(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinds::storage_transfer::{TransferConditions, TransferOptions};

    #[test]
    fn names_tell_of_some_places_that_they_are_apart() {
        let at = |url: &str, endpoint: Option<&str>| {
            let endpoint = endpoint.map(ToOwned::to_owned);
            let bucket = Bucket { endpoint, region: Some("r".to_owned()), ..Bucket::new("b", url, Vec::new()) };
            in_bucket("gs", &BucketPath { bucket: "b".to_owned(), path: String::new() }, &bucket).expect("a place").at
        };
        let s3 = at("s3://data/x", None);
        for (other, meets, apart) in [
            (at("s3://other/x", None), false, true),
            (at("s3a://data/y", None), false, true),
            (at("s3a://data/x/y", None), true, true),
            (at("s3://point-s3alias/x", None), false, false),
            (at("s3://data/x", Some("http://localhost")), false, false),
            (at("s3://other/x", Some("http://localhost")), false, false),
            (at("gs://data/x", None), false, false),
            (at("file:///data/x", None), false, false),
        ] {
            assert_eq!((meet(&s3, &other), are_known_apart(&s3, &other)), (meets, apart));
        }
        let spelled = |endpoint| at("s3://data/x", Some(endpoint));
        assert!(meet(&spelled("http://Localhost:1/"), &spelled("http://localhost:1")));
        assert!(are_known_apart(&At::List(String::new()), &s3));
    }

    #[test]
    fn the_lowest_limit_holds() {
        let project: ProjectId = "p".parse().expect("a project");
        let slow =
            Bucket { transfer_bytes_per_second: Some(5), ..Bucket::new("slow", "file:///s/", vec![project.clone()]) };
        let quick = Bucket::new("quick", "file:///q/", vec![project.clone()]);
        let mut config = Config { buckets: vec![slow, quick], ..Config::default() };
        let of = |bucket: &str| BucketPath { bucket: bucket.to_owned(), path: String::new() };
        let spec = |bucket: &str| StorageTransfer {
            job: None,
            source: TransferSource::Bucket(of(bucket)),
            sink: TransferSink::Bucket(of("sink")),
            conditions: TransferConditions::default(),
            options: TransferOptions::default(),
            notification: None,
        };
        let limits =
            |config: &Config| ["slow", "quick"].map(|bucket| bytes_per_second(&spec(bucket), &project, config));
        assert_eq!(limits(&config), [Some(5), None]);
        config.worker.transfer_bytes_per_second = Some(7);
        assert_eq!(limits(&config), [Some(5), Some(7)]);
        config.worker.transfer_bytes_per_second = Some(3);
        assert_eq!(limits(&config), [Some(3), Some(3)]);
    }
}
