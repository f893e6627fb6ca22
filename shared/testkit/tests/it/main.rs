//! The whole product, from outside: real processes, real servers, the vendors' own clients.

mod canary;
mod cancel;
mod crash;
mod escalation;
mod export;
#[cfg(feature = "failpoints")]
mod hung;
mod own_kind;
mod schedule;
mod schemathesis;
mod sdk;
mod telemetry;
mod tidy;
#[cfg(feature = "failpoints")]
mod transfer;
