//! What a transfer must be, however it was asked for. Each check names the field as the caller wrote it.

use crate::kinds::catalog::Catalog;
use crate::kinds::export;
use crate::wire::bounds::MOST_ITEMS;
use crate::wire::error::Violations;
use crate::wire::fields::Fields;
use crate::wire::time_text;
use kinds::storage_transfer::{BucketPath, StorageTransfer, TransferConditions, TransferSink, TransferSource};
use operation::ProjectId;
use runtime::config::Bucket;
use runtime::destination::{AllowedDestinations, Destination};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use url::Url;

/// The longest object name of Cloud Storage and S3, in bytes.
const LONGEST_OBJECT: usize = 1024;
/// Braces in one another. The workers' matcher takes no more, and would say so only when the operation runs.
const DEEPEST_GLOB: u32 = 100;
/// protobuf's: ten thousand years.
const LONGEST_ELAPSED: Duration = Duration::from_hours(87_660_000);

/// For whom a transfer is judged, by what, and what is wrong with it.
#[derive(Debug)]
pub struct Judge<'a> {
    /// Buckets and folders.
    pub catalog: &'a Catalog,
    /// Servers that users may name.
    pub destinations: &'a AllowedDestinations,
    /// The caller's project.
    pub project: &'a ProjectId,
    /// What is wrong so far.
    pub violations: &'a mut Violations,
}

impl<'a> Judge<'a> {
    /// A bucket that the project may use.
    pub fn bucket(&mut self, bucket: &str, field: &str) -> Option<&'a Bucket> {
        export::check_bucket(bucket, field, self.catalog, self.project, self.violations);
        self.catalog.bucket(self.project, bucket)
    }

    /// A bucket in a store that speaks S3's language.
    pub fn s3_bucket(&mut self, bucket: &str, field: &str) -> Option<&'a Bucket> {
        let found = self.bucket(bucket, field)?;
        if !found.url.starts_with("s3://") {
            let wrong = format!("names the bucket {bucket:?}, which is configured as another sort of store");
            self.violations.add(field, wrong);
        }
        Some(found)
    }

    /// The endpoint that is configured for a bucket, as it is configured. A caller may leave out its scheme.
    pub fn endpoint(&mut self, configured: Option<&str>, given: &str, field: &str) -> String {
        let is = |configured: &&str| {
            let (configured, given) = (configured.trim_end_matches('/'), given.trim_end_matches('/'));
            configured == given || configured.split_once("://").is_some_and(|(_, bare)| bare == given)
        };
        configured.filter(is).map_or_else(
            || {
                self.violations.add(field, "is not the endpoint that is configured for this bucket");
                given.to_owned()
            },
            ToOwned::to_owned,
        )
    }

    /// The region that is configured for a bucket, or none.
    pub fn region(&mut self, bucket: Option<&Bucket>, given: &str, field: &str) {
        let configured = bucket.and_then(|bucket| bucket.region.as_deref());
        if !given.is_empty() && configured.is_some_and(|configured| configured != given) {
            self.violations.add(field, "is not the region that is configured for this bucket");
        }
    }

    /// A text that has to be there.
    pub fn required(&mut self, fields: &mut Fields, name: &str) -> Option<String> {
        let text = fields.text(name, self.violations);
        if text.is_none() {
            self.violations.add(fields.path(name), "is required");
        }
        text
    }

    /// A span of time, as protobuf writes it.
    pub fn span(&mut self, fields: &mut Fields, name: &str) -> Option<Duration> {
        let text = fields.text(name, self.violations)?;
        let span = time_text::duration(&text);
        if span.is_none() {
            self.violations.add(fields.path(name), "must be a duration in seconds, e.g. \"3600s\"");
        }
        span
    }

    /// A moment between the years 1 and 9999.
    pub fn time(&mut self, fields: &mut Fields, name: &str) -> Option<OffsetDateTime> {
        let text = fields.text(name, self.violations)?;
        let time = moment(&text);
        if time.is_none() {
            self.violations.add(fields.path(name), "must be an RFC 3339 time, e.g. 2026-11-25T12:00:00Z");
        }
        time
    }

    /// What names of objects begin with: empty, or with a slash at its end.
    pub fn path(&mut self, path: &str, field: &str) {
        let Some(inner) = path.strip_suffix('/') else {
            if !path.is_empty() {
                self.violations.add(field, "must be empty or end with /");
            }
            return;
        };
        let wrong = if path.len() > LONGEST_OBJECT {
            "is longer than 1,024 bytes"
        } else if path.chars().any(char::is_control) {
            "has control characters"
        } else if path.starts_with('/') {
            "must not begin with /"
        } else if inner.split('/').any(|segment| segment.is_empty() || segment == "." || segment == "..") {
            "has a segment that is empty, . or .."
        } else {
            return;
        };
        self.violations.add(field, wrong);
    }

    /// A folder beneath one that the project may use. A trailing slash means nothing.
    pub fn folder(&mut self, path: &str, field: &str) -> String {
        let plain = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        if plain.len() > LONGEST_OBJECT || plain.chars().any(char::is_control) {
            self.violations.add(field, "is longer than 1,024 bytes, or has control characters");
        } else if !plain.starts_with('/')
            || plain.split('/').skip(1).any(|part| part.is_empty() || part == "." || part == "..")
        {
            self.violations.add(field, "must be an absolute path without empty segments, . and ..");
        } else if !self.catalog.has_folder(self.project, plain) {
            self.violations.add(field, "is beneath no folder that is configured for this project");
        }
        plain.to_owned()
    }

    /// The address of a list of URLs, which the project may reach.
    pub fn list_url(&mut self, url: &str, field: &str) {
        let parsed = Url::parse(url).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https"));
        let Some((url, host)) = parsed.as_ref().and_then(|parsed| Some((parsed, parsed.host_str()?))) else {
            self.violations.add(field, "must be a URL that begins with http:// or https://");
            return;
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.violations.add(field, "must hold no user and no password");
            return;
        }
        let port = i64::from(url.port_or_known_default().unwrap_or_default());
        let reached = Destination::new(host, port).and_then(|to| self.destinations.check(self.project, &to));
        if let Err(error) = reached {
            self.violations.add(field, export::not_reached(&error));
        }
    }

    /// Prefixes, times and the glob.
    pub fn conditions(&mut self, conditions: &TransferConditions, fields: &ConditionFields) {
        let TransferConditions { include_prefixes, exclude_prefixes, .. } = conditions;
        prefixes(include_prefixes, &fields.include_prefixes, self.violations);
        prefixes(exclude_prefixes, &fields.exclude_prefixes, self.violations);
        // No included prefix begins with another one, so the greatest that is not after it is the one to look at.
        let included: BTreeSet<&str> = include_prefixes.iter().map(String::as_str).collect();
        let is_within = |excluded: &str| {
            included.range(..=excluded).next_back().is_some_and(|included| excluded.starts_with(included))
        };
        for (index, excluded) in exclude_prefixes.iter().enumerate() {
            if !included.is_empty() && !is_within(excluded) {
                let field = format!("{}[{index}]", fields.exclude_prefixes);
                self.violations.add(field, "begins with none of the included prefixes, so it excludes nothing");
            }
        }
        for (elapsed, field) in [
            (conditions.min_time_elapsed, &fields.min_time_elapsed),
            (conditions.max_time_elapsed, &fields.max_time_elapsed),
        ] {
            if elapsed.is_some_and(|elapsed| elapsed > LONGEST_ELAPSED) {
                self.violations.add(field, "is longer than 10,000 years");
            }
        }
        if let Some(wrong) = conditions.match_glob.as_deref().and_then(wrong_glob) {
            self.violations.add(&fields.match_glob, wrong);
        }
    }

    /// What its parts must be to one another.
    pub fn together(&mut self, transfer: &StorageTransfer, sink_field: &str, delete_field: &str) {
        use kinds::storage_transfer::DeleteOption::{FromSourceAfterTransfer, UniqueInSink};
        let from_list = matches!(transfer.source, TransferSource::HttpList(_));
        if from_list && transfer.options.delete == Some(FromSourceAfterTransfer) {
            self.violations.add(delete_field, "does not go with a list of URLs: nothing can be deleted there");
        }
        if transfer.options.delete == Some(UniqueInSink) && transfer.conditions.has_times() {
            let wrong = "does not go with conditions on times: what they leave out would be deleted from the sink";
            self.violations.add(delete_field, wrong);
        }
        let (source, sink) = (source_place(transfer, self), sink_place(transfer, self));
        if source.zip(sink).is_some_and(|(source, sink)| source.overlaps(&sink)) {
            self.violations.add(sink_field, "is the source, lies in it, or contains it");
        }
    }
}

/// A moment between the years 1 and 9999, in RFC 3339.
pub fn moment(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    Some(time).filter(|time| (1..=9999).contains(&time.year()))
}

/// The names of a transfer's conditions, as the caller wrote them.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "those of `TransferConditions`")]
pub struct ConditionFields {
    pub include_prefixes: String,
    pub exclude_prefixes: String,
    pub min_time_elapsed: String,
    pub max_time_elapsed: String,
    pub match_glob: String,
}

fn prefixes(prefixes: &[String], field: &str, violations: &mut Violations) {
    if prefixes.len() > MOST_ITEMS {
        violations.add(field, "holds more than 1,000 prefixes");
        return;
    }
    for (index, prefix) in prefixes.iter().enumerate() {
        let wrong = if prefix.is_empty() {
            "is empty"
        } else if prefix.len() > LONGEST_OBJECT {
            "is longer than 1,024 bytes"
        } else if prefix.starts_with('/') {
            "must not begin with /"
        } else if prefix.contains(['\r', '\n']) {
            "has a carriage return or a line feed"
        } else {
            continue;
        };
        violations.add(format!("{field}[{index}]"), wrong);
    }
    // What begins with a prefix follows it in this order, and nothing else comes between.
    let mut sorted: Vec<_> = prefixes.iter().enumerate().collect();
    sorted.sort_by_key(|(index, prefix)| (*prefix, *index));
    for ((_, prefix), (index, next)) in sorted.iter().zip(sorted.iter().skip(1)) {
        if next.starts_with(prefix.as_str()) {
            violations.add(format!("{field}[{index}]"), "begins with another prefix of this list");
        }
    }
}

/// What is wrong with a glob, as far as it can be told without one.
fn wrong_glob(glob: &str) -> Option<&'static str> {
    if glob.len() > LONGEST_OBJECT {
        return Some("is longer than 1,024 bytes");
    }
    if glob.chars().any(char::is_control) {
        return Some("has control characters");
    }
    let (mut class, mut braces, mut characters) = (false, 0_u32, glob.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next().is_none() => return Some("ends with a \\ that escapes nothing"),
            '[' => class = true,
            ']' => class = false,
            '{' if !class && braces == DEEPEST_GLOB => return Some("has more than 100 { in one another"),
            '{' if !class => braces += 1,
            '}' if !class && braces == 0 => return Some("closes a { that was not opened"),
            '}' if !class => braces -= 1,
            _ => {}
        }
    }
    if class {
        return Some("opens a [ that is not closed");
    }
    (braces > 0).then_some("opens a { that is not closed")
}

/// Where objects lie, however it is said: a bucket can be a folder.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Folder(PathBuf),
    /// Of a store, by its URL and path.
    Objects {
        endpoint: Option<String>,
        prefix: String,
    },
}

impl Place {
    fn of_bucket(at: (&str, &str), project: &ProjectId, catalog: &Catalog) -> Option<Self> {
        let (bucket, path) = (catalog.bucket(project, at.0)?, at.1);
        let url = Url::parse(&bucket.url).ok()?;
        if url.scheme() == "file" {
            return Some(Self::Folder(url.to_file_path().ok()?.join(path)));
        }
        let prefix = format!("{}/{path}", bucket.url.trim_end_matches('/'));
        Some(Self::Objects { endpoint: bucket.endpoint.clone(), prefix })
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(one), Self::Folder(other)) => one.starts_with(other) || other.starts_with(one),
            (Self::Objects { endpoint: one_at, prefix: one }, Self::Objects { endpoint: other_at, prefix: other }) => {
                one_at == other_at && (one.starts_with(other.as_str()) || other.starts_with(one.as_str()))
            }
            (Self::Folder(_), Self::Objects { .. }) | (Self::Objects { .. }, Self::Folder(_)) => false,
        }
    }
}

fn source_place(transfer: &StorageTransfer, judge: &Judge<'_>) -> Option<Place> {
    let at = match &transfer.source {
        TransferSource::Bucket(BucketPath { bucket, path }) | TransferSource::S3(BucketPath { bucket, path }) => {
            (bucket.as_str(), path.as_str())
        }
        TransferSource::S3Compatible(at) => (at.bucket.as_str(), at.path.as_str()),
        TransferSource::Folder(path) => return Some(Place::Folder(Path::new(path).to_owned())),
        TransferSource::HttpList(_) => return None,
    };
    Place::of_bucket(at, judge.project, judge.catalog)
}

fn sink_place(transfer: &StorageTransfer, judge: &Judge<'_>) -> Option<Place> {
    match &transfer.sink {
        TransferSink::Bucket(BucketPath { bucket, path }) => {
            Place::of_bucket((bucket, path), judge.project, judge.catalog)
        }
        TransferSink::Folder(path) => Some(Place::Folder(Path::new(path).to_owned())),
    }
}

#[cfg(test)]
mod tests;
