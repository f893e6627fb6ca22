//! What goes wrong with files, as the user is to read it.

use crate::executor::storage_transfer::places::miss::Miss;
use operation::{Code, Failure};
use rustix::io::Errno;

/// The source's file could not be read.
pub fn of_source(error: Errno) -> Miss {
    match error {
        Errno::NOENT => Miss::object(Code::NotFound, "it is not there any more"),
        Errno::ACCESS | Errno::PERM => Miss::object(Code::PermissionDenied, "the worker may not read it"),
        Errno::LOOP | Errno::NOTDIR | Errno::ISDIR => {
            Miss::object(Code::FailedPrecondition, "it is no file any more, or a symbolic link leads to it")
        }
        Errno::IO => Miss::object(Code::DataLoss, "the disk can't read it"),
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => {
            tracing::warn!(%error, "the machine ran out of files or memory");
            Miss::All(Failure::passing("the worker ran out of files or memory"))
        }
        _ => {
            tracing::warn!(%error, "a file of the source could not be read");
            Miss::object(Code::Unknown, "it could not be read")
        }
    }
}

/// The sink's file could not be written.
pub fn of_sink(error: Errno) -> Miss {
    match error {
        Errno::NOSPC | Errno::DQUOT => {
            Miss::All(Failure::fatal(Code::ResourceExhausted, "the sink is full: nothing more was transferred"))
        }
        Errno::ACCESS | Errno::PERM | Errno::ROFS => {
            Miss::object(Code::PermissionDenied, "the sink does not let it be written")
        }
        Errno::NAMETOOLONG => Miss::object(Code::InvalidArgument, "its name is too long for the sink"),
        Errno::INVAL | Errno::ILSEQ => Miss::object(Code::InvalidArgument, "its name is not possible in the sink"),
        Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY => {
            Miss::object(Code::FailedPrecondition, "in the sink a folder stands in its place")
        }
        Errno::NOTDIR | Errno::LOOP => Miss::object(
            Code::FailedPrecondition,
            "in the sink a file or a symbolic link stands where its folder should be",
        ),
        Errno::XDEV => Miss::object(
            Code::FailedPrecondition,
            "in the sink another file system is mounted where its folder should be",
        ),
        Errno::FBIG => Miss::object(Code::OutOfRange, "it is too large for the sink"),
        _ => {
            tracing::warn!(%error, "a file of the sink could not be written");
            Miss::All(Failure::passing("the sink could not be written"))
        }
    }
}

/// The source's file could not be deleted.
pub fn of_source_delete(error: Errno) -> Miss {
    match error {
        Errno::ACCESS | Errno::PERM | Errno::ROFS => {
            Miss::object(Code::PermissionDenied, "it is in the sink, and the source does not let it be deleted")
        }
        error => of_source(error),
    }
}

/// A place that could not be opened: `what` names it.
pub fn of_root(what: &str, configured: bool, error: Errno) -> Failure {
    tracing::warn!(place = what, %error, "a place of a transfer could not be opened");
    match error {
        Errno::NOENT if configured => Failure::fatal(
            Code::FailedPrecondition,
            format!("{what} lies in a folder that is configured and not there: tell the operator"),
        ),
        Errno::NOENT => Failure::fatal(Code::NotFound, format!("{what} is not there")),
        Errno::LOOP | Errno::NOTDIR => {
            Failure::fatal(Code::FailedPrecondition, format!("{what} is no folder, or a symbolic link leads to it"))
        }
        Errno::ACCESS | Errno::PERM | Errno::ROFS => {
            Failure::fatal(Code::PermissionDenied, format!("the worker may not use {what}"))
        }
        Errno::NOSPC | Errno::DQUOT => Failure::fatal(Code::ResourceExhausted, format!("{what} is full")),
        Errno::NAMETOOLONG | Errno::INVAL => {
            Failure::fatal(Code::InvalidArgument, format!("{what} can't be the name of a folder"))
        }
        _ => Failure::passing(format!("{what} could not be opened")),
    }
}
