//! What operators and their machines ask.

pub mod health;
pub mod metrics;
