//! Our own API, `/api/v1`: everything known about an operation, and what the vendors' words can't say.

mod feed;
mod routes;
mod translate;
mod watch;
mod wire;

pub use routes::{cancel, create, delete, get, list, pause, resume};
pub use watch::{events, wait};
