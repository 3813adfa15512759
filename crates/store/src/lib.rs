//! Memory of the system: what must outlive the process.
//!
//! | port | remembers | file |
//! |---|---|---|
//! | [`History`] | scores of the past, as changes | [`history`] |
//! | [`Keys`] | API keys, as digests; [`KeyRing`] verifies without the store | [`keys`] |
//! | [`Whitelist`] | the ASes that the operator trusts | [`whitelist`] |
//! | [`Sources`] | the last fetch of each source | [`sources`] |
//! | [`Snapshots`] | the last snapshot | [`snapshots`] |
//! | [`Rules`] | what organisations block and protect | [`rules`] |
//! | [`Idempotency`] | answers to writes that may be sent again | [`idempotency`] |
//! | [`Pollers`] | from where feeds are polled, for which devices | [`pollers`] |
//! | [`LastGood`] | the last good body of each feed | [`last_good`] |
//! | [`Audit`] | who wrote what | [`audit`] |
//! | [`Changes`] | nothing: it tells that others wrote | [`changes`] |
//!
//! [`open`] is the only place that picks a backend. The embedded one is SQLite
//! in WAL mode in a data directory. Several processes may open the same
//! directory; only one may serve from it ([`Store::lock_serving`]). Writes are
//! durable when they return. Nothing here knows what a score means.

use std::{fmt, path::PathBuf, sync::Arc};

mod api_key;
pub mod audit;
pub mod changes;
mod embedded;
mod error;
pub mod history;
pub mod idempotency;
mod key_ring;
pub mod keys;
pub mod last_good;
pub mod pollers;
pub mod rules;
mod scope;
mod signing_seed;
pub mod snapshots;
pub mod sources;
pub mod whitelist;

pub use api_key::{ApiKey, KeyId, KeyIdError};
pub use audit::{Audit, AuditEntry, ChainVerdict};
pub use changes::Changes;
pub use embedded::ServingGuard;
pub use error::StoreError;
pub use history::{Cycle, History, HistoryPage};
pub use idempotency::{Answer, Idempotency, KeptAnswer};
pub use key_ring::{
    KeyDigest, KeyFacts, KeyRefusal, KeyRing, Pepper, StoredKey,
};
pub use keys::{KeyRecord, Keys, NewKey, Rotation, RotationRefusal};
pub use last_good::{BodyKind, BodyPlace, LastGood};
pub use pollers::{PolledProfile, Poller, Pollers};
pub use rules::{
    Committed, Document, DocumentKind, OrgRules, Rules, RulesWrite,
    VersionRecord,
};
pub use scope::{Permission, Scope, ScopeError, Scopes};
pub use signing_seed::SigningSeed;
pub use snapshots::Snapshots;
pub use sources::{SourceState, Sources};
pub use whitelist::{Whitelist, WhitelistEntry};

use embedded::Embedded;

/// Which Internet a data directory remembers; the two never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorldKind {
    /// The one outside.
    Real,
    /// The generated one of `--demo`.
    Demo,
}

impl WorldKind {
    /// Every kind with its name.
    pub const VALUES: [(Self, &'static str); 2] =
        [(Self::Real, "real"), (Self::Demo, "demo")];

    /// The name in messages and in the store.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }
}

impl fmt::Display for WorldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where to remember, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The data directory; made, for its owner alone, if it is not there.
    pub dir: PathBuf,
    /// The world that the caller brings. It marks a directory without a mark,
    /// and is refused by one with the other mark. `None` (administration, such
    /// as making a key) takes either and leaves no mark.
    pub world: Option<WorldKind>,
}

/// An open store: one handle a port. Clones share everything.
#[derive(Clone)]
pub struct Store {
    /// Scores of the past.
    pub history: Arc<dyn History>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// The ASes that the operator trusts.
    pub whitelist: Arc<dyn Whitelist>,
    /// The last fetch of each source.
    pub sources: Arc<dyn Sources>,
    /// The last snapshot.
    pub snapshots: Arc<dyn Snapshots>,
    /// What organisations block and protect.
    pub rules: Arc<dyn Rules>,
    /// Answers to writes that may be sent again.
    pub idempotency: Arc<dyn Idempotency>,
    /// From where feeds are polled.
    pub pollers: Arc<dyn Pollers>,
    /// The last good body of each feed.
    pub last_good: Arc<dyn LastGood>,
    /// Who wrote what.
    pub audit: Arc<dyn Audit>,
    /// Whether others wrote.
    pub changes: Arc<dyn Changes>,
    backend: Arc<Embedded>,
}

/// Opens the store, makes it if it is not there, and migrates it.
///
/// # Errors
/// `OtherWorld`, `Newer`, `Corrupt` (also when the `pepper` file no longer fits
/// the keys), `Unavailable` when the directory cannot be used.
pub async fn open(config: &StoreConfig) -> Result<Store, StoreError> {
    let backend = Arc::new(Embedded::open(config).await?);
    Ok(Store {
        history: backend.clone(),
        keys: backend.clone(),
        whitelist: backend.clone(),
        sources: backend.clone(),
        snapshots: backend.clone(),
        rules: backend.clone(),
        idempotency: backend.clone(),
        pollers: backend.clone(),
        last_good: backend.clone(),
        audit: backend.clone(),
        changes: backend.clone(),
        backend,
    })
}

impl Store {
    /// Refuses a directory that is marked as the other world, and marks none:
    /// for commands that only read.
    ///
    /// # Errors
    /// `OtherWorld`.
    pub async fn expect_world(
        &self,
        wanted: WorldKind,
    ) -> Result<(), StoreError> {
        self.backend.expect_world(wanted).await
    }

    /// Takes the right to serve from this store until the guard is dropped or
    /// the process ends, however it ends. Others may still read and write.
    ///
    /// # Errors
    /// `AlreadyServing` while another process, or another handle in this one,
    /// has it.
    pub fn lock_serving(&self) -> Result<ServingGuard, StoreError> {
        self.backend.lock_serving()
    }

    /// What the key is made of that signs manifests of feeds.
    pub fn signing_seed(&self) -> SigningSeed {
        self.backend.signing_seed()
    }

    /// Waits for running calls, folds the write-ahead log into the database
    /// and closes all handles; later calls give `Unavailable`.
    ///
    /// # Errors
    /// When the log cannot be folded in; nothing is lost by it.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.backend.close().await
    }
}
