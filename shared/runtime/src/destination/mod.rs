//! Destinations that users name: a host and a port which this service connects to on their behalf.
//!
//! Nothing is reached unless the operator allows it ([`AllowedDestinations`]). A name is resolved once ([`resolve`]),
//! every address it has is judged, and [`connect`], or a client that is given [`Checked::addresses`], takes what was judged
//! and nothing else: there is no second lookup
//! that could answer otherwise. What an operator allows can change, and so can a name: every attempt resolves anew.

mod address;
mod allowed;
#[cfg(test)]
mod corpus;
mod ranges;
mod resolve;

pub use address::{Destination, Host};
pub use allowed::AllowedDestinations;
pub use resolve::{Checked, connect, resolve, system_dns};

use std::io;

/// Why a destination is not reached. No message repeats what the user wrote, since it may hold a password by mistake,
/// or says what a name resolves to.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// The text is no host and port.
    #[error("the destination is malformed: expected {expected}")]
    Malformed {
        /// What was expected.
        expected: &'static str,
    },
    /// Nothing allows the project this host with this port.
    #[error("the destination is not allowed for this project")]
    NotAllowed,
    /// The name is allowed, and one of its addresses is not.
    #[error("the destination has an address that may not be reached")]
    Forbidden,
    /// The name has no address, or none was learnt in time.
    #[error("the destination cannot be resolved")]
    Unresolved(#[source] io::Error),
    /// No address accepted a connection in time.
    #[error("the destination cannot be connected")]
    Unconnected(#[source] io::Error),
}

impl DestinationError {
    /// The cause, for machines.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "DESTINATION_MALFORMED",
            Self::NotAllowed => "DESTINATION_NOT_ALLOWED",
            Self::Forbidden => "DESTINATION_FORBIDDEN",
            Self::Unresolved(_) => "DESTINATION_UNRESOLVED",
            Self::Unconnected(_) => "DESTINATION_UNCONNECTED",
        }
    }

    /// Whether another attempt may do better.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Malformed { .. } | Self::NotAllowed | Self::Forbidden => false,
            Self::Unresolved(_) | Self::Unconnected(_) => true,
        }
    }
}
