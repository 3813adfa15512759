//! The key that a connection proved last: a client shows the same key with
//! every request, and its digest need not be computed each time.
//!
//! It answers only for the ring of keys that the key was verified with, and
//! only whose key it is: whether that key still stands (revoked, expired) is
//! asked of the ring for every request.

use std::sync::{Mutex, PoisonError};

use asgard_store::KeyId;
use subtle::ConstantTimeEq;

/// Longest text that is remembered; a key is shorter.
const LONGEST: usize = 128;

/// What one connection proved last.
#[derive(Debug, Default)]
// A std lock: requests of one connection, each for one comparison.
pub(crate) struct KeyMemory(Mutex<Option<Proof>>);

struct Proof {
    presented: Box<[u8]>,
    /// Serial of the ring that verified it.
    ring: u64,
    id: KeyId,
}

impl std::fmt::Debug for Proof {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proof({})", self.id.as_str())
    }
}

impl KeyMemory {
    /// Whose key `presented` is, if this ring verified it before. Several
    /// clients may share a connection to a proxy: the comparison takes the same
    /// time wherever the texts differ.
    pub(crate) fn recall(&self, presented: &str, ring: u64) -> Option<KeyId> {
        let proof = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let proof = proof.as_ref().filter(|proof| proof.ring == ring)?;
        let same = equal(&proof.presented, presented.as_bytes());
        same.then_some(proof.id)
    }

    /// Remembers what a ring has verified, instead of what was before.
    pub(crate) fn keep(&self, presented: &str, ring: u64, id: KeyId) {
        if presented.len() > LONGEST {
            return;
        }
        let presented = presented.as_bytes().into();
        let mut proof = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *proof = Some(Proof { presented, ring, id });
    }
}

/// Word by word, and never ending early; only lengths may be told apart.
fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (heads_a, rest_a) = a.as_chunks::<8>();
    let (heads_b, rest_b) = b.as_chunks::<8>();
    let differences = heads_a.iter().zip(heads_b).fold(0, |all, (a, b)| {
        all | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    });
    bool::from(differences.ct_eq(&0) & rest_a.ct_eq(rest_b))
}

#[cfg(test)]
mod tests {
    use asgard_store::ApiKey;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_recalled_for_the_ring_that_verified_it() {
        let key = ApiKey::from_entropy(&[1; ApiKey::ENTROPY]);
        let other = ApiKey::from_entropy(&[2; ApiKey::ENTROPY]);
        let memory = KeyMemory::default();
        assert_eq!(memory.recall(key.reveal(), 1), None);
        memory.keep(key.reveal(), 1, key.id());
        assert_eq!(memory.recall(key.reveal(), 1), Some(key.id()));
        assert_eq!(memory.recall(key.reveal(), 2), None);
        assert_eq!(memory.recall(other.reveal(), 1), None);
        memory.keep(other.reveal(), 1, other.id());
        assert_eq!(memory.recall(key.reveal(), 1), None);
        assert!(!format!("{memory:?}").contains(other.reveal()));
    }

    proptest! {
        #[test]
        fn equal_texts_and_no_others_are_equal(
            a in prop::collection::vec(any::<u8>(), 0..40),
            at in any::<prop::sample::Index>(),
            flip in 1..=u8::MAX,
        ) {
            prop_assert!(equal(&a, &a.clone()));
            if !a.is_empty() {
                let mut b = a.clone();
                b[at.index(a.len())] ^= flip;
                prop_assert!(!equal(&a, &b));
                prop_assert!(!equal(&a, &a[..a.len() - 1]));
            }
        }
    }
}
