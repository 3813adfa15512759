//! Port: has anybody written keys, rules or the whitelist?

use async_trait::async_trait;

use crate::StoreError;

/// Notice of writes, also those of other processes on the same store.
#[async_trait]
pub trait Changes: Send + Sync {
    /// A number that grows with every write to the keys, the rules or the
    /// whitelist, by any process; history and source states do not move it. Cheap enough to
    /// be asked four times a second.
    ///
    /// # Errors
    /// When the store fails.
    async fn version(&self) -> Result<u64, StoreError>;
}
