//! The keeper's loops against a real Postgres.

mod access_keys;
mod expiry;
mod failover;
mod forget;
mod notifications;
mod schedules;
mod tokens;
