//! Counts requests and says so: `X-RateLimit-*`, and 429 with `Retry-After`.
//!
//! A bad key counts against its address, so that nobody guesses for free; a
//! good key has a window of its own, wherever it is used from, as wide as its
//! class says.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    Clock, Metrics,
    auth::Identity,
    client_address::{ClientAddress, Network},
    error::ApiError,
    limiter::{Client, Limiter, Verdict},
    router,
};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The limiter and the time.
#[derive(Clone)]
pub(crate) struct RateLimit {
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
}

/// Counts a request and refuses it when its window is used up.
pub(crate) async fn limit(
    State(RateLimit { limiter, clock, metrics }): State<RateLimit>,
    request: Request,
    next: Next,
) -> Response {
    let client = client(&request);
    let now = clock().as_second();
    let verdict = match is_unlimited(&request) {
        true => Verdict { allowed: true, ..limiter.look(client, now) },
        false => limiter.count(client, now),
    };
    let mut response = match verdict.allowed {
        true => next.run(request).await,
        false => {
            metrics.rate_limited();
            let wait = u32::try_from(verdict.reset - now).unwrap_or(1);
            ApiError::too_many(wait).into_response()
        }
    };
    stamp(response.headers_mut(), verdict);
    response
}

fn client(request: &Request) -> Client<'_> {
    match request.extensions().get() {
        Some(Identity::Bearer(facts)) => {
            Client::Key(facts.id, facts.rate_class.as_deref())
        }
        _ => {
            let address = ClientAddress::of(request.extensions());
            Client::Network(Network::from(address))
        }
    }
}

fn is_unlimited(request: &Request) -> bool {
    request.extensions().get::<MatchedPath>().is_some_and(|path| {
        router::UNLIMITED.contains(&router::without_mount(path.as_str()))
    })
}

fn stamp(headers: &mut HeaderMap, verdict: Verdict) {
    headers.insert(LIMIT, HeaderValue::from(verdict.limit));
    headers.insert(REMAINING, HeaderValue::from(verdict.remaining));
    headers.insert(RESET, HeaderValue::from(verdict.reset));
}
