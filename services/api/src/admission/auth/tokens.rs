//! Static tokens, known by their hashes alone.

use super::Principal;
use runtime::callers::Token;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The tokens that are known.
#[derive(Debug)]
pub struct Tokens(Vec<([u8; 32], Principal)>);

impl Tokens {
    /// Takes the configured tokens, whose hashes were checked when the configuration was read.
    pub fn new(tokens: &[Token]) -> Self {
        let known = tokens.iter().filter_map(|token| {
            let principal =
                Principal { name: token.name.clone(), projects: token.projects.clone(), scopes: token.scopes.clone() };
            Some((runtime::sealing::bytes_from_hex(&token.sha256)?, principal))
        });
        Self(known.collect())
    }

    /// Whose token this is.
    pub fn find(&self, token: &str) -> Option<&Principal> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        // All are compared, each in constant time: the time taken tells nothing about the hashes.
        for (known, principal) in &self.0 {
            if bool::from(known.ct_eq(&hash)) {
                found = Some(principal);
            }
        }
        found
    }
}
