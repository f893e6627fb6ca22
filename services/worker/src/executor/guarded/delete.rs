//! Deletes an object, and no other that takes its name meanwhile.

use super::condition::{Condition, Found, Version};
use super::decide::{AfterDelete, Answer, after_delete, is_version};
use super::look::look;
use super::publish::pause;
use super::request::answer;
use super::store::CloudStore;
use crate::lease_clock::HeldLease;
use object_store::Error;
use object_store::path::Path;
use tokio::time::sleep;

/// How often a delete is sent at most.
const TRIES: u32 = 5;

/// When the object is looked at before it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Always. One request more, and a store that ignores conditions does not delete another object unseen.
    First,
    /// Only if the listed tag is not enough for a condition.
    IfNeeded,
}

/// Why an object is not deleted, as far as is known.
#[derive(Debug)]
pub enum NotDeleted {
    /// The lease does not stand any more: it was lost, or the attempt was cut off.
    NotHeld,
    /// Another object has taken its place.
    Changed,
    /// Our credentials cannot read the object, so nobody knows whether it is the listed one.
    Hidden,
    /// The store does not support conditions.
    Unsupported,
    /// The store's error.
    Store(Error),
}

/// Deletes the object that was listed with this tag. One that is not there counts as deleted.
///
/// # Errors
/// [`NotDeleted`].
pub async fn delete(
    store: &CloudStore,
    path: &Path,
    tag: Option<&str>,
    when: Look,
    lease: &HeldLease,
) -> Result<(), NotDeleted> {
    let Some(mut condition) = held(lease, first_condition(store, path, tag, when)).await?? else {
        return Ok(());
    };
    for pauses in 0.. {
        let Err(error) = held(lease, store.once.delete(path, &condition)).await? else { return Ok(()) };
        let answer = answer(&error).ok_or(NotDeleted::Unsupported)?;
        match answer {
            Answer::Missing => return Ok(()),
            Answer::Denied => return Err(NotDeleted::Store(error)),
            Answer::Unheard => held(lease, sleep(pause(pauses))).await?,
            Answer::Refused => {}
        }
        tracing::warn!(%path, %error, ?answer, "a delete in a store did not succeed");
        let found = held(lease, look(store, path)).await?.map_err(NotDeleted::Store)?;
        condition = match after_delete(answer, &condition, &found, tag) {
            AfterDelete::Deleted => return Ok(()),
            AfterDelete::Changed => return Err(NotDeleted::Changed),
            AfterDelete::Send(next) if pauses + 1 < TRIES => next,
            AfterDelete::Send(_) | AfterDelete::Fail => return Err(NotDeleted::Store(error)),
        };
    }
    unreachable!("the tries are counted")
}

/// What the first request names; nothing where the object is gone already.
async fn first_condition(
    store: &CloudStore,
    path: &Path,
    tag: Option<&str>,
    when: Look,
) -> Result<Option<Condition>, NotDeleted> {
    let known = tag.map(Version::tagged).filter(|version| store.once.can_name(version)).map(Condition::Version);
    if let (Look::IfNeeded, Some(condition)) = (when, &known) {
        return Ok(Some(condition.clone()));
    }
    match look(store, path).await.map_err(NotDeleted::Store)? {
        Found::Absent => Ok(None),
        Found::Hidden => known.map(Some).ok_or(NotDeleted::Hidden),
        Found::Object(version, _) if !is_version(version.tag.as_deref(), tag) => Err(NotDeleted::Changed),
        Found::Object(version, _) if store.once.can_name(&version) => Ok(Some(Condition::Version(version))),
        Found::Object(..) => Ok(Some(Condition::Any)),
    }
}

async fn held<F: Future>(lease: &HeldLease, request: F) -> Result<F::Output, NotDeleted> {
    lease.while_held(request).await.ok_or(NotDeleted::NotHeld)
}
