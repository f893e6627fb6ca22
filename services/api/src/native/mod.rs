//! Our own API, `/api/v1`: everything known about an operation, and what the vendors' words can't say.

mod demo_steps;
mod routes;
mod translate;
mod wire;

pub use routes::{cancel, create, delete, get, list, pause, resume};
