//! Makes an object visible, once, for as long as the lease stands.

use super::condition::{Condition, Expected, Mark};
use super::decide::{AfterWrite, Answer, after_write};
use super::look::look;
use super::request::{answer, marked_upload};
use super::store::CloudStore;
use crate::lease_clock::HeldLease;
use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Error, MultipartId};
use operation::Fence;
use runtime::clock;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often a write is sent at most.
const TRIES: u32 = 8;
/// How long after the first one a write may be sent again. The operation's own retries take over.
const SENT_WITHIN: Duration = Duration::from_mins(1);
/// The first pause, before the second try. Each is twice the one before.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Who writes: which attempt, and until when it may.
#[derive(Debug, Clone)]
pub struct Author {
    mark: Mark,
    lease: HeldLease,
}

/// What becomes visible.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// These bytes, by one request.
    Whole(&'a Bytes),
    /// The parts of an upload.
    Parts(&'a MultipartId, &'a [PartId]),
}

/// Why an object is not visible, as far as is known.
#[derive(Debug)]
pub enum NotPublished {
    /// The lease does not stand any more: it was lost, or the attempt was cut off.
    NotHeld,
    /// A later attempt has written.
    TakenOver,
    /// Another writer's object is there, and was not to be replaced.
    Occupied,
    /// An object is there that our credentials cannot read.
    Hidden,
    /// The upload does not exist any more.
    UploadGone,
    /// The store does not support conditions.
    Unsupported,
    /// The store's error.
    Store(Error),
}

impl Author {
    /// The author of one object.
    pub fn new(fence: Fence, lease: HeldLease) -> Self {
        Self { mark: Mark::new(fence), lease }
    }

    /// Begins an upload whose object will bear this author's mark. Nothing is visible.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin_upload(&self, store: &CloudStore, path: &Path) -> Result<MultipartId, Error> {
        store.uploads.create_multipart_opts(path, marked_upload(&self.mark)).await
    }

    /// Waits for a request while the lease stands. Dropping a request closes its connection.
    async fn while_held<F: Future>(&self, request: F) -> Result<F::Output, NotPublished> {
        self.lease.while_held(request).await.ok_or(NotPublished::NotHeld)
    }
}

/// Makes an object visible under a path, in the place of what is expected there. Another writer's object that has appeared
/// there meanwhile is replaced as well if `overwrites`. Returns the entity tag of what was written, if the store tells one.
///
/// # Errors
/// [`NotPublished`]. After [`NotPublished::Store`] and [`NotPublished::NotHeld`] it may be visible all the same.
pub async fn publish(
    store: &CloudStore,
    path: &Path,
    content: Content<'_>,
    expected: &Expected,
    overwrites: bool,
    author: &Author,
) -> Result<Option<String>, NotPublished> {
    let begun = Instant::now();
    let mut condition = author.while_held(first_condition(store, path, expected)).await??;
    for pauses in 0.. {
        let error = match author.while_held(send(store, path, content, &condition, author)).await? {
            Ok(tag) => return Ok(tag),
            Err(error) => error,
        };
        let answer = answer(&error).ok_or(NotPublished::Unsupported)?;
        tracing::warn!(%path, %error, ?answer, "a write to a store did not succeed");
        if answer == Answer::Denied && pauses == 0 {
            return Err(NotPublished::Store(error));
        }
        if answer == Answer::Unheard {
            author.while_held(sleep(pause(pauses))).await?;
        }
        let found = author.while_held(look(store, path)).await?.map_err(NotPublished::Store)?;
        condition = match after_write(answer, &condition, &found, &author.mark, overwrites) {
            AfterWrite::Published => return Ok(found.into_tag()),
            AfterWrite::TakenOver => return Err(NotPublished::TakenOver),
            AfterWrite::Occupied => return Err(NotPublished::Occupied),
            AfterWrite::Hidden => return Err(NotPublished::Hidden),
            AfterWrite::Fail if matches!((answer, content), (Answer::Missing, Content::Parts(..))) => {
                return Err(NotPublished::UploadGone);
            }
            AfterWrite::Send(next) if pauses + 1 < TRIES && begun.elapsed() < SENT_WITHIN => next,
            AfterWrite::Send(_) | AfterWrite::Fail => return Err(NotPublished::Store(error)),
        };
    }
    unreachable!("the tries are counted")
}

/// What the first request names.
async fn first_condition(store: &CloudStore, path: &Path, expected: &Expected) -> Result<Condition, NotPublished> {
    if !store.once.conditional {
        return Ok(Condition::Any);
    }
    Ok(match expected {
        Expected::Absent => Condition::Absent,
        Expected::Version(version) if store.once.can_name(version) => Condition::Version(version.clone()),
        Expected::Version(_) | Expected::Unknown => look(store, path).await.map_err(NotPublished::Store)?.condition(),
    })
}

async fn send(
    store: &CloudStore,
    path: &Path,
    content: Content<'_>,
    condition: &Condition,
    author: &Author,
) -> Result<Option<String>, Error> {
    match content {
        Content::Whole(bytes) => store.once.put(path, bytes.clone(), condition, &author.mark).await,
        Content::Parts(id, parts) => store.once.complete(path, id, parts.to_vec(), condition).await,
    }
}

/// How long to wait before the next try.
pub(super) fn pause(pauses: u32) -> Duration {
    let pause = PAUSE.saturating_mul(2_u32.saturating_pow(pauses)).min(LONGEST_PAUSE);
    pause.mul_f64(0.5 + clock::jitter() / 2.0)
}
