//! What tests stand on: a database a test, a broker namespace a test, a link that can be cut, real processes.
//!
//! `make test` starts the servers and sets `TEST_DATABASE_URL` and `TEST_BROKER_URL`.

mod database;
pub mod events;
mod proxy;
mod system;
mod wait;

pub use database::{TestDatabase, broker_settings};
pub use proxy::Proxy;
pub use system::{LEASE_TTL, LIMIT, Process, System};
pub use wait::eventually;
