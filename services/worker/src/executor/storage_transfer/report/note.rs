//! What a batch tells while it is under way.

use kinds::storage_transfer::TransferUpload;
use tokio::sync::oneshot;

/// What a batch tells while it is under way.
#[derive(Debug)]
pub enum Note {
    /// An upload in parts has begun. It must be written down before its first part is sent.
    Begun(TransferUpload, oneshot::Sender<()>),
    /// It is completed or aborted.
    Over(TransferUpload),
    /// Nobody knows what became of this.
    Unknown(String),
}
