//! Port: API keys. Keeps digests; the secret is returned once and forgotten.

use asgard_model::Prefix;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::{
    ApiKey, KeyId, KeyRefusal, KeyRing, Scopes, StoreError, key_ring::standing,
};

/// What a new key shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it may do.
    pub scopes: Scopes,
    /// The organisation that it belongs to.
    pub org: Option<String>,
    /// A note for people: who uses it, where.
    pub label: Option<String>,
    /// From this moment on it is refused; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// Whose limit it has in the configuration; `None`: that of everybody.
    pub rate_class: Option<String>,
    /// The networks from which it may be used; empty: from anywhere.
    pub client_cidrs: Vec<Prefix>,
}

impl NewKey {
    /// A key of nobody in particular that never ends.
    pub fn with(scopes: impl Into<Scopes>) -> Self {
        Self {
            scopes: scopes.into(),
            org: None,
            label: None,
            expires_at: None,
            rate_class: None,
            client_cidrs: Vec::new(),
        }
    }
}

/// All that may be shown about a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyRecord {
    /// The public part.
    pub id: KeyId,
    /// What it may do.
    pub scopes: Scopes,
    /// The organisation that it belongs to.
    pub org: Option<String>,
    /// A note for people.
    pub label: Option<String>,
    /// When it was made; moments are kept to the microsecond.
    pub created_at: Timestamp,
    /// Who made it: a key id, or `cli`.
    pub created_by: String,
    /// From this moment on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Whose limit it has in the configuration.
    pub rate_class: Option<String>,
    /// The networks from which it may be used; empty: from anywhere.
    #[serde(serialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub client_cidrs: Vec<Prefix>,
    /// The key that takes its place, once it was rotated.
    pub replaced_by: Option<KeyId>,
}

impl KeyRecord {
    /// Whether the key opens anything at this moment.
    ///
    /// # Errors
    /// `Revoked` or `Expired`.
    pub fn standing(&self, now: Timestamp) -> Result<(), KeyRefusal> {
        standing(self.revoked_at.is_some(), self.expires_at, now)
    }
}

fn texts<S: Serializer>(all: &[Prefix], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(all.iter().map(Prefix::to_string))
}

/// A key and the one that takes its place.
#[derive(Debug)]
pub struct Rotation {
    /// The old key, with its new end.
    pub old: KeyRecord,
    /// The new key.
    pub new: KeyRecord,
    /// The new key's text, to be shown once.
    pub key: ApiKey,
}

/// Why a key is not rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationRefusal {
    /// It opens nothing.
    #[error(transparent)]
    Standing(#[from] KeyRefusal),
    /// It was rotated before. Its end was brought forward then, so a second
    /// successor like it would end with it.
    #[error("the API key was rotated before: rotate its successor {0}")]
    Replaced(KeyId),
}

/// The keys of a store. Every write is in the audit log under `actor` (a key
/// id, or `cli`), and is durable before it returns.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Makes a key from the random source of the system.
    ///
    /// # Errors
    /// When the store fails, or the system has no randomness.
    async fn create(
        &self,
        key: NewKey,
        actor: &str,
        now: Timestamp,
    ) -> Result<(KeyRecord, ApiKey), StoreError>;

    /// Every key, revoked ones too, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    async fn list(&self) -> Result<Vec<KeyRecord>, StoreError>;

    /// Revokes a key for good; `false` if there is none or it was revoked
    /// before.
    ///
    /// # Errors
    /// When the store fails.
    async fn revoke(
        &self,
        id: KeyId,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Makes a key that may do what another one may, for the same organisation,
    /// label, class, networks and time, and lets the other one end at `end`, or when it
    /// would have ended, whichever is first. All in one transaction; the audit
    /// log has one entry, on the old key.
    ///
    /// # Errors
    /// When the store fails, or the system has no randomness. A key that is
    /// unknown, revoked, expired or rotated before is a refusal; then nothing
    /// is written.
    async fn rotate(
        &self,
        id: KeyId,
        end: Timestamp,
        actor: &str,
        now: Timestamp,
    ) -> Result<Result<Rotation, RotationRefusal>, StoreError>;

    /// A copy of all keys that verifies without the store; take a new one
    /// when [`crate::Changes::version`] moves.
    ///
    /// # Errors
    /// When the store fails.
    async fn load(&self) -> Result<KeyRing, StoreError>;
}
