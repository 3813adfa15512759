//! The verified copy of all keys: checks a presented key without the store.
//!
//! Pure and in memory, so that authentication works while the store is away.
//! It holds digests only; a ring that leaks gives no key away.

use std::{fmt, net::IpAddr, sync::Arc};

use asgard_model::Prefix;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{ApiKey, KeyId, KeyRecord, Scopes};

/// HMAC-SHA-256 of a key under the pepper.
pub type KeyDigest = [u8; 32];

/// The secret of the server that is mixed into every digest, so that a stolen
/// database alone does not let anybody test keys. `Debug` shows nothing.
///
/// It is kept as the state that HMAC makes of it: every request with a key
/// would make it anew.
#[derive(Clone)]
pub struct Pepper(Hmac<Sha256>);

impl Pepper {
    /// Wraps 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        let state = Hmac::new_from_slice(&bytes);
        Self(state.expect("HMAC takes a key of any length"))
    }

    /// HMAC-SHA-256 (RFC 2104). The keys carry 256 random bits, so a slow
    /// password hash would add nothing.
    pub(crate) fn digest(&self, text: &str) -> KeyDigest {
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

/// A key as the store keeps it.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// Everything that may be shown.
    pub record: KeyRecord,
    /// What a presented key is compared with.
    pub digest: KeyDigest,
}

/// What a valid key says about its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Public part of the key, for logs and the audit.
    pub id: KeyId,
    /// What it may do.
    pub scopes: Scopes,
    /// The organisation that it belongs to.
    pub org: Option<Arc<str>>,
    /// Whose limit it has in the configuration; `None`: that of everybody.
    pub rate_class: Option<Arc<str>>,
    /// The networks from which it may be used; `None`: from anywhere.
    pub client_cidrs: Option<Arc<[Prefix]>>,
    /// Whether it was rotated: another key takes its place, and it will end.
    pub is_replaced: bool,
}

impl KeyFacts {
    /// Whether the key may be used by a client at this address.
    ///
    /// # Errors
    /// `Elsewhere`.
    pub fn admit(&self, client: IpAddr) -> Result<(), KeyRefusal> {
        let Some(networks) = &self.client_cidrs else { return Ok(()) };
        let admitted = networks.iter().any(|network| network.contains(client));
        admitted.then_some(()).ok_or(KeyRefusal::Elsewhere)
    }
}

/// Why a presented key is refused. The messages never repeat the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// Not of our form, or its checksum differs: a typing error.
    #[error("the API key is malformed (expected asgard_live_…)")]
    Malformed,
    /// Well formed, but not one of ours.
    #[error("the API key is unknown")]
    Unknown,
    /// Revoked by an operator.
    #[error("the API key is revoked")]
    Revoked,
    /// Past its expiry.
    #[error("the API key has expired")]
    Expired,
    /// Bound to networks in which the client is not.
    #[error("the API key is bound to other client addresses than yours")]
    Elsewhere,
}

struct Entry {
    digest: KeyDigest,
    facts: KeyFacts,
    revoked: bool,
    expires_at: Option<Timestamp>,
}

/// All keys of a store at one moment, by id.
pub struct KeyRing {
    pepper: Pepper,
    entries: FxHashMap<KeyId, Entry>,
}

impl KeyRing {
    /// Builds the ring from the stored keys.
    pub fn new(pepper: Pepper, keys: Vec<StoredKey>) -> Self {
        let entries = keys.into_iter().map(entry).collect();
        Self { pepper, entries }
    }

    /// How many keys there are, revoked and expired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no key was ever made.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Checks a presented key. Who holds the id but not the secret learns
    /// `Unknown`, also about a revoked key, and cannot time the comparison.
    ///
    /// # Errors
    /// The [`KeyRefusal`] that applies first, in the order of its variants.
    pub fn verify(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<KeyFacts, KeyRefusal> {
        let key: ApiKey = presented.parse()?;
        let digest = self.pepper.digest(key.reveal());
        self.entries
            .get(&key.id())
            .filter(|entry| bool::from(entry.digest.ct_eq(&digest)))
            .ok_or(KeyRefusal::Unknown)?
            .standing(now)
    }

    /// How a key stands that was verified before, for those who keep a
    /// connection open.
    ///
    /// # Errors
    /// `Unknown`, `Revoked` or `Expired`.
    pub fn standing(
        &self,
        id: KeyId,
        now: Timestamp,
    ) -> Result<KeyFacts, KeyRefusal> {
        self.entries.get(&id).ok_or(KeyRefusal::Unknown)?.standing(now)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", self.len())
    }
}

impl Entry {
    fn standing(&self, now: Timestamp) -> Result<KeyFacts, KeyRefusal> {
        standing(self.revoked, self.expires_at, now)?;
        Ok(self.facts.clone())
    }
}

/// The one rule of when a key of ours has had its day.
pub(crate) fn standing(
    revoked: bool,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), KeyRefusal> {
    if revoked {
        Err(KeyRefusal::Revoked)
    } else if expires_at.is_some_and(|end| end <= now) {
        Err(KeyRefusal::Expired)
    } else {
        Ok(())
    }
}

fn entry(key: StoredKey) -> (KeyId, Entry) {
    let StoredKey { record, digest } = key;
    let facts = KeyFacts {
        id: record.id,
        scopes: record.scopes,
        org: record.org.map(Arc::from),
        rate_class: record.rate_class.map(Arc::from),
        client_cidrs: Some(Arc::from(record.client_cidrs))
            .filter(|networks: &Arc<[Prefix]>| !networks.is_empty()),
        is_replaced: record.replaced_by.is_some(),
    };
    let entry = Entry {
        digest,
        facts,
        revoked: record.revoked_at.is_some(),
        expires_at: record.expires_at,
    };
    (record.id, entry)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Scope;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(seed: u8) -> ApiKey {
        ApiKey::from_entropy(&[seed; ApiKey::ENTROPY])
    }

    fn ring(change: impl FnOnce(&mut KeyRecord)) -> KeyRing {
        let pepper = Pepper::new([7; 32]);
        let mut record = KeyRecord {
            id: key(1).id(),
            scopes: Scope::Read.into(),
            org: Some("acme".into()),
            label: None,
            created_at: at(0),
            created_by: "cli".into(),
            expires_at: None,
            revoked_at: None,
            rate_class: Some("siem".into()),
            client_cidrs: Vec::new(),
            replaced_by: None,
        };
        change(&mut record);
        let digest = pepper.digest(key(1).reveal());
        KeyRing::new(pepper, vec![StoredKey { record, digest }])
    }

    #[test]
    fn a_good_key_gives_its_facts() {
        let facts = ring(|_| ()).verify(key(1).reveal(), at(9)).unwrap();
        assert_eq!(facts.id, key(1).id());
        assert_eq!(facts.scopes, Scope::Read.into());
        assert_eq!(facts.org.as_deref(), Some("acme"));
        assert_eq!(facts.rate_class.as_deref(), Some("siem"));
    }

    #[test]
    fn each_fault_has_its_refusal() {
        let verify =
            |ring: &KeyRing, text: &str| ring.verify(text, at(9)).unwrap_err();
        let good = key(1);
        let plain = ring(|_| ());
        assert_eq!(verify(&plain, ""), KeyRefusal::Malformed);
        assert_eq!(verify(&plain, key(2).reveal()), KeyRefusal::Unknown);
        let revoked = ring(|r| r.revoked_at = Some(at(10)));
        assert_eq!(verify(&revoked, good.reveal()), KeyRefusal::Revoked);
        let expired = ring(|r| r.expires_at = Some(at(9)));
        assert_eq!(verify(&expired, good.reveal()), KeyRefusal::Expired);
        let valid = ring(|r| r.expires_at = Some(at(10)));
        assert!(valid.verify(good.reveal(), at(9)).is_ok());
    }

    #[test]
    fn a_key_verified_before_stands_until_it_is_revoked_or_expires() {
        let id = key(1).id();
        let plain = ring(|_| ());
        let verified = plain.verify(key(1).reveal(), at(9));
        assert_eq!(plain.standing(id, at(9)), verified);
        let unknown = plain.standing(key(2).id(), at(9));
        assert_eq!(unknown, Err(KeyRefusal::Unknown));
        let revoked = ring(|r| r.revoked_at = Some(at(10)));
        assert_eq!(revoked.standing(id, at(9)), Err(KeyRefusal::Revoked));
        let ends = ring(|r| r.expires_at = Some(at(10)));
        assert!(ends.standing(id, at(9)).is_ok());
        assert_eq!(ends.standing(id, at(10)), Err(KeyRefusal::Expired));
    }

    #[test]
    fn the_right_id_with_a_wrong_secret_is_unknown_even_when_revoked() {
        let mut random = [1; ApiKey::ENTROPY];
        random[39] = 2;
        let forged = ApiKey::from_entropy(&random);
        assert_eq!(forged.id(), key(1).id());
        let revoked = ring(|r| r.revoked_at = Some(at(1)));
        let refusal = revoked.verify(forged.reveal(), at(9)).unwrap_err();
        assert_eq!(refusal, KeyRefusal::Unknown);
    }

    #[test]
    fn another_pepper_knows_no_key() {
        let ring = ring(|_| ());
        let other = KeyRing { pepper: Pepper::new([8; 32]), ..ring };
        let refusal = other.verify(key(1).reveal(), at(9)).unwrap_err();
        assert_eq!(refusal, KeyRefusal::Unknown);
    }

    #[test]
    fn digests_are_hmac_sha_256() {
        // RFC 4231, test case 2, needs a short key: the padding makes the
        // zero-extended one equivalent (RFC 2104, section 2).
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(b"Jefe");
        let digest = Pepper::new(bytes).digest("what do ya want for nothing?");
        assert_eq!(digest[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(digest[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let shown = format!("{:?} {:?}", ring(|_| ()), Pepper::new([7; 32]));
        assert_eq!(shown, "KeyRing(1 keys) Pepper(…)");
    }

    proptest! {
        #[test]
        fn no_presented_text_panics_or_passes(text in any::<String>()) {
            prop_assert!(ring(|_| ()).verify(&text, at(9)).is_err());
        }

        #[test]
        fn no_other_key_passes(random in prop::array::uniform32(any::<u8>())) {
            let mut entropy = [1; ApiKey::ENTROPY];
            entropy[8..].copy_from_slice(&random);
            let other = ApiKey::from_entropy(&entropy);
            prop_assume!(other != key(1));
            prop_assert!(ring(|_| ()).verify(other.reveal(), at(9)).is_err());
        }
    }
}
