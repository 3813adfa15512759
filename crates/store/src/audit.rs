//! Port: who wrote what. Read-only: entries are appended by the writes
//! themselves, in their own transaction.
//!
//! Each entry carries the SHA-256 of the one before it, so that a changed,
//! removed or reordered row shows. The chain is not keyed: who can write the
//! file can write a new chain, and only a copy kept elsewhere would tell.

use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::StoreError;

/// The `prev_hash` of the first entry.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

const PAGE: u32 = 1000;

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// When; kept to the microsecond.
    pub at: Timestamp,
    /// Who: a key id, or `cli`.
    pub actor: String,
    /// What was done: `whitelist.put`, `key.revoke`, …
    pub action: String,
    /// To what: `AS64496`, a key id.
    pub object: String,
    /// The object before, as JSON; `None` if there was none.
    pub before: Option<String>,
    /// The object after, as JSON; `None` if it is gone.
    pub after: Option<String>,
    /// `hash` of the entry before; zeros for the first.
    pub prev_hash: [u8; 32],
    /// SHA-256 over `prev_hash` and all other fields.
    pub hash: [u8; 32],
}

impl AuditEntry {
    /// The hash that the fields call for: SHA-256 over `prev_hash` and a JSON
    /// array of the others, which no two sets of fields share.
    pub(crate) fn seal(&self) -> [u8; 32] {
        let fields = serde_json::json!([
            self.seq,
            self.at.as_microsecond(),
            self.actor,
            self.action,
            self.object,
            self.before,
            self.after
        ]);
        Sha256::new()
            .chain_update(self.prev_hash)
            .chain_update(fields.to_string())
            .finalize()
            .into()
    }

    fn follows(&self, last: Link) -> bool {
        self.seq == last.seq + 1
            && self.prev_hash == last.hash
            && self.hash == self.seal()
    }
}

#[derive(Clone, Copy)]
struct Link {
    seq: u64,
    hash: [u8; 32],
}

/// What a check of the whole log found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainVerdict {
    /// Every entry is there, in order and unchanged.
    Intact {
        /// How many.
        entries: u64,
    },
    /// This entry is missing, or was changed or moved.
    Broken {
        /// Its number.
        seq: u64,
    },
}

/// The log of writes.
#[async_trait]
pub trait Audit: Send + Sync {
    /// At most `limit` entries above number `after`, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    async fn list(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// How many entries were ever appended.
    ///
    /// # Errors
    /// When the store fails.
    async fn appended(&self) -> Result<u64, StoreError>;

    /// Reads the whole log and checks every link.
    ///
    /// # Errors
    /// When the store fails; a broken chain is a verdict, not an error.
    async fn verify_chain(&self) -> Result<ChainVerdict, StoreError> {
        let appended = self.appended().await?;
        let mut last = Link { seq: 0, hash: GENESIS };
        loop {
            let page = self.list(last.seq, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                if !entry.follows(last) {
                    return Ok(ChainVerdict::Broken { seq: last.seq + 1 });
                }
                last = Link { seq: entry.seq, hash: entry.hash };
            }
        }
        // Entries that came while we read are fine; missing ones are not.
        Ok(if last.seq < appended {
            ChainVerdict::Broken { seq: last.seq + 1 }
        } else {
            ChainVerdict::Intact { entries: last.seq }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_text_between_fields_changes_the_seal() {
        let entry = |actor: &str, action: &str| AuditEntry {
            seq: 1,
            at: Timestamp::UNIX_EPOCH,
            actor: actor.into(),
            action: action.into(),
            object: String::new(),
            before: None,
            after: None,
            prev_hash: GENESIS,
            hash: GENESIS,
        };
        assert_ne!(entry("ab", "c").seal(), entry("a", "bc").seal());
        assert_ne!(entry("a\",\"b", "").seal(), entry("a", "b").seal());
    }
}
