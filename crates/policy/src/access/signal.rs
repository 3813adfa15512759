//! Signals: `POST /v1/signal`, events that block and unblock one thing each.
//!
//! A bad event is rejected alone. Events work in order, each on what the ones
//! before it left. Each is planned on a desk that it can only read, and carried
//! out once nothing speaks against it: one that is rejected changes nothing.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use self::{
    desk::Desk,
    event::{Action, Event},
};
use super::{Change, Code, Facts, Refusal, Ruleset};

mod block;
mod desk;
mod event;
mod unblock;

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
    let Value::Array(events) = body else {
        return Err(SignalError::NotAnArray);
    };
    if events.is_empty() || events.len() > MAX_EVENTS {
        return Err(SignalError::Count(events.len()));
    }
    let mut desk = Desk::new(ruleset, facts, ids, now);
    let mut results = Vec::with_capacity(events.len());
    for (index, value) in events.iter().enumerate() {
        let outcome = Event::read(value, now);
        let outcome = outcome.and_then(|event| work(&mut desk, &event));
        let result = outcome.unwrap_or_else(EventResult::rejected);
        results.push(EventResult { index, ..result });
    }
    let rejected = |result: &&EventResult| result.status == Status::Rejected;
    let rejected = results.iter().filter(rejected).count();
    let accepted = results.len() - rejected;
    Ok(Batch { results, change: desk.change(), accepted, rejected })
}

fn work(desk: &mut Desk<'_>, event: &Event) -> Result<EventResult, Refusal> {
    Ok(match event.action {
        Action::Block => block::plan(desk, event)?.carry_out(desk),
        Action::Unblock => unblock::plan(desk, event)?.carry_out(desk),
    })
}

impl EventResult {
    fn new(status: Status) -> Self {
        Self {
            index: 0,
            status,
            rule_id: None,
            protected_id: None,
            entries: None,
            expires_at: None,
            warning: None,
            covered_by: Vec::new(),
            error: None,
            code: None,
            share_v4: None,
            confirm_share: None,
        }
    }

    fn rejected(refusal: Refusal) -> Self {
        Self {
            error: Some(refusal.message),
            code: Some(refusal.code),
            share_v4: refusal.share_v4,
            confirm_share: refusal.confirm_share,
            ..Self::new(Status::Rejected)
        }
    }
}
