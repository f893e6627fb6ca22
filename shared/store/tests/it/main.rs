//! The SQL against a real Postgres.

mod beside;
mod changes;
mod claims;
mod counts;
mod expiry;
mod fixture;
mod lists;
mod plans;
mod races;
mod statements;
mod sweeps;
mod tls;
mod transitions;
