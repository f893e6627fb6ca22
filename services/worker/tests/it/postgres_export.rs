//! The executor `postgres.export` against a real Postgres, without the worker around it.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, but not what they call")]

mod cloud;
mod csv;
mod refusals;
mod server;
mod sql;
mod stops;
mod tls;
pub mod world;
