//! The api as its callers see it: a real listener, a real Postgres, and a real broker where one matters.

mod alloydb;
mod bad_input;
mod beside;
mod cancels;
mod counts;
mod deletes;
mod document;
mod event_stream;
mod events;
mod fixture;
mod hints;
mod identities;
mod issuer;
mod native;
mod pages;
mod project;
mod server;
mod signature;
mod slow;
mod slow_socket;
mod storage_transfer;
mod storage_transfer_runs;
mod tenancy;
mod tls;
mod wait;
mod waiters;
