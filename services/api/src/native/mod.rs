//! Our own API, `/api/v1`: everything known about an operation, and what the vendors' words can't say.

mod bulk;
mod counts;
mod demo_steps;
mod feed;
mod options;
mod routes;
mod translate;
mod watch;
mod why;
mod wire;

pub use bulk::cancel as cancel_many;
pub use counts::counts;
pub use routes::{cancel, create, delete, get, list, pause, resume, retry};
pub use watch::{events, wait};
pub use why::why;
