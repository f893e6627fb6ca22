//! Who is let in, how often, and for how much work: settled before a handler sees a call.

pub mod auth;
pub mod call;
pub mod limits;
pub mod observe;
pub mod off_reactor;
pub mod queues;
mod source_address;
