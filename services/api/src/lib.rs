//! The HTTP api: vendors' dialects and our own over one set of use cases.
//!
//! Start with [`routes`], which composes what each dialect exports, and [`operations`], where all of them end. Imports go one
//! way: `server` ← `routes` → `native`, `dialect`, `admin` → `openapi` → `listing` → `admission` → `state` → `kinds`, `operations` →
//! `wire`. A test holds it (`tidy.rs`).

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
