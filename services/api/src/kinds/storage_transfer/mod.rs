//! The spec of `storage.transfer`, as the native api takes it: as it is stored and shown.

mod request;
mod shown;

use crate::kinds::transfer::{ConditionFields, Judge};
use crate::kinds::{Checks, NativeKind, RequestedWork, SchemaOf};
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::Fields;
use crate::wire::request::{Message, only};
use kinds::Parameters;
use kinds::storage_transfer::{
    BucketPath, INFO, S3CompatiblePath, StorageTransfer, TransferConditions, TransferOptions, TransferSink,
    TransferSource,
};
use request::{
    BucketPathRequest, S3CompatiblePathRequest, StorageTransferRequest, TransferConditionsRequest,
    TransferOptionsRequest, TransferSinkRequest, TransferSourceRequest,
};

/// The kind, as the native API takes it.
pub const NATIVE: NativeKind = NativeKind {
    info: &INFO,
    request: Some(SchemaOf::new::<StorageTransferRequest>()),
    shown: SchemaOf::new::<shown::ShownStorageTransfer>(),
    is_costly: false,
    not_retried: None,
    read,
};

#[expect(clippy::unnecessary_wraps, reason = "the shape of all kinds")]
fn read(spec: Fields, checks: Checks<'_>, violations: &mut Violations) -> Result<Option<RequestedWork>, ApiError> {
    let Checks { catalog, destinations, project } = checks;
    let request = StorageTransferRequest::read(spec, violations);
    let transfer = storage_transfer(request, &mut Judge { catalog, destinations, project, violations });
    let work =
        |transfer: StorageTransfer| RequestedWork { spec: transfer.to_spec(), target: target(&transfer), secret: None };
    Ok(transfer.map(work))
}

/// The same checks as Storage Transfer's jobs, in our own words. Nothing where a source or a sink is missing.
fn storage_transfer(request: StorageTransferRequest, judge: &mut Judge<'_>) -> Option<StorageTransfer> {
    let (source_field, sink_field) = (request.at("source"), request.at("sink"));
    let delete_field = format!("{}.delete", request.at("options"));
    let sources = request.source.into_iter().flatten();
    let source = only(sources.map(|source| source_of(source, &source_field, judge)));
    let sinks = request.sink.into_iter().flatten();
    let sink = only(sinks.map(|sink| sink_of(sink, &sink_field, judge)));
    let conditions = request.conditions.map(|conditions| conditions_of(conditions, judge)).unwrap_or_default();
    let options = request.options.as_ref().map(options_of).unwrap_or_default();
    let transfer = StorageTransfer { job: None, source: source?, sink: sink?, conditions, options, notification: None };
    judge.together(&transfer, &sink_field, &delete_field);
    Some(transfer)
}

/// What the operation is said to work on: where it writes to.
fn target(transfer: &StorageTransfer) -> String {
    match &transfer.sink {
        TransferSink::Bucket(at) => format!("{}/{}", at.bucket, at.path),
        TransferSink::Folder(path) => path.clone(),
    }
}

fn source_of(source: TransferSourceRequest, field: &str, judge: &mut Judge<'_>) -> Option<TransferSource> {
    match source {
        TransferSourceRequest::Bucket(at) => bucket_path(at, judge, false).map(TransferSource::Bucket),
        TransferSourceRequest::S3(at) => bucket_path(at, judge, true).map(TransferSource::S3),
        TransferSourceRequest::S3Compatible(at) => s3_compatible(at, judge).map(TransferSource::S3Compatible),
        TransferSourceRequest::Folder(path) => {
            Some(TransferSource::Folder(judge.folder(&path, &format!("{field}.folder"))))
        }
        TransferSourceRequest::HttpList(url) => {
            judge.list_url(&url, &format!("{field}.httpList"));
            Some(TransferSource::HttpList(url))
        }
    }
}

fn sink_of(sink: TransferSinkRequest, field: &str, judge: &mut Judge<'_>) -> Option<TransferSink> {
    match sink {
        TransferSinkRequest::Bucket(at) => bucket_path(at, judge, false).map(TransferSink::Bucket),
        TransferSinkRequest::Folder(path) => {
            Some(TransferSink::Folder(judge.folder(&path, &format!("{field}.folder"))))
        }
    }
}

fn bucket_path(at: BucketPathRequest, judge: &mut Judge<'_>, in_s3: bool) -> Option<BucketPath> {
    if let Some(bucket) = &at.bucket {
        let field = at.at("bucket");
        let _ = if in_s3 { judge.s3_bucket(bucket, &field) } else { judge.bucket(bucket, &field) };
    }
    let path_field = at.at("path");
    let path = at.path.unwrap_or_default();
    judge.path(&path, &path_field);
    Some(BucketPath { bucket: at.bucket?, path })
}

fn s3_compatible(at: S3CompatiblePathRequest, judge: &mut Judge<'_>) -> Option<S3CompatiblePath> {
    let configured = at.bucket.as_ref().and_then(|bucket| judge.s3_bucket(bucket, &at.at("bucket")));
    let (path_field, endpoint_field, region_field) = (at.at("path"), at.at("endpoint"), at.at("region"));
    let path = at.path.unwrap_or_default();
    judge.path(&path, &path_field);
    let endpoint = match configured {
        Some(configured) => {
            at.endpoint.map(|given| judge.endpoint(configured.endpoint.as_deref(), &given, &endpoint_field))
        }
        None => at.endpoint,
    };
    let region = at.region.unwrap_or_default();
    judge.region(configured, &region, &region_field);
    Some(S3CompatiblePath { bucket: at.bucket?, path, endpoint: endpoint?, region })
}

fn conditions_of(request: TransferConditionsRequest, judge: &mut Judge<'_>) -> TransferConditions {
    let names = ConditionFields {
        include_prefixes: request.at("includePrefixes"),
        exclude_prefixes: request.at("excludePrefixes"),
        min_time_elapsed: request.at("minTimeElapsed"),
        max_time_elapsed: request.at("maxTimeElapsed"),
        match_glob: request.at("matchGlob"),
    };
    let conditions = TransferConditions {
        include_prefixes: request.include_prefixes,
        exclude_prefixes: request.exclude_prefixes,
        min_time_elapsed: request.min_time_elapsed,
        max_time_elapsed: request.max_time_elapsed,
        modified_since: request.modified_since,
        modified_before: request.modified_before,
        match_glob: request.match_glob,
    };
    judge.conditions(&conditions, &names);
    conditions
}

fn options_of(request: &TransferOptionsRequest) -> TransferOptions {
    let TransferOptionsRequest { overwrite_existing, overwrite_when, delete, .. } = *request;
    TransferOptions { overwrite_existing, overwrite_when, delete }
}
