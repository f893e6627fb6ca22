//! The HTTP api: vendors' dialects and our own over one set of use cases.
//!
//! Start with [`routes`], which composes what the dialects and the native api export, and [`operations`], where all calls end.
//! Imports go down only: `routes`; `native`, `dialect`, `admin`; `openapi`; `listing`; `admission`; `state`; `kinds`, `operations`;
//! `wire`, `server`. `tidy.rs` of the testkit holds it.

pub mod admin;
pub mod admission;
pub mod dialect;
pub mod kinds;
pub mod listing;
pub mod native;
pub mod openapi;
pub mod operations;
pub mod routes;
pub mod server;
pub mod settings;
pub mod state;
pub mod wire;
