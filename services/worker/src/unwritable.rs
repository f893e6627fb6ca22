//! What becomes of an end that the database refuses: it holds something that no column takes, such as a NUL in JSON.

use operation::{Code, Failure};
use std::time::Duration;
use store::Ending;

/// How often the database may refuse what an end holds.
const TRIES: u32 = 3;
/// How often it may refuse the statement as such: a migration or a grant is under way, or something between us and the server
/// makes up errors. About a minute.
const TRIES_OF_STATEMENT: u32 = 60;

/// How much of an end is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    Whole,
    /// Without checkpoint and cleanup: what is stored of the former stands, and the latter is unknown.
    Bare,
    /// Without response and message as well: only what this worker itself has to say.
    Reduced,
}

/// What to do with an end that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try the same again.
    Again,
    /// Write less of it.
    Write(Form),
    /// Nothing more can be done.
    GiveUp,
}

impl Form {
    /// As it is counted.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Bare => "bare",
            Self::Reduced => "reduced",
        }
    }
}

/// What follows when a form was refused so often, for a value in it or because the statement cannot run.
pub const fn after(refused: u32, form: Form, for_a_value: bool) -> Next {
    let tries = if for_a_value { TRIES } else { TRIES_OF_STATEMENT };
    match form {
        _ if refused < tries => Next::Again,
        Form::Whole => Next::Write(Form::Bare),
        Form::Bare => Next::Write(Form::Reduced),
        Form::Reduced => Next::GiveUp,
    }
}

/// The same end, without anything that the executor said. A stop stays what it is; a success whose response can't be stored is
/// a failure.
pub fn reduced(ending: &Ending) -> Ending {
    match ending {
        Ending::Succeeded(_) => failed(
            Failure::fatal(Code::Internal, "The work is done, but its response could not be stored.".to_owned()),
            Duration::ZERO,
        ),
        Ending::Failed { failure, delay } => {
            let message = "The attempt failed, and its message could not be stored.".to_owned();
            failed(Failure { message, ..failure.clone() }, *delay)
        }
        Ending::Cancelled
        | Ending::DeadlineExceeded
        | Ending::Paused
        | Ending::Released
        | Ending::Unreadable { .. } => ending.clone(),
    }
}

const fn failed(failure: Failure, delay: Duration) -> Ending {
    Ending::Failed { failure, delay }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refused_end_is_reduced_and_then_given_up() {
        for (refused, form, expected) in [
            (1, Form::Whole, Next::Again),
            (TRIES - 1, Form::Reduced, Next::Again),
            (TRIES, Form::Whole, Next::Write(Form::Bare)),
            (TRIES, Form::Bare, Next::Write(Form::Reduced)),
            (TRIES, Form::Reduced, Next::GiveUp),
        ] {
            assert_eq!(after(refused, form, true), expected, "{refused} {form:?}");
        }
        // A statement that cannot run says nothing about the end.
        assert_eq!(after(TRIES, Form::Whole, false), Next::Again);
        assert_eq!(after(TRIES_OF_STATEMENT, Form::Whole, false), Next::Write(Form::Bare));
    }

    #[test]
    fn a_reduced_end_keeps_its_sort_and_loses_its_words() {
        let Ending::Failed { failure, .. } = reduced(&Ending::Succeeded(json!({}))) else { panic!("a failure") };
        assert_eq!((failure.code, failure.retryable), (Code::Internal, false));
        let failure = Failure { code: Code::Aborted, message: "\0".to_owned(), retryable: true };
        let Ending::Failed { failure, delay } = reduced(&failed(failure, Duration::from_secs(1))) else {
            panic!("the same")
        };
        assert_eq!((failure.code, failure.retryable, delay), (Code::Aborted, true, Duration::from_secs(1)));
        assert!(!failure.message.contains('\0'));
        assert!(matches!(reduced(&Ending::Cancelled), Ending::Cancelled));
    }
}
