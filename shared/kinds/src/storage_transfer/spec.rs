//! What a transfer is to do.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;

/// Makes the sink hold what the source holds: what is missing or differs is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StorageTransfer {
    /// The job that this is a run of (`transferJobs/…`), if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Where the objects are.
    pub source: TransferSource,
    /// Where they go.
    pub sink: TransferSink,
    /// Which of them.
    #[serde(default)]
    pub conditions: TransferConditions,
    /// What is overwritten and deleted.
    #[serde(default)]
    pub options: TransferOptions,
    /// Who is told of the end. Set by the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<super::TransferNotification>,
}

impl StorageTransfer {
    /// Whether a folder is on one side: the vendor names jobs of these apart.
    pub const fn has_folder(&self) -> bool {
        matches!(self.source, TransferSource::Folder(_)) || matches!(self.sink, TransferSink::Folder(_))
    }
}

/// Where objects come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransferSource {
    /// A configured bucket, whatever its store is.
    Bucket(BucketPath),
    /// A configured bucket in S3, as Amazon's own.
    S3(BucketPath),
    /// A configured bucket in a store that speaks S3's language.
    S3Compatible(S3CompatiblePath),
    /// A folder of the workers' file system, beneath one that is configured: its absolute path.
    Folder(String),
    /// A list of URLs, each to be fetched (Google's `TsvHttpData-1.0`): the list's own URL.
    HttpList(String),
}

/// Where objects go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransferSink {
    /// A configured bucket, whatever its store is.
    Bucket(BucketPath),
    /// A folder of the workers' file system, beneath one that is configured: its absolute path.
    Folder(String),
}

/// A part of a configured bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BucketPath {
    /// The bucket's configured name.
    pub bucket: String,
    /// What the names of the objects begin with: empty, or with a slash at the end and none at the start.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// A part of a configured bucket whose store is named as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3CompatiblePath {
    /// The bucket's configured name.
    pub bucket: String,
    /// As in [`BucketPath`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The store's endpoint: the one that is configured for the bucket.
    pub endpoint: String,
    /// The store's region.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
}

/// Which objects are transferred: those to which all of it applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TransferConditions {
    /// The name begins with one of these; with any where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include_prefixes: Vec<String>,
    /// The name begins with none of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_prefixes: Vec<String>,
    /// Not changed for this long, when the operation began.
    #[serde(skip_serializing_if = "Option::is_none", with = "super::seconds")]
    pub min_time_elapsed: Option<Duration>,
    /// Changed within this long, when the operation began.
    #[serde(skip_serializing_if = "Option::is_none", with = "super::seconds")]
    pub max_time_elapsed: Option<Duration>,
    /// Changed at this time or later.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub modified_since: Option<OffsetDateTime>,
    /// Changed before this time.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub modified_before: Option<OffsetDateTime>,
    /// The name, after the source's path, matches: `*` and `?` within a segment, `**` over segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_glob: Option<String>,
}

impl TransferConditions {
    /// Whether any of it is about times.
    pub const fn has_times(&self) -> bool {
        self.min_time_elapsed.is_some()
            || self.max_time_elapsed.is_some()
            || self.modified_since.is_some()
            || self.modified_before.is_some()
    }
}

/// What is overwritten and deleted. Both ways of the vendor's to ask for an overwrite are kept, so that it is told as it was
/// asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TransferOptions {
    /// What is there is copied again, whether it differs or not; [`TransferOptions::overwrite_when`] wins.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub overwrite_existing: bool,
    /// When what is there is copied again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrite_when: Option<OverwriteWhen>,
    /// What is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<DeleteOption>,
}

impl TransferOptions {
    /// When what is there is copied again, of the two ways to say it.
    pub fn overwrite(&self) -> OverwriteWhen {
        let existing = if self.overwrite_existing { OverwriteWhen::Always } else { OverwriteWhen::Different };
        self.overwrite_when.unwrap_or(existing)
    }
}

/// When an object that is in the sink already is copied again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OverwriteWhen {
    /// When it differs from the source's.
    Different,
    /// Never, though it differ.
    Never,
    /// Always, though it be the same.
    Always,
}

/// What a transfer deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeleteOption {
    /// Objects of the sink that the source has not.
    UniqueInSink,
    /// Objects of the source, once they are in the sink.
    FromSourceAfterTransfer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_stored_as_they_are_shown() {
        for (span, text) in [(Duration::from_hours(1), "3600s"), (Duration::from_millis(1_500), "1.500000000s")] {
            let conditions = TransferConditions { min_time_elapsed: Some(span), ..TransferConditions::default() };
            let stored = serde_json::to_value(&conditions).expect("JSON");
            assert_eq!(stored, serde_json::json!({ "minTimeElapsed": text }));
            assert_eq!(serde_json::from_value::<TransferConditions>(stored).expect("the same"), conditions);
        }
        for wrong in ["1", "s", "1.5s", "-1s", "1.9999999999s", "x"] {
            let stored = serde_json::json!({ "maxTimeElapsed": wrong });
            assert!(serde_json::from_value::<TransferConditions>(stored).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_newer_way_to_ask_for_an_overwrite_wins() {
        let overwrite = |overwrite_existing, overwrite_when| {
            TransferOptions { overwrite_existing, overwrite_when, delete: None }.overwrite()
        };
        assert_eq!(overwrite(false, None), OverwriteWhen::Different);
        assert_eq!(overwrite(true, None), OverwriteWhen::Always);
        assert_eq!(overwrite(true, Some(OverwriteWhen::Never)), OverwriteWhen::Never);
    }
}
