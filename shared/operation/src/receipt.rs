//! The parts of a cancel's receipt that a worker tells.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The road by which a request reached the worker that runs the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Road {
    /// A message on the worker's own queue.
    Push,
    /// The answer to the renewal of the worker's lease.
    Renewal,
    /// The answer to the attempt's own checkpoint or commit point.
    Checkpoint,
}

impl Road {
    /// The name in rows, metrics and the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Renewal => "renewal",
            Self::Checkpoint => "checkpoint",
        }
    }
}

impl fmt::Display for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which safe points a cancel stops at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelMode {
    /// The next one: a wait within an item is ended, an item begun is undone.
    #[default]
    Now,
    /// The next one between two items: what was begun is brought to its end first.
    AfterCurrentItem,
}

impl CancelMode {
    /// The name in rows and in the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::AfterCurrentItem => "after_current_item",
        }
    }
}

impl FromStr for CancelMode {
    type Err = ();
    fn from_str(value: &str) -> Result<Self, ()> {
        [Self::Now, Self::AfterCurrentItem].into_iter().find(|mode| mode.as_str() == value).ok_or(())
    }
}

/// Which step ended the attempt that a cancel was meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndedBy {
    /// The executor stopped at a safe point.
    SafePoint,
    /// The executor did not stop within its kind's bound, and the worker aborted it.
    TaskAborted,
    /// The worker died, or gave the operation up because a thread of it did not return.
    WorkerLost,
}

impl EndedBy {
    /// The name in rows and in the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SafePoint => "SAFE_POINT",
            Self::TaskAborted => "TASK_ABORTED",
            Self::WorkerLost => "WORKER_LOST",
        }
    }
}

impl FromStr for EndedBy {
    type Err = ();
    fn from_str(value: &str) -> Result<Self, ()> {
        [Self::SafePoint, Self::TaskAborted, Self::WorkerLost].into_iter().find(|step| step.as_str() == value).ok_or(())
    }
}

/// What became of the output that a stopped attempt had begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CleanupStatus {
    /// Nothing had been written, or all of it is gone.
    Removed,
    /// It was left on purpose.
    Kept,
    /// The worker died or the destination did not answer: look at the names.
    Unknown,
}

/// What became of the output that a stopped attempt had begun, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    /// What became of it.
    pub status: CleanupStatus,
    /// The names of the partial outputs.
    pub outputs: Vec<String>,
}
