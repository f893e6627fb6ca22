//! Links of ours to servers: whom we trust, and TLS to a Postgres, be it ours or a user's.
//!
//! Whoever answers must show a certificate for the name that was connected to, by an authority out of a file that the
//! operator names. There is nothing between that and no TLS at all: an encrypted link to anybody only looks safe.

mod postgres;
mod trust;

pub use postgres::{Driver, PostgresLink};
pub use trust::{TrustError, refusal, trusting, trusting_the_machines};
