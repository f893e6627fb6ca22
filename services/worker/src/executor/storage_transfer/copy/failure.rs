//! What goes wrong with copies in a folder, as the user is to read it.

use crate::executor::storage_transfer::decide::proof::COPY_UNREADABLE;
use crate::executor::storage_transfer::places::folder::failure::of_source;
use crate::executor::storage_transfer::places::miss::Miss;
use rustix::io::Errno;

/// The sink's file could not be read, to be compared with the source's.
pub fn of_sink_read(error: Errno) -> Miss {
    match of_source(error) {
        Miss::Object(code, _) => {
            tracing::warn!(%error, "a file of the sink could not be compared");
            Miss::object(code, COPY_UNREADABLE)
        }
        miss @ (Miss::All(_) | Miss::Halted) => miss,
    }
}
