//! Port: the whitelist. An AS on it scores 100 and is in no feed; that rule is
//! the scoring's, this is only the memory of it.

use asgard_model::Asn;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use crate::StoreError;

/// Why and since when an AS is trusted by the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhitelistEntry {
    /// The AS, known to us or not.
    pub asn: Asn,
    /// The operator's words.
    pub reason: String,
    /// When it was added; kept to the microsecond.
    pub added_at: Timestamp,
    /// Who is named as the author.
    pub added_by: Option<String>,
}

/// The ASes that the operator trusts. Every write is in the audit log under
/// `actor` (a key id, or `cli`), and is durable before it returns.
#[async_trait]
pub trait Whitelist: Send + Sync {
    /// Adds an AS, or replaces its entry.
    ///
    /// # Errors
    /// When the store fails; then nothing is written.
    async fn put(
        &self,
        entry: &WhitelistEntry,
        actor: &str,
    ) -> Result<(), StoreError>;

    /// Takes an AS off; `false` if it was not on it.
    ///
    /// # Errors
    /// When the store fails; then nothing is written.
    async fn remove(
        &self,
        asn: Asn,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Every entry, ascending by AS.
    ///
    /// # Errors
    /// When the store fails.
    async fn list(&self) -> Result<Vec<WhitelistEntry>, StoreError>;
}
