//! Counts requests and says so: `X-RateLimit-*`, and 429 with `Retry-After`.
//!
//! A bad key counts against its address, so that nobody guesses for free; a
//! good key has a window of its own, wherever it is used from, as wide as its
//! class says, and a second one for polling feeds, where a 304 counts half.

use std::{net::IpAddr, sync::Arc};

use axum::http::{HeaderMap, HeaderName, StatusCode};
use jiff::Timestamp;

use crate::{
    ApiConfig,
    auth::Identity,
    client_address::Network,
    error::ApiError,
    header_number::header_number,
    limiter::{Client, Limiter, Verdict},
    router,
};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The windows of all clients.
#[derive(Debug)]
pub(crate) struct Windows {
    all: Limiter,
    /// Of keys that poll feeds.
    feeds: Limiter,
}

/// One request as it is counted.
#[derive(Debug)]
pub(crate) struct Turnstile<'a> {
    windows: &'a Windows,
    /// Path without mount.
    endpoint: &'a str,
    client: Client<'a>,
    /// Unix seconds.
    now: i64,
}

impl Windows {
    pub(crate) fn new(config: &ApiConfig) -> Self {
        let limiter =
            |limit| Limiter::new(limit, Arc::clone(&config.rate_classes));
        Self {
            all: limiter(config.rate_limit_per_minute),
            feeds: limiter(config.feeds.rate_limit_per_minute),
        }
    }

    /// Where a client stands who asks an endpoint (its path without mount).
    pub(crate) fn turnstile<'a>(
        &'a self,
        endpoint: &'a str,
        identity: &'a Identity,
        address: IpAddr,
        now: Timestamp,
    ) -> Turnstile<'a> {
        let client = match identity {
            Identity::Bearer(facts) => {
                Client::Key(facts.id, facts.rate_class.as_deref())
            }
            _ => Client::Network(Network::from(address)),
        };
        Turnstile { windows: self, endpoint, client, now: now.as_second() }
    }
}

impl Turnstile<'_> {
    /// Counts the request.
    pub(crate) fn count(&self) -> Verdict {
        let limiter = self.limiter();
        match router::UNLIMITED.contains(&self.endpoint) {
            true => limiter.look(self.client, self.now),
            false => limiter.count(self.client, self.now),
        }
    }

    /// What the answer shows of the window: a feed that had not changed is
    /// half a request.
    pub(crate) fn after(
        &self,
        verdict: Verdict,
        status: StatusCode,
    ) -> Verdict {
        let cheap = status == StatusCode::NOT_MODIFIED && self.polls();
        if cheap && verdict.limit != u32::MAX {
            return self.windows.feeds.give_half_back(self.client, self.now);
        }
        verdict
    }

    fn limiter(&self) -> &Limiter {
        if self.polls() { &self.windows.feeds } else { &self.windows.all }
    }

    /// Whether a key polls a feed. Strangers count as everywhere.
    fn polls(&self) -> bool {
        matches!(self.client, Client::Key(..))
            && router::POLLED.contains(&self.endpoint)
    }
}

/// What a client is told whose window is used up.
pub(crate) fn refusal(verdict: Verdict, now: Timestamp) -> ApiError {
    let wait = verdict.reset - now.as_second();
    ApiError::too_many(u32::try_from(wait).unwrap_or(1))
}

/// Says how the window stands.
pub(crate) fn stamp(headers: &mut HeaderMap, verdict: Verdict) {
    headers.insert(LIMIT, header_number(verdict.limit));
    headers.insert(REMAINING, header_number(verdict.remaining));
    headers.insert(RESET, header_number(verdict.reset));
}
