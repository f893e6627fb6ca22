//! The SQL against a real Postgres.

mod beside;
mod claims;
mod fixture;
mod lists;
mod plans;
mod races;
mod statements;
mod sweeps;
mod transitions;
