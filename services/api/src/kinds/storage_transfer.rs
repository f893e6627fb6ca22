//! The spec of `storage.transfer`, as the native api takes it: as it is stored and shown.

use crate::kinds::transfer::{ConditionFields, Judge};
use crate::kinds::{Checks, NativeKind, RequestedWork};
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::{Fields, Words};
use kinds::Parameters;
use kinds::storage_transfer::{
    BucketPath, DeleteOption, INFO, OverwriteWhen, S3CompatiblePath, StorageTransfer, TransferConditions,
    TransferOptions, TransferSink, TransferSource,
};

const OVERWRITE: Words<OverwriteWhen> = Words {
    none: "",
    others: &[
        ("DIFFERENT", OverwriteWhen::Different),
        ("NEVER", OverwriteWhen::Never),
        ("ALWAYS", OverwriteWhen::Always),
    ],
};
const DELETE: Words<DeleteOption> = Words {
    none: "",
    others: &[
        ("uniqueInSink", DeleteOption::UniqueInSink),
        ("fromSourceAfterTransfer", DeleteOption::FromSourceAfterTransfer),
    ],
};

/// The kind, as the native API takes it.
pub const NATIVE: NativeKind =
    NativeKind { info: &INFO, is_creatable: true, is_costly: false, not_retried: None, read };

#[expect(clippy::unnecessary_wraps, reason = "the shape of all kinds")]
fn read(spec: Fields, checks: Checks<'_>, violations: &mut Violations) -> Result<Option<RequestedWork>, ApiError> {
    let Checks { catalog, destinations, project } = checks;
    let transfer = storage_transfer(spec, &mut Judge { catalog, destinations, project, violations });
    let work =
        |transfer: StorageTransfer| RequestedWork { spec: transfer.to_spec(), target: target(&transfer), secret: None };
    Ok(transfer.map(work))
}

/// The same checks as Storage Transfer's jobs, in our own words. Nothing where a source or a sink is missing.
fn storage_transfer(mut spec: Fields, judge: &mut Judge<'_>) -> Option<StorageTransfer> {
    let source = spec.object("source", judge.violations).and_then(|source| source_of(source, judge));
    if source.is_none() {
        judge
            .violations
            .add(spec.path("source"), "must hold exactly one of bucket, s3, s3Compatible, folder and httpList");
    }
    let sink = spec.object("sink", judge.violations).and_then(|sink| sink_of(sink, judge));
    if sink.is_none() {
        judge.violations.add(spec.path("sink"), "must hold exactly one of bucket and folder");
    }
    let conditions = spec.object("conditions", judge.violations);
    let conditions = conditions.map(|conditions| conditions_of(conditions, judge)).unwrap_or_default();
    let options = spec.object("options", judge.violations);
    let options = options.map(|options| options_of(options, judge.violations)).unwrap_or_default();
    let (sink_field, delete_field) = (spec.path("sink"), format!("{}.delete", spec.path("options")));
    spec.finish(judge.violations);
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

fn source_of(mut source: Fields, judge: &mut Judge<'_>) -> Option<TransferSource> {
    let mut found = Vec::new();
    if let Some(at) = source.object("bucket", judge.violations) {
        found.extend(bucket_path(at, judge, false).map(TransferSource::Bucket));
    }
    if let Some(at) = source.object("s3", judge.violations) {
        found.extend(bucket_path(at, judge, true).map(TransferSource::S3));
    }
    if let Some(at) = source.object("s3Compatible", judge.violations) {
        found.extend(s3_compatible(at, judge).map(TransferSource::S3Compatible));
    }
    if let Some(path) = source.text("folder", judge.violations) {
        found.push(TransferSource::Folder(judge.folder(&path, &source.path("folder"))));
    }
    if let Some(url) = source.text("httpList", judge.violations) {
        judge.list_url(&url, &source.path("httpList"));
        found.push(TransferSource::HttpList(url));
    }
    source.finish(judge.violations);
    if found.len() == 1 { found.pop() } else { None }
}

fn sink_of(mut sink: Fields, judge: &mut Judge<'_>) -> Option<TransferSink> {
    let mut found = Vec::new();
    if let Some(at) = sink.object("bucket", judge.violations) {
        found.extend(bucket_path(at, judge, false).map(TransferSink::Bucket));
    }
    if let Some(path) = sink.text("folder", judge.violations) {
        found.push(TransferSink::Folder(judge.folder(&path, &sink.path("folder"))));
    }
    sink.finish(judge.violations);
    if found.len() == 1 { found.pop() } else { None }
}

fn path(at: &mut Fields, judge: &mut Judge<'_>) -> String {
    let path = at.text("path", judge.violations).unwrap_or_default();
    judge.path(&path, &at.path("path"));
    path
}

fn bucket_path(mut at: Fields, judge: &mut Judge<'_>, in_s3: bool) -> Option<BucketPath> {
    let bucket = judge.required(&mut at, "bucket");
    if let Some(bucket) = &bucket {
        let field = at.path("bucket");
        let _ = if in_s3 { judge.s3_bucket(bucket, &field) } else { judge.bucket(bucket, &field) };
    }
    let path = path(&mut at, judge);
    at.finish(judge.violations);
    Some(BucketPath { bucket: bucket?, path })
}

fn s3_compatible(mut at: Fields, judge: &mut Judge<'_>) -> Option<S3CompatiblePath> {
    let bucket = judge.required(&mut at, "bucket");
    let configured = bucket.as_ref().and_then(|bucket| judge.s3_bucket(bucket, &at.path("bucket")));
    let path = path(&mut at, judge);
    let endpoint = judge.required(&mut at, "endpoint");
    let endpoint = match configured {
        Some(configured) => {
            endpoint.map(|given| judge.endpoint(configured.endpoint.as_deref(), &given, &at.path("endpoint")))
        }
        None => endpoint,
    };
    let region = at.text("region", judge.violations).unwrap_or_default();
    judge.region(configured, &region, &at.path("region"));
    at.finish(judge.violations);
    Some(S3CompatiblePath { bucket: bucket?, path, endpoint: endpoint?, region })
}

fn conditions_of(mut fields: Fields, judge: &mut Judge<'_>) -> TransferConditions {
    let conditions = TransferConditions {
        include_prefixes: fields.texts("includePrefixes", judge.violations).unwrap_or_default(),
        exclude_prefixes: fields.texts("excludePrefixes", judge.violations).unwrap_or_default(),
        min_time_elapsed: judge.span(&mut fields, "minTimeElapsed"),
        max_time_elapsed: judge.span(&mut fields, "maxTimeElapsed"),
        modified_since: judge.time(&mut fields, "modifiedSince"),
        modified_before: judge.time(&mut fields, "modifiedBefore"),
        match_glob: fields.text("matchGlob", judge.violations),
    };
    let names = ConditionFields {
        include_prefixes: fields.path("includePrefixes"),
        exclude_prefixes: fields.path("excludePrefixes"),
        min_time_elapsed: fields.path("minTimeElapsed"),
        max_time_elapsed: fields.path("maxTimeElapsed"),
        match_glob: fields.path("matchGlob"),
    };
    fields.finish(judge.violations);
    judge.conditions(&conditions, &names);
    conditions
}

fn options_of(mut options: Fields, violations: &mut Violations) -> TransferOptions {
    let overwrite_existing = options.flag("overwriteExisting", violations).unwrap_or_default();
    let overwrite_when = options.word("overwriteWhen", &OVERWRITE, violations);
    let delete = options.word("delete", &DELETE, violations);
    options.finish(violations);
    TransferOptions { overwrite_existing, overwrite_when, delete }
}
