//! Counts requests and says so: `X-RateLimit-*`, and 429 with `Retry-After`.
//!
//! A bad key counts against its address, so that nobody guesses for free; a
//! good key has a window of its own, wherever it is used from, as wide as its
//! class says.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::{
    auth::Identity,
    client_address::Network,
    error::ApiError,
    limiter::{Client, Limiter, Verdict},
    router,
};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Counts a request of a client to an endpoint (its path without mount).
pub(crate) fn count(
    limiter: &Limiter,
    endpoint: &str,
    identity: &Identity,
    address: IpAddr,
    now: Timestamp,
) -> Verdict {
    let client = match identity {
        Identity::Bearer(facts) => {
            Client::Key(facts.id, facts.rate_class.as_deref())
        }
        _ => Client::Network(Network::from(address)),
    };
    let now = now.as_second();
    match router::UNLIMITED.contains(&endpoint) {
        true => Verdict { allowed: true, ..limiter.look(client, now) },
        false => limiter.count(client, now),
    }
}

/// What a client is told whose window is used up.
pub(crate) fn refusal(verdict: Verdict, now: Timestamp) -> ApiError {
    let wait = verdict.reset - now.as_second();
    ApiError::too_many(u32::try_from(wait).unwrap_or(1))
}

/// Says how the window stands.
pub(crate) fn stamp(headers: &mut HeaderMap, verdict: Verdict) {
    headers.insert(LIMIT, HeaderValue::from(verdict.limit));
    headers.insert(REMAINING, HeaderValue::from(verdict.remaining));
    headers.insert(RESET, HeaderValue::from(verdict.reset));
}
