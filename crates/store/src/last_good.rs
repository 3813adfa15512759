//! Port: the last good body of each feed, for the day on which none can be
//! made.
//!
//! Files, not rows: they are large, they are needed most when the database is
//! away, and losing them costs nothing but that day.

use async_trait::async_trait;

use crate::StoreError;

/// Bodies by name. A name is any text; the body comes with a few words that
/// the caller needs to serve it.
#[async_trait]
pub trait LastGood: Send + Sync {
    /// Replaces the body under a name. Beyond [`BODIES_MAX`] bytes in all, the
    /// bodies that were written longest ago go.
    ///
    /// # Errors
    /// When the disk fails; then the old body is still there.
    async fn keep_body(
        &self,
        name: &str,
        about: &str,
        body: &[u8],
    ) -> Result<(), StoreError>;

    /// The body under a name with its words; `None` if there is none, or if
    /// it is damaged.
    ///
    /// # Errors
    /// When the disk fails.
    async fn find_body(
        &self,
        name: &str,
    ) -> Result<Option<(String, Vec<u8>)>, StoreError>;
}

/// Most bytes of bodies that are kept on disk.
pub const BODIES_MAX: u64 = 2 << 30;
