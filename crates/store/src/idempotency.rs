//! Port: answers to writes that carried a key of their own.
//!
//! A client that did not hear our answer sends its request again under the
//! same `Idempotency-Key` and gets the same answer, without a second write.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::StoreError;

/// How long an answer is kept.
pub const ANSWER_AGE: SignedDuration = SignedDuration::from_hours(24);

/// An answer on its way into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The client's key.
    pub key: &'a str,
    /// SHA-256 of the request that it answers.
    pub request: [u8; 32],
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: &'a str,
}

/// An answer that was given before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// SHA-256 of the request that it answered.
    pub request: [u8; 32],
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// Answers by organisation and key. Those to writes that change something are
/// written with the change, in [`crate::RulesWrite::answer`].
#[async_trait]
pub trait Idempotency: Send + Sync {
    /// The answer that was given to this key in the last [`ANSWER_AGE`].
    ///
    /// # Errors
    /// When the store fails.
    async fn find(
        &self,
        org: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<KeptAnswer>, StoreError>;

    /// Keeps an answer to a write that changed nothing; an older one under the
    /// same key stays if it is still good.
    ///
    /// # Errors
    /// When the store fails.
    async fn keep(
        &self,
        org: &str,
        answer: Answer<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}
