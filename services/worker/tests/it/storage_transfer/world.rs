//! Folders and buckets to transfer between, and attempts that stand in a real store.

use kinds::Parameters;
use kinds::storage_transfer::{
    StorageTransfer, TransferConditions, TransferCounters, TransferOptions, TransferPosition, TransferSink,
    TransferSource,
};
use md5::{Digest, Md5};
use operation::{CancelMode, Failure, LeaseTerms, OperationId, RetryPolicy, Road, WorkerId};
use runtime::config::{Bucket, Config, Folder};
use safepoint_worker::attempt::{Attempt, Stop};
use safepoint_worker::executor::storage_transfer;
use safepoint_worker::lease_clock::LeaseClock;
use safepoint_worker::safepoint::{Ended, Safepoint};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use store::{Claimed, Ending, Finished, NewOperation, Requester, Retry};
use tempfile::TempDir;
use testkit::{TestDatabase, eventually};
use tokio::task::JoinHandle;
use url::Url;
use uuid::Uuid;

pub use crate::fixture::{at, json, project};

/// How long a promise may take on a slow machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// When the files of tests were changed: long ago, and to the nanosecond.
pub const OLD: Duration = Duration::new(1_700_000_000, 123_456_789);

/// What one test works with: the configured folder, and in it `source` and `sink`.
pub struct World {
    pub store: TestDatabase,
    pub folder: TempDir,
    pub config: Config,
    worker: WorkerId,
}

impl World {
    pub async fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap()).await
    }

    /// In this folder.
    pub async fn within(folder: TempDir) -> Self {
        fs::create_dir(folder.path().join("source")).unwrap();
        let config = Config {
            folders: vec![Folder { path: folder.path().to_owned(), projects: vec![project()] }],
            buckets: vec![
                Bucket::new("from", url(&folder.path().join("source")), vec![project()]),
                Bucket::new("into", url(&folder.path().join("sink")), vec![project()]),
            ],
            ..Config::default()
        };
        let world =
            Self { store: TestDatabase::create().await, folder, config, worker: WorkerId::from_uuid(Uuid::new_v4()) };
        let terms = LeaseTerms::new(Duration::from_mins(1), Duration::from_hours(1)).unwrap();
        world.store.store().register_worker(world.worker, "test", terms).await.unwrap();
        world
    }

    /// At so many bytes a second.
    pub fn slowly(mut self, per_second: u64) -> Self {
        self.config.worker.transfer_bytes_per_second = Some(per_second);
        self
    }

    pub fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    pub fn sink(&self) -> PathBuf {
        self.folder.path().join("sink")
    }

    /// Writes an old file of the source.
    pub fn put(&self, key: &str, content: &[u8]) {
        put(&self.source().join(key), content, OLD);
    }

    /// Everything from `source` to `sink`.
    pub fn spec(&self) -> StorageTransfer {
        StorageTransfer {
            job: None,
            source: TransferSource::Folder(self.source().to_str().unwrap().to_owned()),
            sink: TransferSink::Folder(self.sink().to_str().unwrap().to_owned()),
            conditions: TransferConditions::default(),
            options: TransferOptions::default(),
            notification: None,
        }
    }

    /// A first attempt at everything from `source` to `sink`.
    pub async fn transfer(&self) -> Run {
        self.begin(self.spec()).await
    }

    /// A first attempt.
    pub async fn begin(&self, spec: StorageTransfer) -> Run {
        let id = OperationId::from_uuid(Uuid::now_v7());
        let retry = RetryPolicy { failure_limit: 3, ..RetryPolicy::default() };
        let new = NewOperation { retry, ..testkit::new_operation(id, project().as_str(), spec.clone().to_spec()) };
        self.store.store().create(&new).await.unwrap();
        self.claim(spec).await
    }

    async fn claim(&self, spec: StorageTransfer) -> Run {
        self.claim_as(self.worker, spec).await
    }

    async fn claim_as(&self, worker: WorkerId, spec: StorageTransfer) -> Run {
        let claimed = self.store.store().claim(worker, &kinds::storage_transfer::KIND, 1, "").await.unwrap().operations;
        let [Claimed { fence, checkpoint, .. }] = claimed.try_into().expect("one operation waits");
        let clock = LeaseClock::new(worker);
        clock.begin(worker, Instant::now() + Duration::from_hours(1));
        let attempt = Arc::new(Attempt::new(fence, &kinds::storage_transfer::INFO, clock.held_by(worker)));
        let cx = Safepoint::new(Arc::clone(&attempt), project(), self.store.store(), checkpoint);
        let config = self.config.clone();
        Run { spec, config, store: self.store.store(), attempt, cx: Arc::new(cx), clock, worker }
    }

    /// Gives the operation back as a drained worker does, and claims it again: the next attempt.
    pub async fn again(&self, run: Run) -> Run {
        self.finish(&run, Ending::Released).await;
        self.claim(run.spec).await
    }

    /// Resumes it, paused as it is.
    pub async fn resume(&self, run: Run) -> Run {
        self.finish(&run, Ending::Paused).await;
        self.store.store().resume(&at(run.attempt.fence.id), &testkit::actor("me")).await.unwrap();
        self.claim(run.spec).await
    }

    /// Another operation that retries this one, which has ended.
    pub async fn retry(&self, run: Run) -> Run {
        let id = OperationId::from_uuid(Uuid::now_v7());
        let retry = Retry { id, trace_parent: None, request: None, by: testkit::actor("me") };
        self.store.store().retry(&at(run.attempt.fence.id), &retry).await.unwrap();
        self.claim(run.spec).await
    }

    /// The next attempt after this one's worker died: what it had stored is all that is known of it.
    pub async fn take_over(&self, run: Run, stored: Option<TransferPosition>) -> Run {
        if let Some(stored) = stored {
            run.cx.save(&stored).await.unwrap();
        }
        let client = self.store.client().await;
        let id = run.attempt.fence.id.as_uuid();
        let swept =
            "UPDATE operations SET state = 'PENDING', worker_id = NULL, nonce = NULL, failures = 1 WHERE id = $1";
        client.execute(swept, &[&id]).await.unwrap();
        let terms = LeaseTerms::new(Duration::from_mins(1), Duration::from_mins(10)).unwrap();
        let worker = WorkerId::from_uuid(Uuid::new_v4());
        self.store.store().register_worker(worker, "test", terms).await.unwrap();
        self.claim_as(worker, run.spec).await
    }

    /// Attempts until one succeeds, as the product makes them; the last one, and how many there were.
    pub async fn to_the_end(&self, mut run: Run) -> (Run, u32) {
        for attempts in 1.. {
            match run.go().await {
                Ok(_) => return (run, attempts),
                Err(Ended::Failure(failure)) => assert!(failure.retryable, "{failure:?}"),
                Err(stop) => panic!("{stop:?}"),
            }
            run = self.again(run).await;
        }
        unreachable!("it succeeds")
    }

    /// Writes an end, as the runner does.
    pub async fn finish(&self, run: &Run, ending: Ending) {
        if matches!(ending, Ending::Cancelled) {
            let requester = Requester { by: testkit::actor("me"), reason: None, mode: CancelMode::Now };
            self.store.store().cancel(&at(run.attempt.fence.id), &requester).await.unwrap();
        }
        let position = run.attempt.position().clone();
        let finished = Finished {
            fence: run.attempt.fence,
            ending,
            progress: position.progress,
            checkpoint: position.checkpoint,
            delivered: None,
            observed: None,
            cleanup: None,
            ended_by: None,
        };
        assert_eq!(self.store.store().finish(&[finished]).await.unwrap().len(), 1, "the fence stands");
    }

    /// Both sides hold the same, and the sink nothing else.
    pub fn is_equal(&self) {
        assert_eq!(sums(&self.source()), sums(&self.sink()));
    }
}

/// One attempt.
pub struct Run {
    pub spec: StorageTransfer,
    pub config: Config,
    pub store: store::Store,
    pub attempt: Arc<Attempt>,
    pub cx: Arc<Safepoint>,
    pub clock: LeaseClock,
    pub worker: WorkerId,
}

impl Run {
    pub async fn go(&self) -> Result<Value, Ended> {
        storage_transfer::run(&self.spec, &project(), &self.config, &self.store, &self.cx).await.map(json)
    }

    /// The counters of an attempt that succeeds.
    pub async fn succeeds(&self) -> TransferCounters {
        self.go().await.unwrap_or_else(|ended| panic!("{ended:?} {:?}", self.position()));
        self.counters()
    }

    /// The failure of an attempt that fails.
    pub async fn fails(&self) -> Failure {
        match self.go().await {
            Err(Ended::Failure(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// Runs it in a task of its own, to be stopped from outside.
    pub fn start(&self) -> JoinHandle<Result<Value, Ended>> {
        let (spec, config, store) = (self.spec.clone(), self.config.clone(), self.store.clone());
        let cx = Arc::clone(&self.cx);
        self.attempt
            .work()
            .spawn(async move { storage_transfer::run(&spec, &project(), &config, &store, &cx).await.map(json) })
    }

    pub fn cancel(&self, mode: CancelMode) {
        self.attempt.deliver_cancel(Road::Push, mode);
    }

    /// Its checkpoint.
    pub fn position(&self) -> TransferPosition {
        let checkpoint = self.attempt.position().checkpoint.clone();
        checkpoint.map(|checkpoint| serde_json::from_value(checkpoint).unwrap()).unwrap_or_default()
    }

    pub fn counters(&self) -> TransferCounters {
        self.position().counters
    }

    /// Codes and counts of its errors.
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.position().errors.into_iter().map(|summary| (summary.code, summary.count)).collect()
    }
}

/// What a cancelled attempt says.
pub async fn cancelled(task: JoinHandle<Result<Value, Ended>>) {
    stopped(task, Stop::Cancel).await;
}

pub async fn stopped(task: JoinHandle<Result<Value, Ended>>, by: Stop) {
    let ended = tokio::time::timeout(PATIENCE, task).await.expect("it ends").unwrap();
    assert!(matches!(&ended, Err(Ended::Stop(stop)) if *stop == by), "{ended:?}");
}

/// Waits until so many files are in a folder.
pub async fn until_there(folder: &Path, count: usize) {
    eventually("files are there", PATIENCE, || async { (whole(folder).len() >= count).then_some(()) }).await;
}

pub fn url(folder: &Path) -> String {
    Url::from_directory_path(folder).unwrap().into()
}

pub fn put(path: &Path, content: &[u8], changed: Duration) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    age(path, changed);
}

/// Says when a file was changed.
pub fn age(path: &Path, changed: Duration) {
    fs::File::options().append(true).open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH + changed).unwrap();
}

/// All files of a folder, by their keys; temporary ones too.
pub fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else {
                let key = entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(key, entry.path());
            }
        }
    }
    found
}

/// The keys of those that are not temporary.
pub fn whole(folder: &Path) -> Vec<String> {
    files(folder).into_keys().filter(|key| !key.starts_with(".safepoint-")).collect()
}

/// The bytes of all files of a folder, in short.
pub fn sums(folder: &Path) -> BTreeMap<String, (u64, [u8; 16])> {
    let sum = |path: PathBuf| {
        let mut hash = Md5::new();
        let mut file = fs::File::open(path).unwrap();
        let mut block = vec![0; 1024 * 1024];
        let mut size = 0;
        while let count @ 1.. = std::io::Read::read(&mut file, &mut block).unwrap() {
            hash.update(&block[..count]);
            size += count as u64;
        }
        (size, hash.finalize().into())
    };
    files(folder).into_iter().map(|(key, path)| (key, sum(path))).collect()
}

/// Nothing of ours that is not whole is in a folder.
pub fn is_tidy(folder: &Path) {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with(".safepoint-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Bytes that differ from file to file.
pub fn content(seed: usize, size: usize) -> Vec<u8> {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..size).map(|_| next()).collect()
}
