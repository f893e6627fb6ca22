//! The states of an operation.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where an operation stands. "Cancelling" and "suspending" are no states: they are [`State::Running`] with a
/// request beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Waits for a worker.
    Pending,
    /// A worker has it, or had it and its lease has not been swept yet.
    Running,
    /// Stopped at a safe point on request; goes on from its checkpoint when resumed.
    Paused,
    /// Ended with a response.
    Succeeded,
    /// Ended with an error that is not a cancel.
    Failed,
    /// Ended because it was asked to: error code 1.
    Cancelled,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Paused, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// Whether the operation has ended. An ended operation never changes again (INV-4).
    pub const fn is_done(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
            Self::Pending | Self::Running | Self::Paused => false,
        }
    }

    /// The name in rows and in the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl FromStr for State {
    type Err = ();
    fn from_str(value: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.as_str() == value).ok_or(())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
