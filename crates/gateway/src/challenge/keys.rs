//! Keys of MACs: from a file, or made at start.

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Shortest key, in characters.
const SHORTEST: usize = 32;

/// One key that signs, and one that still verifies.
#[derive(Clone)]
pub struct Keys {
    current: Vec<u8>,
    previous: Option<Vec<u8>>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("challenge.key_file `{path}`: {cause}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The file does not hold one or two keys.
    #[error(
        "challenge.key_file `{path}`: {what}; write one or two keys of at \
         least {SHORTEST} characters, the newest first, for example by \
         `openssl rand -hex 32`"
    )]
    Content {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(String),
}

impl std::fmt::Debug for Keys {
    /// Never the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(hidden)")
    }
}

impl Keys {
    /// Reads the file; without one, makes a key that ends with the process.
    ///
    /// # Errors
    /// [`KeyError`] names the file and what to write into it.
    pub fn load(file: Option<&Path>) -> Result<Self, KeyError> {
        let Some(file) = file else { return Self::random() };
        let path = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|cause| KeyError::Read { path: path.clone(), cause })?;
        Self::parse(&text).map_err(|what| KeyError::Content { path, what })
    }

    /// A new key.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn random() -> Result<Self, KeyError> {
        let mut key = vec![0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| KeyError::Random(error.to_string()))?;
        Ok(Self { current: key, previous: None })
    }

    /// Keys as lines; empty ones and those with `#` are left out.
    fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.len() < SHORTEST {
                return Err(format!("the key in line {number} is too short"));
            }
            keys.push(line.as_bytes().to_vec());
        }
        let mut keys = keys.into_iter();
        match (keys.next(), keys.next(), keys.next()) {
            (Some(current), previous, None) => Ok(Self { current, previous }),
            (None, ..) => Err("it holds no key".into()),
            _ => Err("it holds more than two keys".into()),
        }
    }

    /// The MAC of some parts by the newest key.
    pub(super) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.current, parts)
    }

    /// Whether a MAC was made by one of the keys, in constant time.
    pub(super) fn verify(&self, parts: &[&[u8]], given: &[u8]) -> bool {
        let by = |key: &Vec<u8>| bool::from(mac(key, parts)[..].ct_eq(given));
        by(&self.current) | self.previous.as_ref().is_some_and(by)
    }
}

/// Parts are preceded by their lengths, so that no two lists look the same.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&length(part));
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The first half of a SHA-256 over some parts.
pub(super) fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(length(part));
        hash.update(part);
    }
    let whole: [u8; 32] = hash.finalize().into();
    whole[..16].try_into().expect("32 bytes have 16")
}

fn length(part: &[u8]) -> [u8; 8] {
    u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_one_or_two_long_keys() {
        let (a, b) = ("a".repeat(32), "b".repeat(40));
        assert!(Keys::parse(&format!("# new\n{a}\n\n{b}\n")).is_ok());
        let refused = |text: &str| Keys::parse(text).unwrap_err();
        assert_eq!(refused("# nothing\n"), "it holds no key");
        assert_eq!(refused("short"), "the key in line 1 is too short");
        let three = format!("{a}\n{a}\n{a}");
        assert_eq!(refused(&three), "it holds more than two keys");
    }

    #[test]
    fn the_previous_key_verifies_and_a_third_does_not() {
        let (a, b, c) = ("a".repeat(32), "b".repeat(32), "c".repeat(32));
        let old = Keys::parse(&a).unwrap();
        let both = Keys::parse(&format!("{b}\n{a}")).unwrap();
        let later = Keys::parse(&format!("{c}\n{b}")).unwrap();
        let mac = old.sign(&[b"x"]);
        assert!(both.verify(&[b"x"], &mac));
        assert!(!later.verify(&[b"x"], &mac));
        assert!(!both.verify(&[b"x"], &mac[..31]));
        assert_eq!(format!("{both:?}"), "Keys(hidden)");
    }
}
