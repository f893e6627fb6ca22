//! What lists are narrowed to: JSON in the parameter `filter`, not the language that Google's other lists speak.

use crate::operations::{ListFilter, Operation, ResourceFilter};
use crate::wire::error::Violations;
use crate::wire::fields::Fields;
use kinds::storage_transfer::{
    JOBS, JobName, JobStatus, OPERATIONS, RunName, Status, StoredTransferJob, TransferSink, TransferSource, run_name,
};
use std::collections::BTreeSet;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{Duration, OffsetDateTime, UtcOffset};

/// More names than a page shows.
const MOST_NAMES: usize = 256;
const LONGEST_PATTERN: usize = 1024;
/// The times that a list can be asked about. Beyond them a comparison is decided without asking.
const FIRST: OffsetDateTime = datetime!(1970-01-01 00:00 UTC);
const LAST: OffsetDateTime = datetime!(9990-01-01 00:00 UTC);
/// The database's clock tells microseconds: "through" is "before the next one".
const TICK: Duration = Duration::microseconds(1);

/// Which runs are meant.
#[derive(Debug, Default, PartialEq)]
pub struct OperationFilter {
    /// What an index serves; `None` where nothing can match.
    pub listed: Option<ListFilter>,
    /// The rest.
    pub kept: Kept,
}

/// What is looked at in each row.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept {
    names: Option<BTreeSet<String>>,
    name_pattern: Option<String>,
    job_pattern: Option<String>,
    statuses: Option<Vec<Status>>,
}

impl Kept {
    /// Whether all are kept.
    pub fn keeps_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this one is.
    pub fn keeps(&self, operation: &Operation) -> bool {
        let name = run_name(&operation.target, operation.id);
        self.names.as_ref().is_none_or(|names| names.contains(&name))
            && self.name_pattern.as_ref().is_none_or(|pattern| matches(pattern, &name))
            && self.job_pattern.as_ref().is_none_or(|pattern| matches(pattern, &operation.target))
            && self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&Status::of(operation.view())))
    }
}

/// Reads the filter of the list of runs; the project was taken out.
pub fn of_operations(mut fields: Fields, violations: &mut Violations) -> OperationFilter {
    let jobs = names(&mut fields, "jobNames", violations, |name| job_name(name).map(String::from));
    let runs = names(&mut fields, "operationNames", violations, |name| RunName::parse(&qualified(name, OPERATIONS)));
    let statuses = statuses(&mut fields, violations);
    let kept = Kept {
        names: runs.as_ref().map(|runs| runs.iter().map(|run| run_name(run.job.as_str(), run.id)).collect()),
        name_pattern: pattern(&mut fields, "operationNamePattern", violations),
        job_pattern: pattern(&mut fields, "jobNamePattern", violations),
        statuses: statuses.clone().filter(|statuses| !says_all(statuses)),
    };
    let from = time(&mut fields, "minCreationTime", violations);
    let through = time(&mut fields, "maxCreationTime", violations);
    fields.finish(violations);
    let open = statuses.as_deref().is_some_and(|statuses| statuses.iter().all(|status| !status.state().is_done()));
    let listed = ListFilter {
        collection: Some(OPERATIONS.to_owned()),
        targets: jobs.unwrap_or_default(),
        ids: runs.unwrap_or_default().iter().map(|run| run.id).collect(),
        // What has not ended has an index; of what has, each row is looked at.
        done: open.then_some(false),
        created_from: from.filter(|from| *from > FIRST),
        created_before: through.filter(|through| *through < LAST).map(|through| through + TICK),
        ..ListFilter::default()
    };
    let nothing = from.is_some_and(|from| from > LAST) || through.is_some_and(|through| through < FIRST);
    OperationFilter { listed: (!nothing).then_some(listed), kept }
}

fn says_all(statuses: &[Status]) -> bool {
    Status::ALL.iter().all(|status| statuses.contains(status))
}

/// Which jobs are meant.
#[derive(Debug, PartialEq)]
pub struct JobFilter {
    /// What an index serves; `None` where nothing can match.
    pub listed: Option<ResourceFilter>,
    source_bucket: Option<String>,
    sink_bucket: Option<String>,
}

impl JobFilter {
    /// Whether all are kept.
    pub fn keeps_all(&self) -> bool {
        self.source_bucket.is_none() && self.sink_bucket.is_none()
    }

    /// Whether this one is.
    pub fn keeps(&self, stored: &StoredTransferJob) -> bool {
        let transfer = &stored.job.transfer;
        let source = match &transfer.source {
            TransferSource::Bucket(at) | TransferSource::S3(at) => Some(&at.bucket),
            TransferSource::S3Compatible(at) => Some(&at.bucket),
            TransferSource::Folder(_) | TransferSource::HttpList(_) => None,
        };
        let sink = match &transfer.sink {
            TransferSink::Bucket(at) => Some(&at.bucket),
            TransferSink::Folder(_) => None,
        };
        self.source_bucket.as_ref().is_none_or(|bucket| source == Some(bucket))
            && self.sink_bucket.as_ref().is_none_or(|bucket| sink == Some(bucket))
    }
}

/// Reads the filter of the list of jobs; the project was taken out. Deleted ones are shown to who asks for them.
pub fn of_jobs(mut fields: Fields, violations: &mut Violations) -> JobFilter {
    let names = names(&mut fields, "jobNames", violations, job_name);
    let statuses = texts(
        &mut fields,
        "jobStatuses",
        violations,
        |text| text.to_ascii_uppercase().parse().ok(),
        || "must be ENABLED, DISABLED or DELETED".to_owned(),
    );
    let backend = fields.text("dataBackend", violations);
    if backend.as_ref().is_some_and(|backend| backend != "QUERY_REPLICATION_CONFIGS") {
        violations.add(fields.path("dataBackend"), "must be QUERY_REPLICATION_CONFIGS");
    }
    let (source_bucket, sink_bucket) = (fields.text("sourceBucket", violations), fields.text("sinkBucket", violations));
    fields.finish(violations);
    let statuses = statuses.unwrap_or_else(|| vec![JobStatus::Enabled, JobStatus::Disabled]);
    let listed = ResourceFilter {
        names: names.map(|names| names.into_iter().map(String::from).collect()),
        name_pattern: None,
        states: statuses.into_iter().map(|status| status.as_str().to_owned()).collect(),
    };
    // No job replicates.
    JobFilter { listed: backend.is_none().then_some(listed), source_bucket, sink_bucket }
}

fn job_name(name: &str) -> Option<JobName> {
    qualified(name, JOBS).parse().ok()
}

/// The documents show names both whole and without what stands before them.
fn qualified(name: &str, before: &str) -> String {
    if name.strip_prefix(before).is_some_and(|rest| rest.starts_with('/')) {
        name.to_owned()
    } else {
        format!("{before}/{name}")
    }
}

/// A list of names, if it holds any.
fn names<T>(
    fields: &mut Fields,
    name: &str,
    violations: &mut Violations,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let found = texts(fields, name, violations, parse, || "is no name of such".to_owned());
    if found.as_ref().is_some_and(|found| found.len() > MOST_NAMES) {
        violations.add(fields.path(name), format!("holds more than {MOST_NAMES} names"));
    }
    found
}

/// A list of texts, each of a meaning. An empty list says nothing.
fn texts<T>(
    fields: &mut Fields,
    name: &str,
    violations: &mut Violations,
    parse: impl Fn(&str) -> Option<T>,
    wrong: impl Fn() -> String,
) -> Option<Vec<T>> {
    let texts = fields.texts(name, violations).filter(|texts| !texts.is_empty())?;
    let mut found = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let parsed = parse(text);
        if parsed.is_none() {
            violations.add(fields.path(&format!("{name}[{index}]")), wrong());
        }
        found.extend(parsed);
    }
    Some(found)
}

fn statuses(fields: &mut Fields, violations: &mut Violations) -> Option<Vec<Status>> {
    let parse = |text: &str| Status::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(text));
    texts(fields, "transferStatuses", violations, parse, || {
        format!("must be one of {}", Status::ALL.map(Status::as_str).join(", "))
    })
}

fn pattern(fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<String> {
    let pattern = fields.text(name, violations)?;
    if pattern.len() > LONGEST_PATTERN {
        violations.add(fields.path(name), "is longer than 1,024 bytes");
    }
    Some(pattern)
}

fn time(fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<OffsetDateTime> {
    let text = fields.text(name, violations)?;
    let time = OffsetDateTime::parse(&text, &Rfc3339).ok().and_then(|time| time.checked_to_offset(UtcOffset::UTC));
    if time.is_none() {
        violations.add(fields.path(name), "must be an RFC 3339 time, e.g. 2026-11-25T12:00:00Z");
    }
    time
}

/// Whether a name matches a pattern in which `*` stands for any characters, none too.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    // Each part at the first place where it stands leaves the most to those behind it.
    let rest = parts.try_fold(rest, |rest, part| rest.find(part).map(|at| &rest[at + part.len()..]));
    rest.is_some_and(|rest| rest.ends_with(last))
}

#[cfg(test)]
mod tests;
