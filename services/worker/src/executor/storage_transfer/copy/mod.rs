//! Carries batches out: by threads from folder to folder, otherwise by streams.

pub mod apart;
pub mod budget;
pub mod context;
mod count;
mod failure;
mod hosts;
pub mod streams;
pub mod threads;
pub mod throttle;
