//! How far an attempt has come.

use serde::{Deserialize, Serialize};

/// How far an attempt has come. Counts start again with each attempt that starts from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Items done (rows, objects, keys, steps: the kind's unit).
    pub items_done: u64,
    /// Items in all, where the source can tell; an estimate where the source's planner says so.
    pub items_total: Option<u64>,
    /// Bytes written to the destination.
    pub bytes_done: u64,
}
