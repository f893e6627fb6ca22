//! What is stored of a secret.

use std::fmt;

/// A secret, sealed: whoever has no key can't tell what it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The name of the key that sealed it.
    pub key_id: String,
    /// The nonce, and what was sealed with it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}
