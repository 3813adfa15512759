//! Port: from where feeds are polled, and for which kinds of device.
//!
//! Noted by the minute and not by the poll: a few polls that a crash forgets
//! do no harm. Nothing here is in the audit log or moves
//! [`crate::Changes::version`].

use std::net::IpAddr;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::StoreError;

/// Addresses and profiles that were not seen for so long are forgotten.
pub const POLLER_AGE: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Most addresses that are kept of one organisation; beyond, the one that was
/// seen least recently goes.
pub const POLLERS_MAX: u32 = 1024;

/// Polls of one organisation from one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poller {
    /// The organisation.
    pub org: String,
    /// The client's address.
    pub address: IpAddr,
    /// First poll that is remembered.
    pub first_at: Timestamp,
    /// Last poll.
    pub last_at: Timestamp,
    /// How many; in [`Pollers::note`], how many more.
    pub polls: u64,
    /// Whether one of them was with a key that is bound to client networks.
    pub bound: bool,
}

/// A kind of device that a key polls for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolledProfile {
    /// The organisation.
    pub org: String,
    /// The id of the key.
    pub key: String,
    /// The name of the profile.
    pub profile: String,
    /// Last poll.
    pub last_at: Timestamp,
}

/// Who polls.
#[async_trait]
pub trait Pollers: Send + Sync {
    /// Adds what was polled since the last call, and forgets what was not for
    /// [`POLLER_AGE`].
    ///
    /// # Errors
    /// When the store fails; then nothing is written.
    async fn note(
        &self,
        pollers: &[Poller],
        profiles: &[PolledProfile],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Every address, by organisation and then by text.
    ///
    /// # Errors
    /// When the store fails.
    async fn pollers(&self) -> Result<Vec<Poller>, StoreError>;

    /// Every profile, by organisation, key and name.
    ///
    /// # Errors
    /// When the store fails.
    async fn profiles(&self) -> Result<Vec<PolledProfile>, StoreError>;
}
