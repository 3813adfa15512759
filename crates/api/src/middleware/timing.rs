//! `X-Response-Time`, one line a request in the log, and its counters.
//!
//! The line has the route's template, not the path, and the public part of the
//! key: neither a key nor a query is ever logged.

use std::{sync::Arc, time::Instant};

use asgard_store::KeyId;
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use super::trace_id::TraceId;
use crate::{Metrics, client_address::ClientAddress, router};

const X_RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");

/// Measures, counts and logs a request.
pub(crate) async fn measure(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let extensions = request.extensions();
    let route = extensions.get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unknown", |path| path.as_str());
    let client = ClientAddress::of(extensions);
    let id = extensions.get().map_or("", |id: &TraceId| &*id.0);
    let span = tracing::info_span!(
        "request", request_id = id, %method, route, %client
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();
    metrics.request(
        method_label(&method),
        router::without_mount(route),
        response.status().as_str(),
        elapsed,
    );
    let taken = elapsed.as_secs_f64() * 1000.0;
    let value = HeaderValue::from_str(&format!("{taken:.2}ms"))
        .expect("a number is header text");
    response.headers_mut().insert(X_RESPONSE_TIME, value);
    let key = response.extensions().get::<KeyId>();
    span.in_scope(|| {
        log(response.status(), key, (taken * 100.0).round() / 100.0);
    });
    response
}

/// A label has few values, whatever clients make up.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 6] =
        ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];
    let known = KNOWN.into_iter().find(|name| *name == method.as_str());
    known.unwrap_or("OTHER")
}

fn log(status: StatusCode, key: Option<&KeyId>, duration_ms: f64) {
    let key = key.map_or("", KeyId::as_str);
    let code = status.as_u16();
    // 503 is an answer, not a fault: "not ready yet", asked every second.
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(status = code, key, duration_ms, "request failed");
    } else {
        tracing::info!(status = code, key, duration_ms, "request answered");
    }
}
