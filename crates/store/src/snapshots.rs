//! Port: the last snapshot, so that a restart serves at once.
//!
//! The store does not know what the bytes mean; it promises that they come
//! back as they were, or not at all.

use async_trait::async_trait;

use crate::StoreError;

/// The last snapshot.
#[async_trait]
pub trait Snapshots: Send + Sync {
    /// Replaces the snapshot; a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full or gone; the old one stays.
    async fn save(&self, serial: u64, bytes: Vec<u8>)
    -> Result<(), StoreError>;

    /// The serial and the bytes of the last snapshot; `None` before the first.
    ///
    /// # Errors
    /// `Corrupt` for a file that is damaged, foreign, or of another format:
    /// go on without it, the next save replaces it.
    async fn load(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError>;
}
