//! The SQL against a real Postgres.

mod audit;
mod beside;
mod changes;
mod claims;
mod counts;
mod expiry;
mod fixture;
mod limits;
mod lists;
mod plans;
mod races;
mod statements;
mod sweeps;
mod transitions;
