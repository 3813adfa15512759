//! Signals: `POST /v1/signal`, events that block and unblock one thing each.
//!
//! A bad event is rejected alone. Events work in order, each on what the ones
//! before it left.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Change, Code, Facts, Ruleset};

/// Most events of one request.
pub const MAX_EVENTS: usize = 1_000;

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventResult {
    /// Its place in the request, from 0.
    pub index: usize,
    /// What became of it.
    pub status: Status,
    /// The rule that was made, changed or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<Uuid>,
    /// The protected entry that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected_id: Option<Uuid>,
    /// Entries that the selector resolves to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<usize>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What the sender should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Rules or entries that the event ran into.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub covered_by: Vec<String>,
    /// Why it was rejected, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why it was rejected, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Of a share that needs a confirmation: the share of IPv4, 0–1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_v4: Option<f64>,
    /// And the `confirm_share` that would pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_share: Option<f64>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A rule was made.
    Created,
    /// The rule of the same selector has a new end and text.
    Updated,
    /// Rules were removed.
    Removed,
    /// A protected entry was made, because a larger block stands.
    Exception,
    /// Nothing had to be done.
    Noop,
    /// Nothing was done.
    Rejected,
}

/// A request that is no list of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// 400.
    #[error("the body is a JSON array of 1 to {MAX_EVENTS} events")]
    NotAnArray,
    /// 422.
    #[error("{0} events; one request takes 1 to {MAX_EVENTS}")]
    Count(usize),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// What became of each event.
    pub results: Vec<EventResult>,
    /// What to write, at once; may be empty.
    pub change: Change,
    /// Events that were not rejected.
    pub accepted: usize,
    /// Events that were.
    pub rejected: usize,
}

/// Applies the events of one request. `ids` gives a new id with every call.
///
/// # Errors
/// A body that is no array, or has no events or too many; nothing is done.
pub fn apply(
    ruleset: &Ruleset,
    body: &Value,
    facts: &Facts<'_>,
    ids: &mut dyn FnMut() -> Uuid,
    now: Timestamp,
) -> Result<Batch, SignalError> {
    let _ = (ruleset, body, facts, ids, now);
    unimplemented!()
}
