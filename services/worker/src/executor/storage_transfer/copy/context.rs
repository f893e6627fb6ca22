//! What all batches of one attempt work with.

use super::budget::Budget;
use super::throttle::Throttle;
use crate::executor::guarded::Expected;
use crate::executor::storage_transfer::places::cloud::CloudPlace;
use crate::executor::storage_transfer::places::entry::Entry;
use crate::executor::storage_transfer::places::folder::file::Replace;
use crate::executor::storage_transfer::places::folder::temporary::Temporary;
use crate::executor::storage_transfer::places::halt::Halt;
use crate::executor::storage_transfer::places::http_list::HttpSource;
use crate::executor::storage_transfer::places::miss::Miss;
use crate::work::Work;
use kinds::storage_transfer::{DeleteOption, OverwriteWhen};
use operation::{Code, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, syncfs};
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Objects that stream at a time, within their budget of memory.
const STREAMS: usize = 16;
/// How long a stop waits for the disk before what was moved stays in the source.
const SYNCED_WITHIN: Duration = Duration::from_secs(10);
/// How often a thread that waits for the disk looks at the stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Batches that threads copy at a time: as many as there are processors, and in these bounds.
const THREADS: (usize, usize) = (2, 8);

/// Where objects come from.
pub enum Source {
    /// A folder.
    Folder(OwnedFd),
    /// A part of a bucket in a store.
    Cloud(CloudPlace),
    /// URLs.
    Http(HttpSource),
}

/// Where objects go.
pub enum Sink {
    /// A folder, and where in it files are that are not whole.
    Folder(FolderSink),
    /// A part of a bucket in a store.
    Cloud(CloudPlace),
}

/// A folder that objects go into.
pub struct FolderSink {
    /// The folder.
    pub root: OwnedFd,
    /// Where files are that are not whole.
    pub temporary: Temporary,
    /// What the process takes from the rights of what it makes.
    pub umask: Mode,
}

/// What all batches of one attempt work with.
pub struct Context {
    /// Where objects come from.
    pub source: Source,
    /// Where they go.
    pub sink: Sink,
    /// What stands before the keys of the source where the user is told of them.
    pub source_name: String,
    /// The same of the sink.
    pub sink_name: String,
    /// What is deleted.
    pub delete: Option<DeleteOption>,
    /// When an object that is in the sink is copied again.
    pub overwrite: OverwriteWhen,
    /// How many batches are on their way at a time.
    pub at_a_time: usize,
    /// The memory of what streams.
    pub budget: Budget,
    /// The operator's limit.
    pub throttle: Option<Throttle>,
    /// The stop.
    pub halt: Halt,
}

impl Context {
    /// How many batches there may be on their way between these.
    pub fn at_a_time(source: &Source, sink: &Sink) -> usize {
        if !matches!((source, sink), (Source::Folder(_), Sink::Folder(_))) {
            return STREAMS;
        }
        std::thread::available_parallelism().map_or(THREADS.0, |count| count.get().clamp(THREADS.0, THREADS.1))
    }

    /// Whether batches are carried out by threads: from folder to folder.
    pub fn on_threads(&self) -> bool {
        self.folders().is_some()
    }

    /// The two folders, where both sides are.
    pub fn folders(&self) -> Option<(BorrowedFd<'_>, &FolderSink)> {
        match (&self.source, &self.sink) {
            (Source::Folder(source), Sink::Folder(sink)) => Some((source.as_fd(), sink)),
            (Source::Folder(_) | Source::Cloud(_) | Source::Http(_), _) => None,
        }
    }

    /// The hosts that an object of this key is read from, and written to.
    pub fn hosts<'a>(&'a self, key: &'a str) -> [Option<&'a str>; 2] {
        let source = match &self.source {
            Source::Folder(_) => None,
            Source::Cloud(place) => Some(place.host.as_str()),
            Source::Http(_) => key.split('/').next(),
        };
        let sink = match &self.sink {
            Sink::Folder(_) => None,
            Sink::Cloud(place) => Some(place.host.as_str()),
        };
        [source, sink]
    }

    /// Whether objects are deleted from the source once they are in the sink.
    pub fn moves(&self) -> bool {
        self.delete == Some(DeleteOption::FromSourceAfterTransfer)
    }

    /// What a copy may replace. In a move, an object that has appeared in the sink since it was listed stays.
    pub fn replaces(&self, entry: &Entry) -> Replace {
        if entry.over != Expected::Absent || !self.moves() { Replace::Any } else { Replace::Nothing }
    }

    /// Whether what was written must be synced to be durable.
    pub const fn syncs(&self) -> bool {
        matches!(self.sink, Sink::Folder(_))
    }

    /// Makes all that was written durable, with the names, before objects are deleted from the source. A thread waits here
    /// for the whole file system, whoever writes to it: a stop does not wait for that.
    ///
    /// # Errors
    /// [`Miss`]: nothing may be deleted.
    pub fn sync_or_halt(&self) -> Result<(), Miss> {
        let Sink::Folder(sink) = &self.sink else { return Ok(()) };
        self.halt.before_effect()?;
        let root = sink.root.try_clone().map_err(|error| not_synced(&error))?;
        let (done, synced) = mpsc::channel();
        Work::flush(move || done.send(syncfs(&root)));
        wait_for_disk(&synced, &self.halt, SYNCED_WITHIN)
    }

    /// Makes all that was written durable, with the names.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&self) -> io::Result<()> {
        match &self.sink {
            Sink::Folder(sink) => Ok(syncfs(&sink.root)?),
            Sink::Cloud(_) => Ok(()),
        }
    }
}

/// The folder that is the sink.
pub fn folder_of(context: &Context) -> Result<&FolderSink, Miss> {
    match &context.sink {
        Sink::Folder(sink) => Ok(sink),
        Sink::Cloud(_) => Err(Miss::All(Failure::fatal(Code::Internal, "the sink is no folder"))),
    }
}

/// Waits for a sync; for so long also after a stop, but not where the attempt may not act any more.
fn wait_for_disk(synced: &mpsc::Receiver<rustix::io::Result<()>>, halt: &Halt, within: Duration) -> Result<(), Miss> {
    let mut stopped = None;
    loop {
        match synced.recv_timeout(LOOK_EVERY) {
            Ok(synced) => return synced.map_err(|error| not_synced(&error.into())),
            Err(RecvTimeoutError::Disconnected) => return Err(not_synced(&io::Error::other("the sync died"))),
            Err(RecvTimeoutError::Timeout) => {}
        }
        halt.before_effect()?;
        if let Err(halted) = halt.within_object()
            && stopped.get_or_insert_with(Instant::now).elapsed() >= within
        {
            tracing::warn!("the disk did not follow in time: what was copied stays in the source too");
            return Err(halted.into());
        }
    }
}

fn not_synced(error: &io::Error) -> Miss {
    tracing::warn!(%error, "the sink's disk could not be synced");
    Miss::All(Failure::passing("the sink's disk could not be synced"))
}

/// What this process takes from the rights of what it makes. It can't be asked for without being set, but by `/proc`.
pub fn umask() -> Mode {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let told = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let bits = told.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok());
    // All of it: then each file is given its rights expressly.
    Mode::from_raw_mode(bits.unwrap_or(0o777))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Attempt, Stop};
    use crate::lease_clock::LeaseClock;
    use operation::{AttemptNumber, Fence, Nonce, OperationId, WorkerId};
    use std::sync::Arc;
    use uuid::Uuid;

    fn attempt() -> Arc<Attempt> {
        let worker = WorkerId::from_uuid(Uuid::nil());
        let clock = LeaseClock::new(worker);
        clock.begin(worker, Instant::now() + Duration::from_hours(1));
        let (id, nonce) = (OperationId::from_uuid(Uuid::nil()), Nonce::from_uuid(Uuid::nil()));
        let fence = Fence { id, attempt: AttemptNumber(1), nonce };
        Arc::new(Attempt::new(fence, &kinds::storage_transfer::INFO, clock.held_by(worker)))
    }

    /// A disk that does not follow must not hold up a stop, or its worker would be given up.
    #[test]
    fn a_stop_does_not_wait_for_a_disk_that_does_not_follow() {
        let (done, synced) = mpsc::channel();
        let stopped = attempt();
        let halt = Halt::new(stopped.clone());
        stopped.stop(Stop::Cancel);
        assert!(matches!(wait_for_disk(&synced, &halt, Duration::ZERO), Err(Miss::Halted)));
        let cut_off = attempt();
        cut_off.cut_off();
        let halt = Halt::new(cut_off);
        assert!(matches!(wait_for_disk(&synced, &halt, Duration::from_hours(1)), Err(Miss::Halted)));
        done.send(Ok(())).unwrap();
        assert!(wait_for_disk(&synced, &Halt::new(stopped), Duration::ZERO).is_ok(), "it had followed");
        drop(done);
        assert!(matches!(wait_for_disk(&synced, &Halt::new(attempt()), Duration::ZERO), Err(Miss::All(_))));
    }
}
