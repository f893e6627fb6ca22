//! What goes wrong at the cluster, as the user is to read it.
//!
//! The server's own message is told where it speaks of the user's query or data. It is not told where it could name
//! hosts, roles or files of the operator.

use super::query::{LOCK_TIMEOUT_SECONDS, position_in_query};
use super::wire::Wire;
use operation::{Code, Failure};
use tls::TrustError;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, ErrorPosition};

/// The longest message of a server that is passed on, in bytes.
const LONGEST: usize = 1000;

/// A failed attempt to connect.
pub(super) fn of_connect(cluster: &str, error: &Error) -> Failure {
    if let Some(told) = error.as_db_error() {
        return of_sqlstate(cluster, told.code().code(), told.message(), None);
    }
    // The driver's message may name the host: it is for the log, at the operator's.
    let tls = tls::refusal(error).map(tracing::field::display);
    tracing::warn!(cluster, %error, tls, "the cluster cannot be reached");
    cannot_be_reached(cluster)
}

/// A file of authorities that cannot be read. It could be at the start: it is being renewed.
pub(super) fn of_trust(cluster: &str, error: &TrustError) -> Failure {
    tracing::warn!(cluster, %error, "the cluster cannot be verified");
    cannot_be_reached(cluster)
}

/// A role that no export runs as.
pub(super) fn of_role(cluster: &str) -> Failure {
    let message = format!(
        "the role for the cluster {cluster} is a superuser, or has rights to the server's files or programs: exports run as a \
         role without"
    );
    Failure::fatal(Code::FailedPrecondition, message)
}

pub(super) fn cannot_be_reached(cluster: &str) -> Failure {
    Failure::passing(format!("the cluster {cluster} cannot be reached"))
}

/// A failed request, or one whose connection broke.
pub(super) fn of_error(cluster: &str, error: &Error, wire: &Wire) -> Failure {
    of_told(cluster, error, wire, Some)
}

/// A failed `COPY`: the position is told as one in the query.
pub(super) fn of_copy(cluster: &str, error: &Error, wire: &Wire) -> Failure {
    of_told(cluster, error, wire, position_in_query)
}

fn of_told(cluster: &str, error: &Error, wire: &Wire, position: impl Fn(u32) -> Option<u32>) -> Failure {
    // When the server ends a session, its reason may stand in the connection's error instead of the request's.
    let told = error.as_db_error().or_else(|| wire.broken().and_then(Error::as_db_error));
    match told {
        Some(told) => {
            of_sqlstate(cluster, told.code().code(), told.message(), original_position(told).and_then(position))
        }
        None if error.is_closed() || wire.broken().is_some() => {
            Failure::passing(format!("the connection to the cluster {cluster} broke"))
        }
        None => {
            tracing::warn!(cluster, %error, "the cluster was not understood");
            Failure {
                code: Code::Internal,
                message: format!("the cluster {cluster} was not understood"),
                retryable: true,
            }
        }
    }
}

fn original_position(told: &DbError) -> Option<u32> {
    match told.position()? {
        ErrorPosition::Original(position) => Some(*position),
        ErrorPosition::Internal { .. } => None,
    }
}

/// What the server's five characters mean to the user.
pub(super) fn of_sqlstate(cluster: &str, sqlstate: &str, message: &str, position: Option<u32>) -> Failure {
    let told = told(message, position);
    let passing = |what: &str| Failure::passing(format!("the cluster {cluster} {what}"));
    match sqlstate {
        "3D000" | "57P04" => Failure::fatal(Code::NotFound, format!("the cluster {cluster} has no such database")),
        "42501" => Failure::fatal(Code::PermissionDenied, told),
        "25006" => Failure::fatal(Code::InvalidArgument, format!("an export only reads: {told}")),
        "55P03" => passing(&format!("kept a table locked for longer than {LOCK_TIMEOUT_SECONDS} s")),
        "57014" => Failure::fatal(Code::Aborted, format!("somebody cancelled the query in the cluster {cluster}")),
        "57P01" | "57P02" | "57P03" => passing("is shutting down or starting up"),
        "25P03" | "57P05" => passing("ended an idle session"),
        // A limit set for the role: the same query would meet it again.
        "53400" => Failure::fatal(Code::ResourceExhausted, told),
        _ => of_class(cluster, sqlstate, told),
    }
}

fn of_class(cluster: &str, sqlstate: &str, told: String) -> Failure {
    let (class, _) = sqlstate.split_at_checked(2).unwrap_or((sqlstate, ""));
    match class {
        "08" => Failure::passing(format!("the connection to the cluster {cluster} broke")),
        "28" => {
            let message = format!("the cluster {cluster} refuses the role that exports run as: tell the operator");
            Failure::fatal(Code::FailedPrecondition, message)
        }
        "40" => Failure { code: Code::Aborted, message: told, retryable: true },
        "53" => {
            let message = format!("the cluster {cluster} ran out of connections, memory or disk");
            Failure { code: Code::ResourceExhausted, message, retryable: true }
        }
        // Not supported, wrong data, meddling with the transaction, wrong names, too complex: the query's own faults.
        "0A" | "21" | "22" | "23" | "25" | "2F" | "34" | "3F" | "42" | "54" => {
            Failure::fatal(Code::InvalidArgument, told)
        }
        // Raised by the user's functions, or by foreign tables.
        "P0" | "38" | "39" | "HV" | "55" => Failure::fatal(Code::FailedPrecondition, told),
        "58" => Failure {
            code: Code::Internal,
            message: format!("the cluster {cluster} has trouble with its files"),
            retryable: true,
        },
        "XX" if sqlstate != "XX000" => {
            Failure::fatal(Code::DataLoss, format!("the cluster {cluster} found its data corrupted: {told}"))
        }
        _ => Failure::fatal(Code::Internal, format!("the cluster {cluster} failed: {told} (SQLSTATE {sqlstate})")),
    }
}

fn told(message: &str, position: Option<u32>) -> String {
    let message = &message[..message.floor_char_boundary(LONGEST)];
    match position {
        Some(position) => format!("{message} (at character {position} of the query)"),
        None => message.to_owned(),
    }
}

/// What `pg_dump` said when it failed. Its lines are told in part: they name hosts and ports.
pub(super) fn of_pg_dump(cluster: &str, stderr: &str, killed: bool) -> Failure {
    let line_with = |what: &str| stderr.lines().find_map(|line| line.split_once(what));
    if let Some((_, versions)) = line_with("error: server version: ") {
        let message = format!("the worker's pg_dump is too old for the cluster {cluster}: server version {versions}");
        return Failure::fatal(Code::FailedPrecondition, message);
    }
    if line_with("no matching tables were found").is_some() {
        return Failure::fatal(Code::NotFound, "a table to dump is not there any more");
    }
    if let Some((_, message)) = line_with("ERROR: ") {
        return of_dump_error(cluster, message.trim());
    }
    let broken = ["FATAL: ", "closed the connection", "connection to server", "could not receive data", "SSL "];
    if killed || broken.iter().any(|sign| stderr.contains(sign)) {
        return Failure::passing(format!("the connection of pg_dump to the cluster {cluster} broke"));
    }
    Failure::fatal(Code::Internal, format!("pg_dump could not dump the database of the cluster {cluster}"))
}

/// `pg_dump` tells no SQLSTATE, only the server's words.
fn of_dump_error(cluster: &str, message: &str) -> Failure {
    let sqlstate = [
        ("permission denied", "42501"),
        ("must be owner", "42501"),
        ("must be superuser", "42501"),
        ("row-level security", "42501"),
        ("due to lock timeout", "55P03"),
        ("due to conflict with recovery", "40001"),
        ("deadlock detected", "40P01"),
        ("due to user request", "57014"),
        ("due to administrator command", "57P01"),
        ("No space left on device", "53100"),
        ("out of memory", "53200"),
        ("invalid page", "XX001"),
    ];
    let found = sqlstate.iter().find(|(words, _)| message.contains(words));
    match found {
        Some((_, sqlstate)) => of_sqlstate(cluster, sqlstate, message, None),
        None => Failure::fatal(Code::FailedPrecondition, told(message, None)),
    }
}

#[cfg(test)]
mod tests;
