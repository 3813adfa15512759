//! `X-Response-Time`, one line a request in the log, and its counters.
//!
//! The line has the route's template, not the path, and the public part of the
//! key: neither a key nor a query is ever logged. What went well is logged for
//! those who ask for details (`-v`); it is counted anyway.

use std::{net::IpAddr, time::Instant};

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
    pub(crate) fn stop(&self, metrics: &Metrics, response: &mut Response) {
        let elapsed = self.started.elapsed();
        let status = response.status();
        metrics.request(
            method_label(self.method),
            router::without_mount(self.route),
            status.as_str(),
            elapsed,
        );
        let taken = elapsed.as_secs_f64() * 1000.0;
        let value = HeaderValue::from_str(&format!("{taken:.2}ms"))
            .expect("a number is header text");
        response.headers_mut().insert(X_RESPONSE_TIME, value);
        self.log(status, (taken * 100.0).round() / 100.0);
    }

    fn log(&self, status: StatusCode, duration_ms: f64) {
        let Self { id, method, route, client, key, .. } = self;
        let request_id = &*id.0;
        let key = key.as_ref().map_or("", KeyId::as_str);
        let code = status.as_u16();
        // 503 is an answer, not a fault: "not ready yet", asked every second.
        let is_fault = status.is_server_error()
            && status != StatusCode::SERVICE_UNAVAILABLE;
        if is_fault {
            tracing::warn!(
                request_id, %method, route, %client, key, status = code,
                duration_ms, "request failed"
            );
        } else if status.is_client_error() || status.is_server_error() {
            tracing::info!(
                request_id, %method, route, %client, key, status = code,
                duration_ms, "request refused"
            );
        } else {
            tracing::debug!(
                request_id, %method, route, %client, key, status = code,
                duration_ms, "request answered"
            );
        }
    }
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
