//! `/health`, `/livez`, `/readyz`: for whoever watches us. No key, no limit.
//!
//! | endpoint | 200 means | 503 means |
//! |---|---|---|
//! | `/livez` | the process answers | – |
//! | `/readyz` | there are scores to serve | no Snapshot yet |
//! | `/health` | ready, the store reads and writes, no cycle panicked | one of these fails |
//!
//! How fresh the data are is a question for `/status`.

use std::sync::Arc;

use asgard_store::StoreError;
use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
};
use tokio::time::timeout;

use crate::{
    App,
    error::ApiError,
    limits,
    middleware::OwnBody,
    representation,
    view::{Dependency, HealthView, Scoring, SimpleStatusView},
};

/// Ready, and every dependency up.
#[utoipa::path(
    get,
    path = "/health",
    summary = "Health",
    tag = "service",
    responses(
        (status = 200, description = "Ready, all is up", body = HealthView),
        (status = 503, description = "Not so", body = HealthView),
    ),
)]
pub(crate) async fn show_health(State(app): State<Arc<App>>) -> Response {
    let store = state_of_store(&app).await;
    let ready = app.live.snapshot().is_some();
    let scoring = match app.live.is_scoring() {
        true => Scoring::GoesOn,
        false => Scoring::Broken,
    };
    let view = HealthView::new(app.now(), store, ready, scoring);
    if view.is_healthy() {
        return representation::json(StatusCode::OK, &view);
    }
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = representation::json(status, &view);
    response.extensions_mut().insert(OwnBody);
    let wait = HeaderValue::from(limits::RETRY_SECONDS);
    response.headers_mut().insert(RETRY_AFTER, wait);
    response
}

/// It answers a read in time, and its last write went through.
async fn state_of_store(app: &App) -> Dependency {
    let probe = timeout(limits::PROBE_TIMEOUT, app.store.changes.version());
    let answer: Option<Result<u64, StoreError>> = probe.await.ok();
    match answer {
        Some(Ok(_)) if app.live.store_writable() => Dependency::Up,
        _ => Dependency::Down,
    }
}

/// The process answers.
#[utoipa::path(
    get,
    path = "/livez",
    summary = "The process answers",
    tag = "service",
    responses((
        status = 200,
        description = "The process answers",
        body = SimpleStatusView,
    )),
)]
pub(crate) async fn show_liveness() -> Response {
    representation::json(StatusCode::OK, &SimpleStatusView::new("alive"))
}

/// There is a Snapshot.
#[utoipa::path(
    get,
    path = "/readyz",
    summary = "There are scores",
    tag = "service",
    responses((
        status = 200,
        description = "There are scores",
        body = SimpleStatusView,
    )),
)]
pub(crate) async fn show_readiness(
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    app.snapshot()?;
    let view = SimpleStatusView::new("ready");
    Ok(representation::json(StatusCode::OK, &view))
}
