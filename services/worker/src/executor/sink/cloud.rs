//! A bucket in S3 or GCS: an upload in parts, completed at the end.

use super::{part_size, wait};
use crate::executor::guarded::{self, Author, CloudStore, Content, Expected, NotPublished, look, publish};
use crate::safepoint::{Ended, Safepoint};
use crate::work::Work;
use bytes::{Bytes, BytesMut};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Error, MultipartId};
use operation::{Cleanup, CleanupStatus, Code, Failure, Progress};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::sleep;

/// How many parts are on their way at a time; one more is being filled.
const IN_FLIGHT: usize = 2;
/// How long an end waits for a store to abort an upload.
const DISCARDED_WITHIN: Duration = Duration::from_secs(10);

/// What the next attempt needs to know of this one: its upload, lest its parts lie in the bucket for ever.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Checkpoint {
    /// The object's path in the store.
    path: String,
    /// The ids of uploads not known to be gone.
    uploads: Vec<MultipartId>,
}

/// An object on its way to a cloud store. While its upload is open, dropping this aborts it in the background.
pub(super) struct CloudSink {
    bucket: String,
    store: CloudStore,
    path: Path,
    author: Author,
    /// What the object replaces, as far as it was seen.
    expected: Expected,
    stage: Stage,
    /// Uploads of earlier attempts that could not be aborted.
    left_over: Vec<MultipartId>,
    work: Work,
    in_flight: JoinSet<Uploaded>,
    parts: Vec<Option<PartId>>,
    written: u64,
    spare: Option<BytesMut>,
}

/// How far the object is.
enum Stage {
    /// Not one part is full.
    Start,
    /// The request for an upload is on its way. It may succeed unheard: only its answer tells what is to be aborted.
    Beginning(JoinHandle<object_store::Result<MultipartId>>),
    /// The upload with this id is open.
    Open(MultipartId),
    /// All there is fits one request, which is made at the end.
    Small(Bytes),
    /// The request to complete this upload was made, and its answer is not known, or bad.
    Completing(MultipartId),
    /// The one request was made, and its answer is not known, or bad.
    Putting,
    /// Published, or aborted.
    Over,
}

struct Uploaded {
    index: usize,
    bytes: u64,
    part: object_store::Result<PartId>,
    buffer: Bytes,
}

impl CloudSink {
    /// Aborts what earlier attempts left open. The upload of this one begins with its first full part.
    pub(super) async fn open(bucket: &str, store: CloudStore, path: Path, cx: &Safepoint) -> Result<Self, Ended> {
        let former: Checkpoint = cx.checkpoint()?.unwrap_or_default();
        let aborting = Work::clean_up(abort_former(store.clone(), bucket.to_owned(), former));
        // Dropped at a stop, the wait leaves the task to finish; the checkpoint still names the uploads.
        let left_over = wait(cx, "aborting earlier uploads", Progress::default(), aborting).await?.unwrap_or_default();
        if !left_over.is_empty() && !store.once.completes_conditionally() {
            // Completed late, it would replace this attempt's object.
            return Err(Failure::passing("an upload of an earlier attempt could not be aborted").into());
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            store,
            path,
            author: Author::new(cx.fence(), cx.lease()),
            expected: Expected::Unknown,
            stage: Stage::Start,
            left_over,
            work: cx.work().clone(),
            in_flight: JoinSet::new(),
            parts: Vec::new(),
            written: 0,
            spare: None,
        })
    }

    pub(super) fn part_size(&self) -> usize {
        part_size::of_part(self.parts.len())
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) async fn write(
        &mut self,
        cx: &Safepoint,
        progress: Progress,
        part: BytesMut,
    ) -> Result<BytesMut, Ended> {
        let index = self.parts.len();
        if index >= part_size::MOST_PARTS {
            let message = "the export is larger than 460 GiB, the most that one object takes: export it in pieces";
            return Err(Failure::fatal(Code::OutOfRange, message).into());
        }
        let id = self.begin(cx, progress).await?;
        self.settle(cx, progress, IN_FLIGHT - 1).await?;
        self.parts.push(None);
        let (uploads, path, buffer) = (self.store.uploads.clone(), self.path.clone(), part.freeze());
        self.work.spawn_in(&mut self.in_flight, async move {
            let part = uploads.put_part(&path, &id, index, buffer.clone().into()).await;
            Uploaded { index, bytes: buffer.len() as u64, part, buffer }
        });
        Ok(self.spare.take().unwrap_or_default())
    }

    /// The id of the open upload. It is stored durably before the first part is sent.
    async fn begin(&mut self, cx: &Safepoint, progress: Progress) -> Result<MultipartId, Ended> {
        if let Stage::Open(id) = &self.stage {
            return Ok(id.clone());
        }
        let (store, path, author) = (self.store.clone(), self.path.clone(), self.author.clone());
        // Nobody sees an upload that begins, and only its answer tells what is to be aborted: it goes on after a stop.
        let beginning = Work::clean_up(async move { author.begin_upload(&store, &path).await });
        // Known to whoever drops this while it waits.
        self.stage = Stage::Beginning(beginning);
        let Stage::Beginning(beginning) = &mut self.stage else { return Err(out_of_order().into()) };
        let begun = wait(cx, "waiting for the upload to begin", progress, beginning).await?;
        self.stage = Stage::Start;
        let id = begun.map_err(|error| died(&error))?.map_err(|error| failure(&self.bucket, &error))?;
        self.stage = Stage::Open(id.clone());
        let uploads = self.left_over.iter().chain([&id]).cloned().collect();
        cx.save(&Checkpoint { path: self.path.to_string(), uploads }).await?;
        Ok(id)
    }

    /// Waits until no more than `most` parts are on their way.
    async fn settle(&mut self, cx: &Safepoint, progress: Progress, most: usize) -> Result<(), Ended> {
        while self.in_flight.len() > most {
            let uploaded = wait(cx, "waiting for a part to be uploaded", progress, self.in_flight.join_next()).await?;
            let Some(uploaded) = uploaded else { break };
            let Uploaded { index, bytes, part, buffer } = uploaded.map_err(|error| died(&error))?;
            self.parts[index] = Some(part.map_err(|error| failure(&self.bucket, &error))?);
            self.written += bytes;
            self.spare = buffer.try_into_mut().ok().map(|mut buffer| {
                buffer.clear();
                buffer
            });
        }
        Ok(())
    }

    pub(super) async fn seal(&mut self, cx: &Safepoint, progress: Progress, last: BytesMut) -> Result<(), Ended> {
        if matches!(self.stage, Stage::Start) {
            self.written = last.len() as u64;
            self.stage = Stage::Small(last.freeze());
        } else {
            if !last.is_empty() {
                self.write(cx, progress, last).await?;
            }
            self.settle(cx, progress, 0).await?;
        }
        self.look(cx, progress).await
    }

    /// Looks at what the object will replace. Before the commit point: what follows it is to be one request.
    async fn look(&mut self, cx: &Safepoint, progress: Progress) -> Result<(), Ended> {
        if !self.store.once.conditional {
            return Ok(());
        }
        let looking = look(&self.store, &self.path);
        let found = wait(cx, "looking at what is to be replaced", progress, looking).await?;
        self.expected = Expected::from(found.map_err(|error| failure(&self.bucket, &error))?);
        Ok(())
    }

    pub(super) async fn publish(&mut self, cx: &Safepoint) -> Result<(), Ended> {
        let (store, path, expected, author) = (&self.store, &self.path, &self.expected, &self.author);
        let published = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Small(whole) => {
                self.stage = Stage::Putting;
                publish(store, path, Content::Whole(&whole), expected, true, author).await
            }
            Stage::Open(id) => {
                self.stage = Stage::Completing(id.clone());
                let parts: Vec<_> = self.parts.iter().flatten().cloned().collect();
                publish(store, path, Content::Parts(&id, &parts), expected, true, author).await
            }
            Stage::Start | Stage::Beginning(_) | Stage::Completing(_) | Stage::Putting | Stage::Over => {
                return Err(out_of_order().into());
            }
        };
        published.map_err(|error| not_published(&self.bucket, &error, cx))?;
        self.stage = Stage::Over;
        Ok(())
    }

    pub(super) async fn abort(&mut self) -> Cleanup {
        // A part that arrives after the abort would stay: first no part is on its way any more.
        self.in_flight.shutdown().await;
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let discarding = Work::clean_up(discard(self.store.clone(), self.bucket.clone(), self.path.clone(), stage));
        let left = tokio::select! {
            biased;
            left = discarding => left.unwrap_or_else(|_| Some(self.path.to_string())),
            // The requests go on in the background. The next attempt, if there is one, tries again.
            () = sleep(DISCARDED_WITHIN) => Some(format!("{} (an upload)", self.path)),
        };
        let status = if left.is_none() { CleanupStatus::Removed } else { CleanupStatus::Unknown };
        Cleanup { status, outputs: left.into_iter().collect() }
    }
}

impl Drop for CloudSink {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let open = matches!(stage, Stage::Open(_) | Stage::Beginning(_) | Stage::Completing(_));
        if open && tokio::runtime::Handle::try_current().is_ok() {
            Work::clean_up(discard(self.store.clone(), self.bucket.clone(), self.path.clone(), stage));
        }
    }
}

/// Aborts what is open at a stage; returns the name of what may be left.
async fn discard(store: CloudStore, bucket: String, path: Path, stage: Stage) -> Option<String> {
    match stage {
        Stage::Start | Stage::Small(_) | Stage::Over => None,
        Stage::Beginning(beginning) => match beginning.await {
            Ok(Ok(id)) => discard_upload(&store, &bucket, &path, &id).await,
            // It may have begun, and its answer is lost with its id: the store's own rule for old uploads takes it.
            Ok(Err(_)) | Err(_) => Some(format!("{path} (an upload)")),
        },
        Stage::Open(id) => discard_upload(&store, &bucket, &path, &id).await,
        // An upload that is not there may have been completed: then the object is, whole.
        Stage::Completing(id) => match abort_upload(&store, &bucket, &path, &id).await {
            Aborted::Now => None,
            Aborted::NotThere | Aborted::Unknown => Some(format!("{path} (upload {id})")),
        },
        Stage::Putting => Some(path.to_string()),
    }
}

async fn discard_upload(store: &CloudStore, bucket: &str, path: &Path, id: &MultipartId) -> Option<String> {
    match abort_upload(store, bucket, path, id).await {
        Aborted::Now | Aborted::NotThere => None,
        Aborted::Unknown => Some(format!("{path} (upload {id})")),
    }
}

/// What became of an upload that was to be aborted.
enum Aborted {
    /// It was open.
    Now,
    /// It was completed, aborted before, or has expired.
    NotThere,
    /// The store did not answer, or refused.
    Unknown,
}

/// Aborts the uploads of earlier attempts, whose workers are fenced; returns those that may still be open.
async fn abort_former(store: CloudStore, bucket: String, former: Checkpoint) -> Vec<MultipartId> {
    let Ok(path) = Path::parse(&former.path) else { return Vec::new() };
    let mut left_over = Vec::new();
    for id in former.uploads {
        match abort_upload(&store, &bucket, &path, &id).await {
            Aborted::Now | Aborted::NotThere => {}
            Aborted::Unknown => left_over.push(id),
        }
    }
    left_over
}

async fn abort_upload(store: &CloudStore, bucket: &str, path: &Path, id: &MultipartId) -> Aborted {
    match store.uploads.abort_multipart(path, id).await {
        Ok(()) => Aborted::Now,
        Err(Error::NotFound { .. }) => Aborted::NotThere,
        Err(error) => {
            tracing::warn!(bucket, upload = id, %error, "an upload could not be aborted");
            Aborted::Unknown
        }
    }
}

fn died(error: &JoinError) -> Failure {
    tracing::error!(%error, "an upload's request died");
    Failure { code: Code::Internal, message: "an upload's request died".to_owned(), retryable: true }
}

fn out_of_order() -> Failure {
    Failure::fatal(Code::Internal, "the output was published before it was whole")
}

/// What it means that an object is not visible.
pub(super) fn not_published(bucket: &str, error: &NotPublished, cx: &Safepoint) -> Ended {
    let why = |code, why| Failure::fatal(code, format!("the bucket {bucket}: {why}")).into();
    match error {
        NotPublished::NotHeld => cx.attempt().halted_by().into(),
        NotPublished::TakenOver => cx.attempt().taken_over().into(),
        NotPublished::Occupied => why(Code::AlreadyExists, "an object of this name exists"),
        NotPublished::Hidden => why(Code::PermissionDenied, guarded::HIDDEN),
        NotPublished::Unsupported => why(Code::FailedPrecondition, guarded::UNSUPPORTED),
        NotPublished::UploadGone => Failure::passing(format!("the bucket {bucket}: {}", guarded::UPLOAD_GONE)).into(),
        NotPublished::Store(error) => failure(bucket, error).into(),
    }
}

/// What a failed request means to the user.
pub(super) fn failure(bucket: &str, error: &Error) -> Failure {
    tracing::warn!(bucket, %error, "the bucket's store failed");
    if matches!(error, Error::NotFound { .. }) {
        Failure::fatal(Code::NotFound, format!("the bucket {bucket} is not there in its store"))
    } else if matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) {
        Failure::fatal(Code::PermissionDenied, format!("the bucket {bucket} refuses the worker's credentials"))
    } else {
        Failure::passing(format!("the bucket {bucket} could not be written"))
    }
}
