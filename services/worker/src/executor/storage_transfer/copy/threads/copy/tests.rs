//! The fence, and what must be so before a file of the source is deleted.

use super::*;
use crate::attempt::Attempt;
use crate::executor::guarded::Expected;
use crate::executor::storage_transfer::places::folder::file::NAME_TAKEN;
use crate::executor::storage_transfer::places::folder::open_root;
use crate::lease_clock::LeaseClock;
use operation::{AttemptNumber, Fence, Nonce, OperationId, WorkerId};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use uuid::Uuid;

const OLD: Duration = Duration::new(1_700_000_000, 123_456_789);

fn worker() -> WorkerId {
    WorkerId::from_uuid(Uuid::nil())
}

fn fence() -> Fence {
    Fence { id: OperationId::from_uuid(Uuid::nil()), attempt: AttemptNumber(1), nonce: Nonce::from_uuid(Uuid::nil()) }
}

fn halt(clock: &LeaseClock) -> Halt {
    Halt::new(Arc::new(Attempt::new(fence(), &kinds::storage_transfer::INFO, clock.held_by(worker()))))
}

fn root(folder: &Path) -> OwnedFd {
    open_root(folder, Path::new(""), false).unwrap()
}

/// INV-10: a worker that was frozen between its last look at the stop and the rename wakes with a whole file in hand.
#[test]
fn nothing_becomes_visible_or_goes_without_the_lease() {
    let folder = tempfile::tempdir().unwrap();
    let clock = LeaseClock::new(worker());
    let halt = halt(&clock);
    let temporary = Temporary::create(root(folder.path()), fence()).unwrap();
    let whole = root(folder.path());
    let mut folders = Folders::new(whole.as_fd(), true);
    drop(create(&temporary, "0", Mode::RWXU).unwrap());
    fs::write(folder.path().join("there"), "x").unwrap();
    let there = state(&mut folders, "there").unwrap().unwrap();
    for replace in [Replace::Any, Replace::Nothing] {
        let published = publish(&mut folders, &temporary, "0", "new/object", replace, &halt);
        assert!(matches!(published, Err(Miss::Halted)));
    }
    assert!(matches!(delete_from_sink(&mut folders, "there", &halt), Err(Miss::Halted)));
    assert!(matches!(delete_if(&mut folders, "there", &there, &halt), Err(Miss::Halted)));
    assert!(folder.path().join("there").exists() && !folder.path().join("new").exists());
    clock.begin(worker(), Instant::now() + Duration::from_hours(1));
    publish(&mut folders, &temporary, "0", "new/object", Replace::Nothing, &halt).unwrap();
    delete_from_sink(&mut folders, "there", &halt).unwrap();
    assert!(!folder.path().join("there").exists() && folder.path().join("new/object").exists());
    drop(temporary);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "and the temporary folder is gone");
}

/// A source with one file, which was copied to the sink.
struct Moved {
    folder: TempDir,
    entry: Entry,
}

impl Moved {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["source", "sink"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let over = Expected::Absent;
        let entry = Entry { key: "file".to_owned(), size: 5, modified: None, tag: None, md5: None, mode: None, over };
        let moved = Self { folder, entry };
        write(&moved.source(), "moved");
        moved
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source/file")
    }

    fn sink(&self) -> PathBuf {
        self.folder.path().join("sink/file")
    }

    /// Copies the file, lets something happen, and deletes it from the source.
    fn run(&self, replace: Replace, meanwhile: impl FnOnce()) -> Result<(), Miss> {
        let clock = LeaseClock::new(worker());
        clock.begin(worker(), Instant::now() + Duration::from_hours(1));
        let halt = halt(&clock);
        let (source, sink) = (root(self.source().parent().unwrap()), root(self.sink().parent().unwrap()));
        let temporary = Temporary::create(root(self.sink().parent().unwrap()), fence()).unwrap();
        let mut copier = Copier::new(source.as_fd(), sink.as_fd(), &temporary, Mode::from_raw_mode(0o022), &halt, None);
        let Copied { proof, .. } = copier.copy(&self.entry, replace)?;
        assert!(proof.is_some());
        meanwhile();
        copier.delete_from_source(&self.entry.key, proof)
    }
}

/// In its place, with its time as it was: as far as a listing tells, nothing happened.
fn write(path: &Path, bytes: &str) {
    fs::write(path, bytes).unwrap();
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + OLD).unwrap();
}

fn refused(deleted: Result<(), Miss>, because: &str) {
    match deleted {
        Err(Miss::Object(code, details)) => assert_eq!((code, details.as_ref()), (Code::FailedPrecondition, because)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_source_that_was_written_since_its_copy_is_kept() {
    let moved = Moved::new();
    refused(moved.run(Replace::Nothing, || write(&moved.source(), "MOVED")), NOT_THE_SAME);
    assert_eq!(fs::read_to_string(moved.source()).unwrap(), "MOVED");
    // Another file under the same name.
    let moved = Moved::new();
    let replaced = || {
        let other = moved.source().with_file_name("other");
        write(&other, "other");
        fs::rename(other, moved.source()).unwrap();
    };
    refused(moved.run(Replace::Nothing, replaced), NOT_THE_SAME);
    assert_eq!(fs::read_to_string(moved.source()).unwrap(), "other");
}

#[test]
fn a_source_whose_copy_was_written_or_is_gone_is_kept() {
    let moved = Moved::new();
    refused(moved.run(Replace::Nothing, || write(&moved.sink(), "MOVED")), NOT_THE_SAME);
    assert_eq!(fs::read_to_string(moved.source()).unwrap(), "moved");
    let moved = Moved::new();
    refused(moved.run(Replace::Nothing, || fs::remove_file(moved.sink()).unwrap()), NOT_THE_SAME);
    assert_eq!(fs::read_to_string(moved.source()).unwrap(), "moved");
}

/// New rights, a new link, or the same bytes once more: what has changed is compared again.
#[test]
fn a_source_that_was_touched_is_compared_again() {
    for meanwhile in [
        |moved: &Moved| fs::hard_link(moved.source(), moved.source().with_file_name("link")).unwrap(),
        |moved: &Moved| write(&moved.source(), "moved"),
        |moved: &Moved| write(&moved.sink(), "moved"),
        |moved: &Moved| fs::remove_file(moved.source()).unwrap(),
    ] {
        let moved = Moved::new();
        moved.run(Replace::Nothing, || meanwhile(&moved)).unwrap();
        assert!(!moved.source().exists());
        assert_eq!(fs::read_to_string(moved.sink()).unwrap(), "moved");
    }
}

/// A sink that does not tell two names of the source apart shows the second what the first has left there.
#[test]
fn a_name_that_was_not_listed_is_not_taken_from_another_object() {
    let moved = Moved::new();
    write(&moved.sink(), "other");
    refused(moved.run(Replace::Nothing, || {}), NAME_TAKEN);
    assert_eq!(fs::read_to_string(moved.source()).unwrap(), "moved");
    assert_eq!(fs::read_to_string(moved.sink()).unwrap(), "other");
    moved.run(Replace::Any, || {}).unwrap();
    assert_eq!(fs::read_to_string(moved.sink()).unwrap(), "moved");
}
