//! What a transfer answers.

use serde::{Deserialize, Serialize};

/// What an operation answers: how many objects. Large numbers are texts in our JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageTransferResponse {
    /// Copied.
    pub objects_copied: String,
    /// Their bytes.
    pub bytes_copied: String,
    /// In the sink already.
    pub objects_skipped: String,
    /// Deleted from the sink, which the source has not.
    pub objects_deleted_from_sink: String,
    /// Deleted from the source after they were copied.
    pub objects_deleted_from_source: String,
    /// Of a move: not deleted from the source, since the sink has something else that must not be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects_kept_in_source: Option<String>,
}
