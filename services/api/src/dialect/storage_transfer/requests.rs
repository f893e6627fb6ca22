//! What is asked of jobs: read and judged.

use super::jobs::TransferJobPatch;
use super::{notification, schedule, transfer_spec};
use crate::kinds::transfer::Judge;
use crate::wire::error::Violations;
use crate::wire::fields::{Fields, Words};
use kinds::storage_transfer::{JobName, JobStatus, StorageTransfer, TransferJob, TransferNotification};
use operation::ProjectId;

const LONGEST_DESCRIPTION: usize = 1024;
/// What answers say, and requests need not: clients send back what they were given.
const OUTPUT: [&str; 4] = ["creationTime", "lastModificationTime", "deletionTime", "latestOperationName"];
/// The vendor's statuses, in the order of their numbers.
const STATUSES: Words<JobStatus> = Words {
    none: "STATUS_UNSPECIFIED",
    others: &[
        (JobStatus::Enabled.as_str(), JobStatus::Enabled),
        (JobStatus::Disabled.as_str(), JobStatus::Disabled),
        (JobStatus::Deleted.as_str(), JobStatus::Deleted),
    ],
};

/// A job that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Created {
    /// Its name, if the caller gives one.
    pub name: Option<JobName>,
    /// Whether it runs by its schedule.
    pub status: JobStatus,
    /// What it does.
    pub job: TransferJob,
}

/// Reads a job to be made (google.storagetransfer.v1.TransferJob); its project was taken out. Nothing where something is
/// wrong.
pub fn create(mut fields: Fields, judge: &mut Judge<'_>) -> Option<Created> {
    let name = fields.text("name", judge.violations);
    let description = description(&mut fields, judge.violations);
    not_implemented(&mut fields, judge.violations);
    let replicates = fields.object("replicationSpec", judge.violations).is_some_and(|spec| !spec.is_empty());
    if replicates {
        let instead = "a job with a transferSpec and a schedule does it again and again";
        judge.violations.not_implemented("replicationSpec", instead);
    }
    let spec = fields.object("transferSpec", judge.violations);
    if spec.is_none() && !replicates {
        judge.violations.add("transferSpec", "is required");
    }
    let transfer = spec.and_then(|spec| transfer_spec::read(spec, judge));
    let notification = notification(&mut fields, judge.project, judge.violations);
    logging(&mut fields, judge.violations);
    let schedule = fields.object("schedule", judge.violations).filter(|schedule| !schedule.is_empty());
    let schedule = schedule.and_then(|schedule| schedule::read(schedule, judge.violations));
    let status = fields.word("status", &STATUSES, judge.violations);
    match status {
        None => judge.violations.add("status", "is required: ENABLED or DISABLED"),
        Some(JobStatus::Deleted) => {
            judge.violations.add("status", "must be ENABLED or DISABLED: there is nothing to delete");
        }
        Some(JobStatus::Enabled | JobStatus::Disabled) => {}
    }
    fields.pass_over(&OUTPUT);
    fields.finish(judge.violations);
    let name = name.and_then(|name| job_name(&name, transfer.as_ref(), judge.violations));
    let transfer = StorageTransfer { notification, ..transfer? };
    Some(Created { name, status: status?, job: TransferJob { description, transfer, schedule } })
}

/// A name that fits what the job does.
fn job_name(name: &str, transfer: Option<&StorageTransfer>, violations: &mut Violations) -> Option<JobName> {
    let name: JobName = name.parse().map_err(|error| violations.add("name", format!("{error}"))).ok()?;
    if let Some(wrong) = transfer.and_then(|transfer| misnamed(&name, transfer)) {
        violations.add("name", wrong);
    }
    Some(name)
}

fn misnamed(name: &JobName, transfer: &StorageTransfer) -> Option<&'static str> {
    match (name.is_for_folders(), transfer.has_folder()) {
        (false, true) => Some("must begin with transferJobs/OPI where a folder is the source or the sink"),
        (true, false) => Some("must not begin with transferJobs/OPI unless a folder is the source or the sink"),
        (true, true) | (false, false) => None,
    }
}

/// What can be changed of a job.
const CHANGEABLE: [&str; 5] = ["description", "transferSpec", "notificationConfig", "loggingConfig", "status"];

/// Names in a mask: each may be there a few times.
const LONGEST_MASK: usize = 32;

/// Reads what is to be changed of a job (google.storagetransfer.v1.UpdateTransferJobRequest); the project was taken out.
pub fn patch(mut fields: Fields, name: &JobName, judge: &mut Judge<'_>) -> TransferJobPatch {
    same(&mut fields, "jobName", name.as_str(), judge.violations);
    let mask = fields.text("updateTransferJobFieldMask", judge.violations);
    let job = fields.object("transferJob", judge.violations);
    let patch = job.map(|job| {
        let named = named(mask.as_deref(), &job, judge.violations);
        changes(job, &named, name, judge)
    });
    if patch.is_none() {
        judge.violations.add("transferJob", "is required");
    }
    fields.finish(judge.violations);
    patch.unwrap_or_default()
}

/// Which fields are meant: those of the mask, or without one those that are there (AIP-134).
fn named(mask: Option<&str>, job: &Fields, violations: &mut Violations) -> Vec<&'static str> {
    let Some(mask) = mask else {
        return CHANGEABLE.into_iter().filter(|name| job.has(name)).collect();
    };
    let mut named = Vec::new();
    if mask.split(',').nth(LONGEST_MASK).is_some() {
        violations.add("updateTransferJobFieldMask", format!("names more than {LONGEST_MASK} fields"));
        return named;
    }
    for path in mask.split(',').map(str::trim) {
        let known = CHANGEABLE.into_iter().find(|name| *name == path || crate::wire::fields::snake_case(name) == path);
        if known.is_none() {
            let shown: String = path.chars().filter(|c| !c.is_control()).take(100).collect();
            let wrong = format!("names {shown:?}: what can be changed, each as a whole, is {}", CHANGEABLE.join(", "));
            violations.add("updateTransferJobFieldMask", wrong);
        }
        named.extend(known);
    }
    named
}

fn changes(mut job: Fields, named: &[&str], name: &JobName, judge: &mut Judge<'_>) -> TransferJobPatch {
    let is_named = |field: &str| named.contains(&field);
    let mut patch = TransferJobPatch::default();
    same(&mut job, "name", name.as_str(), judge.violations);
    same(&mut job, "projectId", judge.project.as_str(), judge.violations);
    // What is there and not named stays as it is, whatever is said of it.
    let others: Vec<_> = CHANGEABLE.into_iter().filter(|field| !is_named(field)).collect();
    job.pass_over(&others);
    if is_named("description") {
        patch.description = Some(description(&mut job, judge.violations));
    }
    if is_named("transferSpec") {
        let spec = job.object("transferSpec", judge.violations);
        if spec.is_none() {
            judge.violations.add(job.path("transferSpec"), "is required, as a whole");
        }
        patch.transfer = spec.and_then(|spec| transfer_spec::read(spec, judge));
        if let Some(wrong) = patch.transfer.as_ref().and_then(|transfer| misnamed(name, transfer)) {
            judge.violations.add(job.path("transferSpec"), format!("does not fit the job's name, which {wrong}"));
        }
    }
    if is_named("notificationConfig") {
        patch.notification = Some(notification(&mut job, judge.project, judge.violations));
    }
    if is_named("loggingConfig") {
        logging(&mut job, judge.violations);
    }
    if is_named("status") {
        patch.status = job.word("status", &STATUSES, judge.violations);
        if patch.status.is_none() {
            judge.violations.add(job.path("status"), "is required: ENABLED, DISABLED or DELETED");
        }
    }
    for field in ["schedule", "eventStream", "replicationSpec", "serviceAccount"] {
        if job.has(field) && named.is_empty() {
            judge.violations.add(job.path(field), "cannot be changed");
        }
        job.pass_over(&[field]);
    }
    job.pass_over(&OUTPUT);
    job.finish(judge.violations);
    patch
}

/// What says again what is known must say the same.
fn same(fields: &mut Fields, name: &str, known: &str, violations: &mut Violations) {
    if fields.text(name, violations).is_some_and(|given| given != known) {
        violations.add(fields.path(name), format!("is not {known}"));
    }
}

fn description(fields: &mut Fields, violations: &mut Violations) -> String {
    let description = fields.text("description", violations).unwrap_or_default();
    if description.len() > LONGEST_DESCRIPTION {
        violations.add(fields.path("description"), "is longer than 1,024 bytes");
    }
    description
}

fn notification(fields: &mut Fields, project: &ProjectId, violations: &mut Violations) -> Option<TransferNotification> {
    let config = fields.object("notificationConfig", violations)?;
    notification::read(config, project, violations)
}

/// Nothing is logged for users: what is found and copied is counted, and what goes wrong is in the operation.
fn logging(fields: &mut Fields, violations: &mut Violations) {
    const ACTIONS: Words<()> =
        Words { none: "LOGGABLE_ACTION_UNSPECIFIED", others: &[("FIND", ()), ("DELETE", ()), ("COPY", ())] };
    const STATES: Words<()> = Words {
        none: "LOGGABLE_ACTION_STATE_UNSPECIFIED",
        others: &[("SUCCEEDED", ()), ("FAILED", ()), ("SKIPPED", ())],
    };
    let Some(mut config) = fields.object("loggingConfig", violations) else { return };
    let actions = config.words("logActions", &ACTIONS, violations);
    let states = config.words("logActionStates", &STATES, violations);
    let files = config.flag("enableOnpremGcsTransferLogs", violations).unwrap_or_default();
    let instead = "an operation's counters and errorBreakdowns tell what was done";
    for (name, asked) in [
        ("logActions", !actions.is_empty()),
        ("logActionStates", !states.is_empty()),
        ("enableOnpremGcsTransferLogs", files),
    ] {
        if asked {
            violations.not_implemented(config.path(name), instead);
        }
    }
    config.finish(violations);
}

/// What the vendor's jobs have beside what they transfer, and ours have not.
fn not_implemented(fields: &mut Fields, violations: &mut Violations) {
    if fields.text("serviceAccount", violations).is_some() {
        violations.not_implemented("serviceAccount", "buckets are used by the keys that they are configured with");
    }
    if fields.object("eventStream", violations).is_some_and(|stream| !stream.is_empty()) {
        violations.not_implemented("eventStream", "use a schedule");
    }
}

#[cfg(test)]
mod tests;
