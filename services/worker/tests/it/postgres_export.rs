//! The executor `postgres.export` against a real Postgres, without the worker around it.

mod cloud;
mod csv;
mod refusals;
mod sql;
mod stops;
mod world;
