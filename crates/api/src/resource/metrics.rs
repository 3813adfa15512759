//! `GET /metrics`: counters and gauges for Prometheus. No key, no limit.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};

use crate::App;

/// The classic text form, which every scraper reads.
const FORM: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is counted.
#[utoipa::path(
    get,
    path = "/metrics",
    summary = "Prometheus metrics",
    tag = "service",
    responses((
        status = 200,
        description = "Prometheus text format",
        body = String, content_type = "text/plain",
    )),
)]
pub(crate) async fn show_metrics(State(app): State<Arc<App>>) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(FORM)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, app.metrics.text(&app.live)).into_response()
}
