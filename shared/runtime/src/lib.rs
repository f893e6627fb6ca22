//! What makes a process a process: configuration, clock, telemetry, broker, health, life and death.

pub mod admin;
pub mod broker;
pub mod callers;
pub mod clock;
pub mod config;
pub mod destination;
pub mod failpoint;
pub mod heartbeat;
pub mod kind_settings;
pub mod lifecycle;
pub mod limits;
pub mod metrics;
pub mod priority;
pub mod retention;
pub mod scope;
pub mod sealing;
pub mod telemetry;
pub mod worker_config;
