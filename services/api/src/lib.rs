//! The HTTP api: vendors' dialects and our own over one set of use cases.
//!
//! Start with [`app`], where all routes stand, and [`operations`], where all of them end. Who waits is in [`operations::watch`].

pub mod admin;
pub mod admission;
pub mod app;
pub mod dialect;
pub mod kinds;
pub mod listing;
pub mod native;
pub mod openapi;
pub mod operations;
pub mod server;
pub mod settings;
pub mod wire;
