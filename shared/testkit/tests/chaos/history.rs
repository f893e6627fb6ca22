//! What clients asked and were told, and when: the ground that the checker stands on.

use serde::Serialize;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// Microseconds since 1970 by this machine's clock, which is the database's too.
pub type Micros = i64;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Call {
    /// The number stands in the spec's object, so that a row is known as what a call made.
    Create {
        number: u64,
        key: Option<String>,
        /// The key was used before for another body: this must be refused.
        other_body: bool,
    },
    Get {
        id: String,
    },
    Cancel {
        id: String,
    },
    Pause {
        id: String,
    },
    Resume {
        id: String,
    },
    Delete {
        id: String,
        /// Whether it is cancelled first, and deleted when it has ended.
        cancel: bool,
    },
    /// A page of a walk through the list, newest first.
    List {
        walk: u64,
    },
}

/// An operation, as an answer showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the facts that an answer shows")]
pub struct Seen {
    pub id: String,
    pub state: String,
    pub done: bool,
    pub attempt: u64,
    pub revision: u64,
    pub items: u64,
    pub cancel_requested: bool,
    pub has_error: bool,
    pub has_response: bool,
    /// All that must not change any more, once it is done.
    pub end: Option<String>,
}

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// It was done; `answer` is the word that a cancel, a pause or a resume is answered with.
    Done { seen: Vec<Seen>, answer: Option<String>, next: Option<String> },
    /// It was not done, and why.
    Refused { status: u16, reason: String },
    /// Nobody knows whether it was done.
    Unknown { why: String },
}

/// One call, from its sending to its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    pub session: u64,
    pub replica: usize,
    pub call: Call,
    pub sent: Micros,
    pub answered: Micros,
    pub outcome: Outcome,
}

/// All that was asked in a run.
#[derive(Debug, Default)]
pub struct History {
    events: Mutex<Vec<Event>>,
}

impl History {
    pub fn now() -> Micros {
        let now = runtime::clock::now().unix_timestamp_nanos() / 1_000;
        i64::try_from(now).expect("this side of the year 294,000")
    }

    pub fn record(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    /// Reads the native form.
    pub fn read(operation: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let done = operation["done"].as_bool()?;
        let end = ["state", "error", "response", "finishTime", "attempt", "failures", "progress", "cancel"];
        let end: Vec<_> = end.iter().map(|name| operation[*name].to_string()).collect();
        Some(Self {
            id: text(&operation["id"])?,
            state: text(&operation["state"])?,
            done,
            attempt: operation["attempt"].as_u64()?,
            revision: number(&operation["revision"])?,
            items: number(&operation["progress"]["itemsDone"])?,
            cancel_requested: !operation["cancel"].is_null(),
            has_error: !operation["error"].is_null(),
            has_response: !operation["response"].is_null(),
            end: done.then(|| end.join(" ")),
        })
    }
}

impl Event {
    /// The operations that an answer showed.
    pub fn seen(&self) -> &[Seen] {
        match &self.outcome {
            Outcome::Done { seen, .. } => seen,
            Outcome::Refused { .. } | Outcome::Unknown { .. } => &[],
        }
    }

    /// The word that a request was answered with.
    pub fn answer(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Done { answer, .. } => answer.as_deref(),
            Outcome::Refused { .. } | Outcome::Unknown { .. } => None,
        }
    }

    pub const fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done { .. })
    }

    pub const fn refused_with(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Refused { status, .. } => Some(status),
            Outcome::Done { .. } | Outcome::Unknown { .. } => None,
        }
    }
}
