//! The worker: claims operations, runs their executors, stops them at safe points, and writes how they ended.
//!
//! `worker.rs` puts the parts together. A cancel comes in by `cancel_listener.rs` (push) or `lease.rs` (renewal), is
//! seen by the executor in `safepoint.rs`, and is written by `runner.rs` through `finisher.rs`. `escalation.rs` aborts what
//! does not stop in time.

pub mod attempt;
mod builder;
mod cancel_listener;
mod checkpoints;
mod claims;
mod cursor;
mod escalation;
pub mod executor;
pub mod executors;
mod finisher;
mod kind_registration;
mod lease;
pub mod lease_clock;
mod metrics;
mod patience;
mod process;
mod registry;
mod runner;
pub mod safepoint;
mod settings;
mod unwritable;
pub mod work;
mod worker;

pub use builder::Builder;
pub use settings::Settings;
pub use worker::{End, GAVE_UP, StartError, Worker};
