//! The secret from which the key is made that signs manifests of feeds.

use std::fmt;

/// 32 random bytes: the seed of an Ed25519 key (RFC 8032, section 5.1.5).
/// `Debug` shows nothing.
#[derive(Clone, Copy)]
pub struct SigningSeed([u8; 32]);

impl SigningSeed {
    /// Wraps 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for whoever signs. Never log them.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SigningSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSeed(…)")
    }
}
