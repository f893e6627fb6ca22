//! How far a transfer has come: its checkpoint, which the api reads as well, for the vendor's counters.

use operation::{Code, OperationId};
use serde::{Deserialize, Serialize};

/// How many examples are kept of each code (google.storagetransfer.v1.ErrorSummary).
const MOST_EXAMPLES: usize = 5;

/// The checkpoint of a transfer: the whole of it is stored with each step, so it stays small whatever is transferred.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TransferPosition {
    /// The operation that it is of: one that retries another begins with the other's, and anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<OperationId>,
    /// The name of the last object of the listing, in the order of bytes, before and with which all is done, but for what
    /// is `pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Where, before the cursor, something is not done: as many spans as objects are copied at a time, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<TransferSpan>,
    /// What was counted: everything up to the cursor that is not pending, once.
    pub counters: TransferCounters,
    /// What went wrong, by code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorSummary>,
    /// Uploads in parts that may be open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<TransferUpload>,
}

impl TransferPosition {
    /// Counts something that went wrong with one object.
    pub fn failed(&mut self, code: Code, url: String, details: String) {
        let name = code.name();
        let known = self.errors.iter().position(|summary| summary.code == name);
        let at = known.unwrap_or_else(|| {
            self.errors.push(ErrorSummary { code: name.to_owned(), count: 0, examples: Vec::new() });
            self.errors.len() - 1
        });
        let summary = &mut self.errors[at];
        summary.count += 1;
        if summary.examples.len() < MOST_EXAMPLES {
            summary.examples.push(ErrorExample { url, details });
        }
    }
}

/// A span of names, in the order of bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferSpan {
    /// The name that it begins after; empty for the beginning.
    pub after: String,
    /// The last name in it.
    pub to: String,
}

impl TransferSpan {
    /// Whether a name lies in it.
    pub fn holds(&self, name: &str) -> bool {
        self.after.as_str() < name && name <= self.to.as_str()
    }
}

/// An upload that the store keeps until it is completed or aborted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferUpload {
    /// The object's full path in the store.
    pub path: String,
    /// The upload's id.
    pub id: String,
}

/// What went wrong with one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorSummary {
    /// The name of the [`Code`].
    pub code: String,
    /// How often.
    pub count: u64,
    /// The first few.
    pub examples: Vec<ErrorExample>,
}

/// One object that something went wrong with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorExample {
    /// The object, as the user knows it.
    pub url: String,
    /// What went wrong. No secret, and no path of ours.
    pub details: String,
}

/// What was found and done (google.storagetransfer.v1.TransferCounters; those of them that can be other than 0).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are the vendor's, and tell it")]
pub struct TransferCounters {
    pub objects_found_from_source: u64,
    pub bytes_found_from_source: u64,
    pub objects_found_only_from_sink: u64,
    pub bytes_found_only_from_sink: u64,
    pub objects_from_source_skipped_by_sync: u64,
    pub bytes_from_source_skipped_by_sync: u64,
    pub objects_copied_to_sink: u64,
    pub bytes_copied_to_sink: u64,
    pub objects_deleted_from_source: u64,
    pub bytes_deleted_from_source: u64,
    pub objects_deleted_from_sink: u64,
    pub bytes_deleted_from_sink: u64,
    pub objects_from_source_failed: u64,
    pub bytes_from_source_failed: u64,
    pub objects_failed_to_delete_from_sink: u64,
    pub bytes_failed_to_delete_from_sink: u64,
    pub directories_found_from_source: u64,
    pub directories_failed_to_list_from_source: u64,
    pub directories_successfully_listed_from_source: u64,
}

impl std::ops::AddAssign for TransferCounters {
    fn add_assign(&mut self, more: Self) {
        self.objects_found_from_source += more.objects_found_from_source;
        self.bytes_found_from_source += more.bytes_found_from_source;
        self.objects_found_only_from_sink += more.objects_found_only_from_sink;
        self.bytes_found_only_from_sink += more.bytes_found_only_from_sink;
        self.objects_from_source_skipped_by_sync += more.objects_from_source_skipped_by_sync;
        self.bytes_from_source_skipped_by_sync += more.bytes_from_source_skipped_by_sync;
        self.objects_copied_to_sink += more.objects_copied_to_sink;
        self.bytes_copied_to_sink += more.bytes_copied_to_sink;
        self.objects_deleted_from_source += more.objects_deleted_from_source;
        self.bytes_deleted_from_source += more.bytes_deleted_from_source;
        self.objects_deleted_from_sink += more.objects_deleted_from_sink;
        self.bytes_deleted_from_sink += more.bytes_deleted_from_sink;
        self.objects_from_source_failed += more.objects_from_source_failed;
        self.bytes_from_source_failed += more.bytes_from_source_failed;
        self.objects_failed_to_delete_from_sink += more.objects_failed_to_delete_from_sink;
        self.bytes_failed_to_delete_from_sink += more.bytes_failed_to_delete_from_sink;
        self.directories_found_from_source += more.directories_found_from_source;
        self.directories_failed_to_list_from_source += more.directories_failed_to_list_from_source;
        self.directories_successfully_listed_from_source += more.directories_successfully_listed_from_source;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_counted_and_few_are_told() {
        let mut position = TransferPosition::default();
        for number in 0..7 {
            position.failed(Code::PermissionDenied, format!("gs://b/{number}"), "no".to_owned());
        }
        position.failed(Code::NotFound, "gs://b/gone".to_owned(), "gone".to_owned());
        let told: Vec<_> = position.errors.iter().map(|e| (e.code.as_str(), e.count, e.examples.len())).collect();
        assert_eq!(told, [("PERMISSION_DENIED", 7, 5), ("NOT_FOUND", 1, 1)]);
    }
}
