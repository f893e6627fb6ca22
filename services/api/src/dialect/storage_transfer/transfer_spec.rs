//! What a run does (google.storagetransfer.v1.TransferSpec), read, judged, and shown again.

use super::wire;
use crate::kinds::transfer::{ConditionFields, Judge};
use crate::wire::fields::{Fields, Words};
use crate::wire::time_text;
use kinds::storage_transfer::{
    BucketPath, DeleteOption, OverwriteWhen, S3CompatiblePath, StorageTransfer, TransferConditions, TransferOptions,
    TransferSink, TransferSource,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The one pool there is: the workers.
const DEFAULT_POOL: &str = "transfer_service_default";
const OWN_KEY: &str = "configure the bucket with its key";
const NO_NETWORKS: &str = "the workers connect by their own network";

const OVERWRITE: Words<OverwriteWhen> = Words {
    none: "OVERWRITE_WHEN_UNSPECIFIED",
    others: &[
        ("DIFFERENT", OverwriteWhen::Different),
        ("NEVER", OverwriteWhen::Never),
        ("ALWAYS", OverwriteWhen::Always),
    ],
};

/// Reads and judges a specification, but for who is told of the end. Nothing where a source or a sink is missing.
pub fn read(mut fields: Fields, judge: &mut Judge<'_>) -> Option<StorageTransfer> {
    let source = source(&mut fields, judge);
    let sink = sink(&mut fields, judge);
    not_implemented(&mut fields, judge);
    let conditions = fields.object("objectConditions", judge.violations);
    let conditions = conditions.map(|conditions| object_conditions(conditions, judge)).unwrap_or_default();
    let options = fields.object("transferOptions", judge.violations);
    let options = options.map(|options| transfer_options(options, judge)).unwrap_or_default();
    let (sink_field, delete) = (fields.path(sink_name(sink.as_ref())), fields.path("transferOptions"));
    fields.finish(judge.violations);
    let transfer = StorageTransfer { job: None, source: source?, sink: sink?, conditions, options, notification: None };
    judge.together(&transfer, &sink_field, &format!("{delete}.{}", delete_name(transfer.options.delete)));
    Some(transfer)
}

fn sink_name(sink: Option<&TransferSink>) -> &'static str {
    match sink {
        Some(TransferSink::Folder(_)) => "posixDataSink",
        Some(TransferSink::Bucket(_)) | None => "gcsDataSink",
    }
}

fn delete_name(delete: Option<DeleteOption>) -> &'static str {
    match delete {
        Some(DeleteOption::FromSourceAfterTransfer) => "deleteObjectsFromSourceAfterTransfer",
        Some(DeleteOption::UniqueInSink) | None => "deleteObjectsUniqueInSink",
    }
}

/// The one of several that is there. `None` in it: there, and not what we have.
fn only<T>(found: Vec<(String, Option<T>)>, all: &str, what: &str, judge: &mut Judge<'_>) -> Option<T> {
    let mut found = found.into_iter();
    let Some((first, one)) = found.next() else {
        judge.violations.add(all, format!("needs exactly one {what}"));
        return None;
    };
    for (other, _) in found {
        judge.violations.add(other, format!("excludes {first}: exactly one {what} is needed"));
    }
    one
}

fn source(fields: &mut Fields, judge: &mut Judge<'_>) -> Option<TransferSource> {
    let mut found = Vec::new();
    if let Some(data) = fields.object("gcsDataSource", judge.violations) {
        found.push((fields.path("gcsDataSource"), gcs(data, judge).map(TransferSource::Bucket)));
    }
    if let Some(data) = fields.object("awsS3DataSource", judge.violations) {
        found.push((fields.path("awsS3DataSource"), aws_s3(data, judge).map(TransferSource::S3)));
    }
    if let Some(data) = fields.object("awsS3CompatibleDataSource", judge.violations) {
        let source = aws_s3_compatible(data, judge).map(TransferSource::S3Compatible);
        found.push((fields.path("awsS3CompatibleDataSource"), source));
    }
    if let Some(data) = fields.object("posixDataSource", judge.violations) {
        found.push((fields.path("posixDataSource"), posix(data, judge).map(TransferSource::Folder)));
    }
    if let Some(data) = fields.object("httpDataSource", judge.violations) {
        found.push((fields.path("httpDataSource"), http(data, judge).map(TransferSource::HttpList)));
    }
    for name in ["azureBlobStorageDataSource", "hdfsDataSource"] {
        if fields.object(name, judge.violations).is_some_and(|data| !data.is_empty()) {
            judge.violations.not_implemented(
                fields.path(name),
                "sources are gcsDataSource, awsS3DataSource, awsS3CompatibleDataSource, posixDataSource and httpDataSource",
            );
            found.push((fields.path(name), None));
        }
    }
    let what = "source: gcsDataSource, awsS3DataSource, awsS3CompatibleDataSource, posixDataSource or httpDataSource";
    only(found, &fields.path("gcsDataSource"), what, judge)
}

fn sink(fields: &mut Fields, judge: &mut Judge<'_>) -> Option<TransferSink> {
    let mut found = Vec::new();
    if let Some(data) = fields.object("gcsDataSink", judge.violations) {
        found.push((fields.path("gcsDataSink"), gcs(data, judge).map(TransferSink::Bucket)));
    }
    if let Some(data) = fields.object("posixDataSink", judge.violations) {
        found.push((fields.path("posixDataSink"), posix(data, judge).map(TransferSink::Folder)));
    }
    only(found, &fields.path("gcsDataSink"), "sink: gcsDataSink or posixDataSink", judge)
}

/// What the vendor has beside sources and sinks, and we have not.
fn not_implemented(fields: &mut Fields, judge: &mut Judge<'_>) {
    for (name, instead) in [
        ("gcsIntermediateDataLocation", "files go from one folder to the other by themselves"),
        ("transferManifest", "name the objects by objectConditions, or by the list of an httpDataSource"),
    ] {
        if fields.object(name, judge.violations).is_some_and(|data| !data.is_empty()) {
            judge.violations.not_implemented(fields.path(name), instead);
        }
    }
    let default = format!("projects/{}/agentPools/{DEFAULT_POOL}", judge.project);
    for name in ["sourceAgentPoolName", "sinkAgentPoolName"] {
        if fields.text(name, judge.violations).is_some_and(|pool| pool != default) {
            let instead = "the workers are the one pool there is; leave it out";
            judge.violations.not_implemented(fields.path(name), instead);
        }
    }
}

fn path(fields: &mut Fields, judge: &mut Judge<'_>) -> String {
    let path = fields.text("path", judge.violations).unwrap_or_default();
    judge.path(&path, &fields.path("path"));
    path
}

/// Refuses texts and flags that ask for something that we have not.
fn refuse(fields: &mut Fields, texts: &[(&str, &str)], flags: &[(&str, &str)], judge: &mut Judge<'_>) {
    for (name, instead) in texts {
        if fields.text(name, judge.violations).is_some() {
            judge.violations.not_implemented(fields.path(name), instead);
        }
    }
    for (name, instead) in flags {
        if fields.flag(name, judge.violations) == Some(true) {
            judge.violations.not_implemented(fields.path(name), instead);
        }
    }
}

fn gcs(mut data: Fields, judge: &mut Judge<'_>) -> Option<BucketPath> {
    let bucket = judge.required(&mut data, "bucketName");
    if let Some(bucket) = &bucket {
        judge.bucket(bucket, &data.path("bucketName"));
    }
    let path = path(&mut data, judge);
    let flags = [("managedFolderTransferEnabled", "folders come to be with the objects in them")];
    refuse(&mut data, &[], &flags, judge);
    data.finish(judge.violations);
    Some(BucketPath { bucket: bucket?, path })
}

fn aws_s3(mut data: Fields, judge: &mut Judge<'_>) -> Option<BucketPath> {
    let bucket = judge.required(&mut data, "bucketName");
    if let Some(bucket) = &bucket {
        judge.s3_bucket(bucket, &data.path("bucketName"));
    }
    let path = path(&mut data, judge);
    if data.object("awsAccessKey", judge.violations).is_some_and(|key| !key.is_empty()) {
        judge.violations.not_implemented(data.path("awsAccessKey"), OWN_KEY);
    }
    let texts = [
        ("roleArn", OWN_KEY),
        ("credentialsSecret", OWN_KEY),
        ("cloudfrontDomain", "objects are read from the bucket itself"),
        ("privateNetworkService", NO_NETWORKS),
    ];
    refuse(&mut data, &texts, &[("managedPrivateNetwork", NO_NETWORKS)], judge);
    data.finish(judge.violations);
    Some(BucketPath { bucket: bucket?, path })
}

fn aws_s3_compatible(mut data: Fields, judge: &mut Judge<'_>) -> Option<S3CompatiblePath> {
    let bucket = judge.required(&mut data, "bucketName");
    let configured = bucket.as_ref().and_then(|bucket| judge.s3_bucket(bucket, &data.path("bucketName")));
    let path = path(&mut data, judge);
    let endpoint = judge.required(&mut data, "endpoint");
    let endpoint = match configured {
        Some(configured) => {
            endpoint.map(|endpoint| judge.endpoint(configured.endpoint.as_deref(), &endpoint, &data.path("endpoint")))
        }
        None => endpoint,
    };
    let region = data.text("region", judge.violations).unwrap_or_default();
    judge.region(configured, &region, &data.path("region"));
    if let Some(metadata) = data.object("s3Metadata", judge.violations) {
        s3_metadata(metadata, endpoint.as_deref().unwrap_or_default(), judge);
    }
    data.finish(judge.violations);
    Some(S3CompatiblePath { bucket: bucket?, path, endpoint: endpoint?, region })
}

/// How the store is spoken to: in the one way that we speak.
fn s3_metadata(mut metadata: Fields, endpoint: &str, judge: &mut Judge<'_>) {
    const AUTH: Words<bool> = Words {
        none: "AUTH_METHOD_UNSPECIFIED",
        others: &[("AUTH_METHOD_AWS_SIGNATURE_V4", true), ("AUTH_METHOD_AWS_SIGNATURE_V2", false)],
    };
    const MODEL: Words<bool> = Words {
        none: "REQUEST_MODEL_UNSPECIFIED",
        others: &[("REQUEST_MODEL_VIRTUAL_HOSTED_STYLE", false), ("REQUEST_MODEL_PATH_STYLE", true)],
    };
    const LIST: Words<bool> =
        Words { none: "LIST_API_UNSPECIFIED", others: &[("LIST_OBJECTS_V2", true), ("LIST_OBJECTS", false)] };
    const PROTOCOL: Words<&str> = Words {
        none: "NETWORK_PROTOCOL_UNSPECIFIED",
        others: &[("NETWORK_PROTOCOL_HTTPS", "https://"), ("NETWORK_PROTOCOL_HTTP", "http://")],
    };
    for (name, words, instead) in [
        ("authMethod", AUTH, "requests are signed by AUTH_METHOD_AWS_SIGNATURE_V4"),
        ("requestModel", MODEL, "requests are made by REQUEST_MODEL_PATH_STYLE"),
        ("listApi", LIST, "objects are listed by LIST_OBJECTS_V2"),
    ] {
        if metadata.word(name, &words, judge.violations) == Some(false) {
            judge.violations.not_implemented(metadata.path(name), instead);
        }
    }
    let protocol = metadata.word("protocol", &PROTOCOL, judge.violations);
    if protocol.is_some_and(|scheme| endpoint.contains("://") && !endpoint.starts_with(scheme)) {
        judge
            .violations
            .add(metadata.path("protocol"), "is not that of the endpoint that is configured for this bucket");
    }
    metadata.finish(judge.violations);
}

fn posix(mut data: Fields, judge: &mut Judge<'_>) -> Option<String> {
    let root = judge.required(&mut data, "rootDirectory").map(|root| judge.folder(&root, &data.path("rootDirectory")));
    data.finish(judge.violations);
    root
}

fn http(mut data: Fields, judge: &mut Judge<'_>) -> Option<String> {
    let url = judge.required(&mut data, "listUrl");
    let field = data.path("listUrl");
    match &url {
        Some(url) if url.starts_with("gs://") => {
            judge.violations.not_implemented(field, "lists are fetched by http:// or https://");
        }
        Some(url) => judge.list_url(url, &field),
        None => {}
    }
    data.finish(judge.violations);
    url
}

fn object_conditions(mut fields: Fields, judge: &mut Judge<'_>) -> TransferConditions {
    let (min, max) = ("minTimeElapsedSinceLastModification", "maxTimeElapsedSinceLastModification");
    let conditions = TransferConditions {
        include_prefixes: fields.texts("includePrefixes", judge.violations).unwrap_or_default(),
        exclude_prefixes: fields.texts("excludePrefixes", judge.violations).unwrap_or_default(),
        min_time_elapsed: judge.span(&mut fields, min),
        max_time_elapsed: judge.span(&mut fields, max),
        modified_since: judge.time(&mut fields, "lastModifiedSince"),
        modified_before: judge.time(&mut fields, "lastModifiedBefore"),
        match_glob: fields.text("matchGlob", judge.violations),
    };
    if fields.texts("includeStorageClasses", judge.violations).is_some_and(|classes| !classes.is_empty()) {
        let instead = "objects of all classes are transferred";
        judge.violations.not_implemented(fields.path("includeStorageClasses"), instead);
    }
    let names = ConditionFields {
        include_prefixes: fields.path("includePrefixes"),
        exclude_prefixes: fields.path("excludePrefixes"),
        min_time_elapsed: fields.path(min),
        max_time_elapsed: fields.path(max),
        match_glob: fields.path("matchGlob"),
    };
    fields.finish(judge.violations);
    judge.conditions(&conditions, &names);
    conditions
}

fn transfer_options(mut fields: Fields, judge: &mut Judge<'_>) -> TransferOptions {
    let (unique, after) = ("deleteObjectsUniqueInSink", "deleteObjectsFromSourceAfterTransfer");
    let mut flag = |name: &str| fields.flag(name, judge.violations).unwrap_or_default();
    let overwrite_existing = flag("overwriteObjectsAlreadyExistingInSink");
    let delete = match (flag(unique), flag(after)) {
        (false, false) => None,
        (true, false) => Some(DeleteOption::UniqueInSink),
        (false, true) => Some(DeleteOption::FromSourceAfterTransfer),
        (true, true) => {
            judge.violations.add(fields.path(after), format!("excludes {unique}"));
            None
        }
    };
    let overwrite_when = fields.word("overwriteWhen", &OVERWRITE, judge.violations);
    if fields.object("metadataOptions", judge.violations).is_some_and(|options| !options.is_empty()) {
        let instead = "contents and times are transferred, and a file's mode; leave it out";
        judge.violations.not_implemented(fields.path("metadataOptions"), instead);
    }
    fields.finish(judge.violations);
    TransferOptions { overwrite_existing, overwrite_when, delete }
}

/// As the vendor shows it.
pub fn show(transfer: &StorageTransfer) -> wire::TransferSpec {
    let data = |at: &BucketPath| Some(wire::BucketData { bucket_name: at.bucket.clone(), path: at.path.clone() });
    let folder = |path: &String| Some(wire::PosixFilesystem { root_directory: path.clone() });
    let mut spec = wire::TransferSpec {
        object_conditions: Some(show_conditions(&transfer.conditions))
            .filter(|shown| *shown != wire::ObjectConditions::default()),
        transfer_options: Some(show_options(&transfer.options))
            .filter(|shown| *shown != wire::TransferOptions::default()),
        ..wire::TransferSpec::default()
    };
    match &transfer.source {
        TransferSource::Bucket(at) => spec.gcs_data_source = data(at),
        TransferSource::S3(at) => spec.aws_s3_data_source = data(at),
        TransferSource::S3Compatible(at) => {
            spec.aws_s3_compatible_data_source = Some(wire::AwsS3CompatibleData {
                bucket_name: at.bucket.clone(),
                path: at.path.clone(),
                endpoint: at.endpoint.clone(),
                region: at.region.clone(),
            });
        }
        TransferSource::Folder(path) => spec.posix_data_source = folder(path),
        TransferSource::HttpList(url) => spec.http_data_source = Some(wire::HttpData { list_url: url.clone() }),
    }
    match &transfer.sink {
        TransferSink::Bucket(at) => spec.gcs_data_sink = data(at),
        TransferSink::Folder(path) => spec.posix_data_sink = folder(path),
    }
    spec
}

fn show_conditions(conditions: &TransferConditions) -> wire::ObjectConditions {
    let time = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    wire::ObjectConditions {
        min_time_elapsed_since_last_modification: conditions.min_time_elapsed.map(time_text::exact_seconds),
        max_time_elapsed_since_last_modification: conditions.max_time_elapsed.map(time_text::exact_seconds),
        include_prefixes: conditions.include_prefixes.clone(),
        exclude_prefixes: conditions.exclude_prefixes.clone(),
        last_modified_since: conditions.modified_since.map(time),
        last_modified_before: conditions.modified_before.map(time),
        match_glob: conditions.match_glob.clone(),
    }
}

fn show_options(options: &TransferOptions) -> wire::TransferOptions {
    wire::TransferOptions {
        overwrite_objects_already_existing_in_sink: options.overwrite_existing,
        overwrite_when: options.overwrite_when.map(|when| match when {
            OverwriteWhen::Different => "DIFFERENT",
            OverwriteWhen::Never => "NEVER",
            OverwriteWhen::Always => "ALWAYS",
        }),
        delete_objects_unique_in_sink: options.delete == Some(DeleteOption::UniqueInSink),
        delete_objects_from_source_after_transfer: options.delete == Some(DeleteOption::FromSourceAfterTransfer),
    }
}

#[cfg(test)]
pub(super) mod tests;
