//! What became of a batch.

pub mod ledger;
pub mod note;

use super::places::entry::{Broken, Entry};
use kinds::storage_transfer::TransferCounters;
use ledger::Done;
use operation::{Code, Failure};

/// Something that went wrong with one object.
#[derive(Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its key.
    pub key: String,
    /// Whether it is the sink's object.
    pub in_sink: bool,
    /// The error's code.
    pub code: Code,
    /// What went wrong.
    pub details: String,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Report {
    /// Its number in the ledger.
    pub id: u64,
    /// How far it has come.
    pub done: Done,
    /// What was counted on the way.
    pub counters: TransferCounters,
    /// What went wrong with single objects.
    pub troubles: Vec<Trouble>,
    /// What ended it, if it was not a stop.
    pub failure: Option<Failure>,
}

impl Report {
    /// Nothing is done yet.
    pub fn new(id: u64) -> Self {
        Self { id, done: Done::Nothing, counters: TransferCounters::default(), troubles: Vec::new(), failure: None }
    }

    /// An object went into the sink.
    pub const fn copied(&mut self, bytes: u64) {
        self.counters.objects_found_from_source += 1;
        self.counters.bytes_found_from_source += bytes;
        self.counters.objects_copied_to_sink += 1;
        self.counters.bytes_copied_to_sink += bytes;
    }

    /// An object did not.
    pub fn not_copied(&mut self, entry: &Entry, code: Code, details: impl Into<String>) {
        self.counters.objects_found_from_source += 1;
        self.counters.bytes_found_from_source += entry.size;
        self.counters.objects_from_source_failed += 1;
        self.counters.bytes_from_source_failed += entry.size;
        self.trouble(&entry.key, false, code, details);
    }

    /// What became of an object that was to be deleted from the sink.
    pub fn deleted(&mut self, entry: &Entry, deleted: Result<(), (Code, String)>) {
        self.counters.objects_found_only_from_sink += 1;
        self.counters.bytes_found_only_from_sink += entry.size;
        match deleted {
            Ok(()) => {
                self.counters.objects_deleted_from_sink += 1;
                self.counters.bytes_deleted_from_sink += entry.size;
            }
            Err((code, details)) => {
                self.counters.objects_failed_to_delete_from_sink += 1;
                self.counters.bytes_failed_to_delete_from_sink += entry.size;
                self.trouble(&entry.key, true, code, details);
            }
        }
    }

    /// The result of the delete of a source object; `None` if it was not to be deleted.
    pub fn record_move(&mut self, entry: &Entry, deleted: Option<Result<(), (Code, String)>>) {
        match deleted {
            None => {}
            Some(Ok(())) => {
                self.counters.objects_deleted_from_source += 1;
                self.counters.bytes_deleted_from_source += entry.size;
            }
            Some(Err((code, details))) => self.trouble(&entry.key, false, code, details),
        }
    }

    /// An object that stays as it is in the sink.
    pub const fn skipped(&mut self, entry: &Entry) {
        self.counters.objects_from_source_skipped_by_sync += 1;
        self.counters.bytes_from_source_skipped_by_sync += entry.size;
    }

    /// Something that can't be transferred.
    pub fn broken(&mut self, broken: &Broken) {
        self.counters.objects_found_from_source += 1;
        self.counters.objects_from_source_failed += 1;
        self.trouble(&broken.key, false, broken.code, broken.details.clone());
    }

    /// A folder was found, and read.
    pub const fn folder(&mut self) {
        self.counters.directories_found_from_source += 1;
        self.counters.directories_successfully_listed_from_source += 1;
    }

    /// A folder was found, and can't be read.
    pub fn unlisted(&mut self, broken: &Broken) {
        self.counters.directories_found_from_source += 1;
        self.counters.directories_failed_to_list_from_source += 1;
        self.trouble(&broken.key, false, broken.code, broken.details.clone());
    }

    fn trouble(&mut self, key: &str, in_sink: bool, code: Code, details: impl Into<String>) {
        self.troubles.push(Trouble { key: key.to_owned(), in_sink, code, details: details.into() });
    }
}
