//! What a request says of `storage.transfer`: as it is stored and shown.

use crate::wire::members::{Member, Parsed, Text, duration, flag, object, one_of, text, texts, word};
use crate::wire::request::request;
use kinds::storage_transfer::{DeleteOption, OverwriteWhen};
use std::time::Duration;
use time::OffsetDateTime;

request! {
    /// The spec of `storage.transfer`: makes the sink hold what the source holds.
    pub struct StorageTransferRequest {
        source: Option<Vec<TransferSourceRequest>> = one_of().required(),
        sink: Option<Vec<TransferSinkRequest>> = one_of().required(),
        conditions: Option<TransferConditionsRequest> = object(),
        options: Option<TransferOptionsRequest> = object(),
    }
}

request! {
    /// Exactly one of them.
    pub enum TransferSourceRequest {
        Bucket(BucketPathRequest) = object(),
        S3(BucketPathRequest) = object(),
        S3Compatible(S3CompatiblePathRequest) = object(),
        /// A folder of the workers beneath a configured one.
        Folder(String) = text(),
        /// The address of a list of URLs (`TsvHttpData-1.0`).
        HttpList(String) = text(),
    }
}

request! {
    /// Exactly one of them.
    pub enum TransferSinkRequest {
        Bucket(BucketPathRequest) = object(),
        /// A folder of the workers beneath a configured one.
        Folder(String) = text(),
    }
}

request! {
    /// A part of a configured bucket of the project.
    pub struct BucketPathRequest {
        bucket: Option<String> = text().required(),
        /// Empty, or ends with `/`.
        path: Option<String> = path(),
    }
}

request! {
    /// The same where the store is named as well.
    pub struct S3CompatiblePathRequest {
        bucket: Option<String> = text().required(),
        /// Empty, or ends with `/`.
        path: Option<String> = path(),
        /// The one that is configured, with or without its scheme.
        endpoint: Option<String> = text().required(),
        region: Option<String> = text(),
    }
}

request! {
    /// Which objects: those to which all of it applies.
    pub struct TransferConditionsRequest {
        /// None of them begins with another one.
        include_prefixes: Vec<String> = texts(),
        /// Each begins with an included one, where there are any.
        exclude_prefixes: Vec<String> = texts(),
        /// Not changed for this long when the operation begins, e.g. `3600s`.
        min_time_elapsed: Option<Duration> = span(),
        /// Changed within this long.
        max_time_elapsed: Option<Duration> = span(),
        modified_since: Option<OffsetDateTime> = moment(),
        modified_before: Option<OffsetDateTime> = moment(),
        /// `*` and `?` within a segment of the name, `**` over segments.
        match_glob: Option<String> = text().at_most(1024),
    }
}

request! {
    /// What is overwritten and deleted.
    pub struct TransferOptionsRequest {
        /// What is there is copied again; `overwriteWhen` wins.
        overwrite_existing: bool = flag(),
        overwrite_when: Option<OverwriteWhen> = word::<OverwriteWhenName>(),
        delete: Option<DeleteOption> = word::<DeleteName>(),
    }
}

request! {
    /// When what is there is copied again.
    pub words OverwriteWhenName: OverwriteWhen {
        "DIFFERENT" = OverwriteWhen::Different,
        "NEVER" = OverwriteWhen::Never,
        "ALWAYS" = OverwriteWhen::Always,
    }
}

request! {
    /// What is deleted: objects of the sink that the source has not, or objects of the source once they are in the sink.
    pub words DeleteName: DeleteOption {
        "uniqueInSink" = DeleteOption::UniqueInSink,
        "fromSourceAfterTransfer" = DeleteOption::FromSourceAfterTransfer,
    }
}

/// Before the names of objects.
fn path() -> Text {
    text().at_most(1024).of_form("^([^/].*/)?$")
}

fn span() -> Parsed<Duration> {
    duration("must be a duration in seconds, e.g. \"3600s\"")
}

fn moment() -> Parsed<OffsetDateTime> {
    text().time().parsed(crate::kinds::transfer::moment, "must be an RFC 3339 time, e.g. 2026-11-25T12:00:00Z")
}
