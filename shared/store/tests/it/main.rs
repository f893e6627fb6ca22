//! The SQL against a real Postgres.

mod changes;
mod claims;
mod fixture;
mod lists;
mod plans;
mod races;
mod statements;
mod sweeps;
mod transitions;
