//! What an error of the driver says about the statement and about the session.
//! SQLSTATEs: <https://www.postgresql.org/docs/15/errcodes-appendix.html>

use sqlx::Error;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Whether a session can serve another statement after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Session {
    /// It can.
    Good,
    /// It can't: close its connection.
    Ended,
    /// Neither can the sessions opened before this moment: close them all.
    AllEnded,
}

/// Classes and codes of errors that pass by themselves: the same statement may work a moment later, on this server or
/// on the one that takes over from it.
const TRANSIENT: [&str; 11] = [
    "08",    // Connection exception.
    "25",    // Invalid transaction state: 25006 is a standby or a server set read-only, 25P02 a poisoned session.
    "26000", // The prepared statement is gone: a connection pooler has given us another session.
    "28",    // Authorization: a password is being rotated.
    "40",    // Deadlock, serialization failure, conflict with recovery.
    "42P05", // The prepared statement exists: as 26000.
    "53",    // Resources: too many connections, disk full, out of memory.
    "55000", // "Recovery is in progress".
    "55P03", // Lock timeout.
    "57",    // Shutdown, crash, starting up, statement timeout.
    "58",    // I/O errors of the server.
];

/// Sessions opened before these can't be used: a failover or a restart goes on.
const ALL_ENDED: [&str; 4] = ["25006", "57P01", "57P02", "57P03"];

/// The session is not what its client takes it for.
const ENDED: [&str; 5] = ["08", "25", "26000", "42P05", "XX"];

/// Another session holds a row or a table, or the statement did not get to its end in time: other rows may be free.
const BUSY: [&str; 3] = ["40P01", "55P03", "57014"];

/// A value is not possible: cardinality, data exception, integrity constraint, program limit.
const OF_A_VALUE: [&str; 4] = ["21", "22", "23", "54"];

/// Whether the server refused a value of the statement.
pub(crate) fn refuses_a_value(error: &Error) -> bool {
    code(error).is_some_and(|code| is_one_of(&code, &OF_A_VALUE))
}

/// Whether the same statement may work a moment later.
pub(crate) fn is_transient(error: &Error) -> bool {
    match code(error) {
        Some(code) => is_one_of(&code, &TRANSIENT) || is_stale_plan(error),
        None => matches!(
            error,
            Error::Io(_)
                | Error::PoolTimedOut
                | Error::PoolClosed
                | Error::Tls(_)
                | Error::Protocol(_)
                | Error::WorkerCrashed
        ),
    }
}

/// Whether the statement waited in vain for what another session holds.
pub(crate) fn is_busy(error: &Error) -> bool {
    code(error).is_some_and(|code| is_one_of(&code, &BUSY))
}

/// What the error means for the session that it came from, and for the others.
pub(crate) fn session_after(error: &Error) -> Session {
    let Some(code) = code(error) else {
        // A row that can't be decoded says nothing about the connection.
        return if is_transient(error) { Session::Ended } else { Session::Good };
    };
    if is_one_of(&code, &ALL_ENDED) || is_stale_plan(error) {
        Session::AllEnded
    } else if is_one_of(&code, &ENDED) || is_fatal(error) {
        Session::Ended
    } else {
        Session::Good
    }
}

/// The SQLSTATE of what the server refused.
pub(crate) fn code(error: &Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned))
}

fn is_one_of(code: &str, classes: &[&str]) -> bool {
    classes.iter().any(|class| code.starts_with(class))
}

fn postgres(error: &Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

fn is_fatal(error: &Error) -> bool {
    postgres(error).is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

/// A migration has changed what a prepared statement answers with: a new session can run it. Recognized by the server's
/// routine, as the message is in the server's language.
fn is_stale_plan(error: &Error) -> bool {
    postgres(error).is_some_and(|error| error.code() == "0A000" && error.routine() == Some("RevalidateCachedQuery"))
}
