//! Port: what is known about the last fetch of each source.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;

/// The last fetch of one source. `None`: never, or not said by the publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// Name in the catalogue.
    pub name: String,
    /// When it was last asked; moments are kept to the microsecond.
    pub last_attempt: Option<Timestamp>,
    /// When it last gave data that were accepted.
    pub last_success: Option<Timestamp>,
    /// Rows of the accepted data.
    pub rows: Option<u64>,
    /// Bytes of the accepted data, as fetched.
    pub bytes: Option<u64>,
    /// `ETag` of the accepted data, for the next conditional request.
    pub etag: Option<String>,
    /// `Last-Modified` of the accepted data, as received.
    pub last_modified: Option<String>,
    /// SHA-256 of the accepted data, in hex.
    pub sha256: Option<String>,
    /// When the publisher says that the data were made.
    pub published: Option<Timestamp>,
    /// Why the last attempt failed; `None` after a success.
    pub last_error: Option<String>,
}

/// Source states, by name.
#[async_trait]
pub trait Sources: Send + Sync {
    /// Replaces the state of one source.
    ///
    /// # Errors
    /// When the store fails.
    async fn put(&self, state: &SourceState) -> Result<(), StoreError>;

    /// The state of one source; `None` if it was never asked.
    ///
    /// # Errors
    /// When the store fails.
    async fn get(&self, name: &str) -> Result<Option<SourceState>, StoreError>;

    /// Every state, ascending by name.
    ///
    /// # Errors
    /// When the store fails.
    async fn list(&self) -> Result<Vec<SourceState>, StoreError>;
}
