//! The HTTP api: vendors' dialects and our own over one set of use cases.
//!
//! Start with [`app`], where all routes stand, and [`operations`], where all of them end. Who waits is in [`watch`].

pub mod app;
pub mod auth;
pub mod body;
pub mod bounds;
pub mod call;
pub mod catalog;
pub mod certificate;
pub mod connection;
mod creation;
pub mod dialect;
pub mod error;
pub mod export;
pub mod fields;
pub mod filter;
pub mod health;
pub mod limits;
pub mod merge_patch;
pub mod metrics;
pub mod native;
pub mod observe;
pub mod off_reactor;
pub mod openapi;
pub mod operations;
pub mod page_token;
pub mod paging;
pub mod query;
pub mod queues;
#[cfg(test)]
mod samples;
pub mod select_query;
pub mod serve;
pub mod settings;
mod source_address;
pub mod time_text;
pub mod transfer;
pub mod unread;
mod violations;
pub mod watch;
