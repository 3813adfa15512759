//! How each source is doing: one line each in `/v1/status`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// State of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Name in the catalogue.
    pub name: String,
    /// What it tells: `routing`, `threat:c2`, `ranges:crawler`, …
    pub role: String,
    /// Independence family.
    pub family: String,
    /// Whether it is read at all.
    pub enabled: bool,
    /// When we last asked.
    pub last_attempt: Option<Timestamp>,
    /// When we last got a good version, or learnt that ours is current.
    pub last_success: Option<Timestamp>,
    /// The publisher's date of the version in use.
    pub data_date: Option<Timestamp>,
    /// Rows of the version in use.
    pub rows: Option<u64>,
    /// Bytes of the version in use, as published.
    pub bytes: Option<u64>,
    /// Why the last attempt failed; `None` if it did not.
    pub last_error: Option<String>,
    /// Older than its `max_stale`.
    pub stale: bool,
    /// Licence, as the publisher states it.
    pub licence: String,
    /// The line that the terms ask us to show.
    pub attribution: Option<String>,
}
