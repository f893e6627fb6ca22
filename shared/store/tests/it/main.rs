//! The SQL against a real Postgres.

mod audit;
mod beside;
mod changes;
mod claims;
mod counts;
mod deadlines;
mod deletes;
mod expiry;
mod failover;
mod fixture;
mod grants;
mod limits;
mod lists;
mod plans;
mod races;
mod resources;
mod rolling_upgrade;
mod secrets;
mod statements;
mod sweeps;
mod tls;
mod to_notify;
mod transitions;
