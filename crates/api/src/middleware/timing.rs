//! `X-Response-Time`, one line a request in the log, and its counters.
//!
//! The line has the route's template, not the path, and the public part of the
//! key: neither a key nor a query is ever logged. What went well is logged for
//! those who ask for details (`-v`); it is counted anyway.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use asgard_store::KeyId;
use axum::{
    http::{HeaderName, HeaderValue, Method, StatusCode},
    response::Response,
};

use super::trace_id::TraceId;
use crate::{Metrics, auth::Identity, router};

const X_RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");

/// A request as it is counted and logged.
#[derive(Debug)]
pub(crate) struct Stopwatch<'a> {
    pub(crate) started: Instant,
    pub(crate) id: &'a TraceId,
    pub(crate) method: &'a Method,
    /// Template of the path, mount included.
    pub(crate) route: &'a str,
    pub(crate) client: IpAddr,
    pub(crate) key: Option<KeyId>,
}

impl Stopwatch<'_> {
    /// Says in the answer how long it took, and counts and logs the request.
    pub(crate) fn stop<B>(
        &self,
        metrics: &Metrics,
        response: &mut Response<B>,
    ) {
        let elapsed = self.started.elapsed();
        let status = response.status();
        metrics.request(
            method_label(self.method),
            router::without_mount(self.route),
            status,
            elapsed,
        );
        response.headers_mut().insert(X_RESPONSE_TIME, milliseconds(elapsed));
        self.log(status, elapsed);
    }

    fn log(&self, status: StatusCode, taken: Duration) {
        let Self { id, method, route, client, key, .. } = self;
        let key = key.as_ref().map_or("", KeyId::as_str);
        let code = status.as_u16();
        // 503 is an answer, not a fault: "not ready yet", asked every second.
        let is_fault = status.is_server_error()
            && status != StatusCode::SERVICE_UNAVAILABLE;
        if is_fault {
            tracing::warn!(
                request_id = id.as_str(), %method, route, %client, key,
                status = code, duration_ms = rounded(taken), "request failed"
            );
        } else if status.is_client_error() || status.is_server_error() {
            tracing::info!(
                request_id = id.as_str(), %method, route, %client, key,
                status = code, duration_ms = rounded(taken), "request refused"
            );
        } else {
            tracing::debug!(
                request_id = id.as_str(), %method, route, %client, key,
                status = code, duration_ms = rounded(taken), "request answered"
            );
        }
    }
}

/// Milliseconds with two decimals, worked out for lines that are written.
fn rounded(taken: Duration) -> f64 {
    (taken.as_secs_f64() * 100_000.0).round() / 100.0
}

/// `0.42ms`. By whole numbers on the stack: to print a float exactly takes
/// longer than the rest of a header. Half a million years are the most.
fn milliseconds(taken: Duration) -> HeaderValue {
    let micros = u64::try_from(taken.as_micros()).unwrap_or(u64::MAX - 5);
    let hundredths = micros.saturating_add(5) / 10;
    let mut digits = itoa::Buffer::new();
    let whole = digits.format(hundredths / 100).as_bytes();
    let [tens, ones] = [hundredths / 10 % 10, hundredths % 10];
    let digit = |n: u64| b'0' + (n % 10) as u8;
    let tail = [b'.', digit(tens), digit(ones), b'm', b's'];
    let length = whole.len() + tail.len();
    // A number of 64 bits has at most 20 digits.
    let mut text = [0; 32];
    text[..whole.len()].copy_from_slice(whole);
    text[whole.len()..length].copy_from_slice(&tail);
    let value = HeaderValue::from_bytes(&text[..length]);
    value.expect("a number is header text")
}

/// The public part of the key of who asks.
pub(crate) fn key_of(identity: &Identity) -> Option<KeyId> {
    match identity {
        Identity::Bearer(facts) => Some(facts.id),
        _ => None,
    }
}

/// A label has few values, whatever clients make up.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = KNOWN.into_iter().find(|name| *name == method.as_str());
    known.unwrap_or("OTHER")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_with_two_rounded_decimals() {
        for (micros, text) in [
            (0, "0.00ms"),
            (4, "0.00ms"),
            (5, "0.01ms"),
            (421, "0.42ms"),
            (9_995, "10.00ms"),
            (1_234_567, "1234.57ms"),
        ] {
            assert_eq!(milliseconds(Duration::from_micros(micros)), text);
        }
        milliseconds(Duration::MAX);
    }
}
