//! Port: what organisations block and protect, as documents.
//!
//! An organisation is a name; its rule set exists from its first write on and
//! has one version number that grows by one with every write. The store reads
//! nothing of a document but what stands beside it here: which kind it is, its
//! id, whether it is in force, and until when.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{StoreError, idempotency::Answer};

/// Versions that are kept whatever their age.
pub const VERSIONS_KEPT: u64 = 30;

/// Younger versions are kept too, up to [`VERSIONS_MAX`].
pub const VERSIONS_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Most versions that are kept of one organisation.
pub const VERSIONS_MAX: u64 = 10_000;

/// What a document is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum DocumentKind {
    /// Something to block, or to allow.
    Rule,
    /// Something that no feed may name.
    Protected,
    /// An operator's word that changed data are good.
    Release,
}

impl DocumentKind {
    /// Every kind with its name in the store.
    pub const VALUES: [(Self, &'static str); 3] = [
        (Self::Rule, "rule"),
        (Self::Protected, "protected"),
        (Self::Release, "release"),
    ];

    /// The name in the store.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }
}

/// One document of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// Its name, unique for the organisation and kind.
    pub id: String,
    /// Whether it is in force.
    pub active: bool,
    /// From this moment on it is not; kept to the microsecond.
    pub expires_at: Option<Timestamp>,
    /// JSON.
    pub document: String,
}

/// All documents of an organisation at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgRules {
    /// The organisation.
    pub org: String,
    /// 0 before the first write.
    pub version: u64,
    /// When that version was written; kept to the microsecond.
    pub at: Timestamp,
    /// By kind, then by id.
    pub documents: Vec<Document>,
}

/// What one write to a rule set does, at once or not at all.
#[derive(Clone, Debug)]
pub struct RulesWrite<'a> {
    /// Whose rules.
    pub org: &'a str,
    /// The version that the writer knows; another one is [`Committed::Moved`].
    pub base: u64,
    /// Documents that are new, or take the place of one with their id.
    pub put: Vec<Document>,
    /// Documents that go; one that is not there is passed over.
    pub remove: Vec<(DocumentKind, String)>,
    /// Who writes: a key id, or `cli`.
    pub actor: &'a str,
    /// What is done, in the audit log: `rule.create`, `signal`, …
    pub action: &'a str,
    /// When.
    pub at: Timestamp,
    /// What to answer to whoever sends the same request again.
    pub answer: Option<Answer<'a>>,
    /// How long somebody may still be served an older version, if that is
    /// longer than [`VERSIONS_AGE`]: younger versions stay, and the newest of
    /// those that are older. `None`: the writer does not know.
    pub staged: Option<SignedDuration>,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is durable, as this version.
    Version(u64),
    /// Somebody else wrote since; nothing was written. Load and try again.
    Moved,
}

/// A version of the past, without its documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionRecord {
    /// Its number.
    pub version: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it.
    pub actor: String,
    /// What was done.
    pub action: String,
}

/// The rules of all organisations. Every write is one entry of the audit log,
/// and durable before it returns.
#[async_trait]
pub trait Rules: Send + Sync {
    /// Every organisation that has ever written, with its present version;
    /// ascending by name.
    ///
    /// # Errors
    /// When the store fails.
    async fn versions(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// The present documents of an organisation; version 0 and none if it has
    /// never written.
    ///
    /// # Errors
    /// When the store fails.
    async fn load(&self, org: &str) -> Result<OrgRules, StoreError>;

    /// Writes a version on top of the one that the writer knows. Versions
    /// beyond [`VERSIONS_KEPT`] and [`VERSIONS_AGE`] (or
    /// [`RulesWrite::staged`]), and beyond [`VERSIONS_MAX`], are forgotten in
    /// passing; by a writer that knows no stage, only the latter. A write that
    /// names nothing makes a version too.
    ///
    /// # Errors
    /// When the store fails; then nothing is written.
    async fn commit(
        &self,
        write: RulesWrite<'_>,
    ) -> Result<Committed, StoreError>;

    /// The versions that are kept, newest first, the present one included.
    ///
    /// # Errors
    /// When the store fails.
    async fn history(
        &self,
        org: &str,
    ) -> Result<Vec<VersionRecord>, StoreError>;

    /// The documents as they were at a version; `None` if it is not kept.
    ///
    /// # Errors
    /// When the store fails.
    async fn at_version(
        &self,
        org: &str,
        version: u64,
    ) -> Result<Option<OrgRules>, StoreError>;
}
