//! The keeper's loops against a real Postgres.

mod expiry;
mod tokens;
