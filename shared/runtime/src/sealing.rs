//! Secrets at rest: sealed with XChaCha20-Poly1305 under a ring of keys that no database holds.
//!
//! The first key seals, all of them open: to rotate, put a new one before the old one, and take the old one away when nothing
//! is sealed under it any more. What is sealed is bound to what it is for, and opens for nothing else.

use crate::config::Secret;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use operation::Sealed;
use std::fmt;
use std::str::FromStr;

const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// The keys, by their names.
#[derive(Clone)]
pub struct KeyRing(Vec<(String, XChaCha20Poly1305)>);

/// A text that holds no keys. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "NAME=KEY, or several with commas between, is expected: names of their own, keys of 64 hexadecimal digits \
     (openssl rand -hex 32)"
)]
pub struct InvalidKeyRing;

/// Why a secret can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There are no keys.
    #[error("SAFEPOINT_SECRET_KEYS is not set: no secret can be kept")]
    NoKeys,
    /// It was sealed under a key that is not in the ring.
    #[error("the secret was sealed under a key that SAFEPOINT_SECRET_KEYS does not hold")]
    UnknownKey,
    /// It was changed, or sealed for something else.
    #[error("the secret cannot be opened: it was changed, or is that of something else")]
    NotOpened,
}

impl KeyRing {
    /// A ring without keys: nothing can be kept secret.
    pub const EMPTY: Self = Self(Vec::new());

    /// Seals a secret for `purpose`, e.g. `operation projects/p/operations/…`.
    ///
    /// # Errors
    /// [`SealError::NoKeys`].
    pub fn seal(&self, secret: &Secret, purpose: &str) -> Result<Sealed, SealError> {
        let (key_id, key) = self.0.first().ok_or(SealError::NoKeys)?;
        // 24 random bytes never repeat, so no count of the secrets has to be kept.
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: secret.expose().as_bytes(), aad: purpose.as_bytes() };
        let sealed = key.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::NotOpened)?;
        Ok(Sealed { key_id: key_id.clone(), bytes: [nonce.as_slice(), &sealed].concat() })
    }

    /// Whether this is the key that seals.
    pub fn seals_with(&self, key_id: &str) -> bool {
        self.0.first().is_some_and(|(id, _)| id == key_id)
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, sealed: &Sealed, purpose: &str) -> Result<Secret, SealError> {
        if self.0.is_empty() {
            return Err(SealError::NoKeys);
        }
        let (_, key) = self.0.iter().find(|(id, _)| *id == sealed.key_id).ok_or(SealError::UnknownKey)?;
        let (nonce, bytes) = sealed.bytes.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::NotOpened)?;
        let payload = Payload { msg: bytes, aad: purpose.as_bytes() };
        let opened = key.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::NotOpened)?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| SealError::NotOpened)
    }
}

impl FromStr for KeyRing {
    type Err = InvalidKeyRing;

    fn from_str(text: &str) -> Result<Self, InvalidKeyRing> {
        let mut keys: Vec<(String, XChaCha20Poly1305)> = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (id, digits) = entry.split_once('=').ok_or(InvalidKeyRing)?;
            let fits = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !fits || keys.iter().any(|(known, _)| known == id) {
                return Err(InvalidKeyRing);
            }
            keys.push((id.to_owned(), XChaCha20Poly1305::new(&bytes_from_hex(digits).ok_or(InvalidKeyRing)?.into())));
        }
        Ok(Self(keys))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

/// The bytes of a key, of 64 hexadecimal digits.
pub fn bytes_from_hex(digits: &str) -> Option<[u8; KEY_BYTES]> {
    if digits.len() != 2 * KEY_BYTES || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; KEY_BYTES];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(names: &[&str]) -> KeyRing {
        let key = |name: &&str| format!("{name}={}", name.repeat(64));
        names.iter().map(key).collect::<Vec<_>>().join(", ").parse().expect("a ring")
    }

    fn text(opened: Result<Secret, SealError>) -> Result<String, SealError> {
        opened.map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_under_its_key_alone() {
        let sealed = ring(&["a"]).seal(&Secret::new("canary"), "operation 1").unwrap();
        assert_eq!(sealed.key_id, "a");
        assert!(!sealed.bytes.windows(6).any(|bytes| bytes == b"canary"));
        assert_eq!(text(ring(&["a"]).open(&sealed, "operation 1")), Ok("canary".to_owned()));
        assert_eq!(text(ring(&["a"]).open(&sealed, "operation 2")), Err(SealError::NotOpened));
        assert_eq!(text(ring(&["b"]).open(&sealed, "operation 1")), Err(SealError::UnknownKey));
        assert_eq!(text(KeyRing::EMPTY.open(&sealed, "operation 1")), Err(SealError::NoKeys));
        let renamed = Sealed { key_id: "b".to_owned(), ..sealed.clone() };
        assert_eq!(text(ring(&["a", "b"]).open(&renamed, "operation 1")), Err(SealError::NotOpened));
        for at in 0..sealed.bytes.len() {
            let mut bytes = sealed.bytes.clone();
            bytes[at] ^= 1;
            let changed = Sealed { bytes, ..sealed.clone() };
            assert_eq!(text(ring(&["a"]).open(&changed, "operation 1")), Err(SealError::NotOpened), "byte {at}");
            let cut = Sealed { bytes: sealed.bytes[..at].to_vec(), ..sealed.clone() };
            assert_eq!(text(ring(&["a"]).open(&cut, "operation 1")), Err(SealError::NotOpened), "cut at {at}");
        }
    }

    #[test]
    fn a_new_key_seals_and_an_old_one_still_opens() {
        let old = ring(&["a"]).seal(&Secret::new("x"), "p").unwrap();
        let both = ring(&["b", "a"]);
        assert_eq!(text(both.open(&old, "p")), Ok("x".to_owned()));
        assert_eq!(both.seal(&Secret::new("x"), "p").unwrap().key_id, "b");
        assert_eq!(KeyRing::EMPTY.seal(&Secret::new("x"), "p"), Err(SealError::NoKeys));
        // The same twice is not seen to be the same.
        assert_ne!(both.seal(&Secret::new("x"), "p"), both.seal(&Secret::new("x"), "p"));
    }

    #[test]
    fn a_ring_is_read_whole_or_not_at_all() {
        let key = "0f".repeat(32);
        assert_eq!(
            format!("{:?}", format!("2026-b={key},2026-a={key}").parse::<KeyRing>()),
            "Ok([\"2026-b\", \"2026-a\"])"
        );
        assert_eq!(format!("{:?}", "".parse::<KeyRing>()), "Ok([])");
        for wrong in [
            key.clone(),
            format!("a={key},a={key}"),
            format!("={key}"),
            format!("a b={key}"),
            "a=".to_owned(),
            format!("a={key}0"),
            format!("a={}g", &key[..63]),
            format!("a={}", "ä".repeat(32)),
        ] {
            let error = wrong.parse::<KeyRing>().expect_err(&wrong);
            assert!(!error.to_string().contains(&key[..8]), "{error}");
        }
    }
}
