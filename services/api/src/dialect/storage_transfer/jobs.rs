//! Jobs as resources: what is made of a request, and what a patch makes of a job.

use crate::admission::call::Call;
use crate::operations::{Changed, Naming, ResourceName};
use crate::wire::error::ApiError;
use kinds::storage_transfer::{
    COLLECTION, JOBS, JobName, JobStatus, StorageTransfer, StoredTransferJob, TransferNotification,
};
use operation::Resource;

/// What is to be changed of a job; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TransferJobPatch {
    /// The user's words.
    pub description: Option<String>,
    /// What each run does, but for who is notified.
    pub transfer: Option<StorageTransfer>,
    /// Who is notified; `Some(None)` for nobody.
    #[expect(clippy::option_option, reason = "to leave it and to take it away are two things")]
    pub notification: Option<Option<TransferNotification>>,
    /// Whether it runs by its schedule.
    pub status: Option<JobStatus>,
}

impl TransferJobPatch {
    /// Whether it deletes, and changes nothing else.
    pub const fn only_deletes(&self) -> bool {
        matches!(self, Self { description: None, transfer: None, notification: None, status: Some(JobStatus::Deleted) })
    }

    /// What it makes of a job as it stands.
    ///
    /// # Errors
    /// The job is of a newer version.
    pub fn apply(&self, seen: &Resource) -> serde_json::Result<Changed> {
        let StoredTransferJob { status, mut job, .. } = StoredTransferJob::read(seen)?;
        if let Some(description) = &self.description {
            job.description.clone_from(description);
        }
        if let Some(transfer) = &self.transfer {
            job.transfer = StorageTransfer { notification: job.transfer.notification, ..transfer.clone() };
        }
        if let Some(notification) = &self.notification {
            job.transfer.notification.clone_from(notification);
        }
        let state = self.status.unwrap_or(status).as_str().to_owned();
        Ok(Changed { state, content: serde_json::to_value(job)? })
    }
}

/// A job of the caller's project.
pub fn named(call: &Call, name: &JobName) -> ResourceName {
    ResourceName { collection: &COLLECTION, project: call.project.clone(), name: name.to_string() }
}

/// Without a name it gets one as the vendor makes them: of digits, after `OPI` where a folder is on one side.
pub fn naming(given: Option<&JobName>, transfer: &StorageTransfer) -> Naming {
    match given {
        Some(name) => Naming::Given(name.to_string()),
        None => Naming::Minted(format!("{JOBS}/{}", if transfer.has_folder() { "OPI" } else { "" })),
    }
}

/// The job that a resource is.
///
/// # Errors
/// INTERNAL: it is of a newer version.
pub fn read(resource: &Resource) -> Result<StoredTransferJob, ApiError> {
    StoredTransferJob::read(resource).map_err(|error| {
        let Resource { project, name, .. } = resource;
        tracing::error!(%error, %project, resource = name, "a transfer job cannot be read by this version");
        ApiError::internal()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::samples;
    use kinds::storage_transfer::TransferJob;

    #[test]
    fn a_patch_changes_what_it_names_alone() {
        let before = samples::transfer_job();
        let change = |patch: TransferJobPatch| {
            let changed = patch.apply(&samples::resource()).expect("a job");
            assert_eq!(changed.state, "ENABLED");
            serde_json::from_value::<TransferJob>(changed.content).expect("a job")
        };
        assert_eq!(change(TransferJobPatch::default()), before);
        let described = change(TransferJobPatch { description: Some("new".to_owned()), ..TransferJobPatch::default() });
        assert_eq!(described, TransferJob { description: "new".to_owned(), ..before.clone() });
        let notification = before.transfer.notification.clone();
        assert!(notification.is_some());
        // Who is notified is not part of what is transferred.
        let transfer = StorageTransfer { notification: None, ..samples::transfer_of_folders() };
        let transferred = change(TransferJobPatch { transfer: Some(transfer.clone()), ..TransferJobPatch::default() });
        assert_eq!(transferred.transfer, StorageTransfer { notification, ..transfer });
        let untold = change(TransferJobPatch { notification: Some(None), ..TransferJobPatch::default() });
        assert_eq!(untold.transfer, StorageTransfer { notification: None, ..before.transfer });
    }

    #[test]
    fn a_patch_changes_the_status_that_it_names() {
        for (before, patched, expect) in [
            ("ENABLED", None, "ENABLED"),
            ("DISABLED", None, "DISABLED"),
            ("ENABLED", Some(JobStatus::Disabled), "DISABLED"),
            ("DISABLED", Some(JobStatus::Enabled), "ENABLED"),
            ("ENABLED", Some(JobStatus::Deleted), "DELETED"),
        ] {
            let seen = Resource { state: before.to_owned(), ..samples::resource() };
            let patch = TransferJobPatch { status: patched, ..TransferJobPatch::default() };
            assert_eq!(patch.apply(&seen).expect("a job").state, expect, "{before} {patched:?}");
            assert_eq!(patch.only_deletes(), patched == Some(JobStatus::Deleted));
        }
    }

    #[test]
    fn a_minted_name_tells_of_a_folder() {
        let minted = |transfer: &StorageTransfer| naming(None, transfer);
        assert_eq!(minted(&samples::transfer_job().transfer), Naming::Minted("transferJobs/".to_owned()));
        assert_eq!(minted(&samples::transfer_of_folders()), Naming::Minted("transferJobs/OPI".to_owned()));
    }
}
