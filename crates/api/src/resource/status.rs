//! `GET /status`: what is served, from which sources, and how old they are.
//!
//! Validators and the stream of BGP messages are there as they are at this
//! moment. It answers before the first Snapshot too: that is when people look.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};

use crate::{App, auth::Reader, representation, view::StatusView};

/// One line a source.
#[utoipa::path(
    get,
    path = "/status",
    summary = "Snapshot and sources",
    tag = "service",
    responses((
        status = 200,
        description = "Snapshot, and each source",
        body = StatusView<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_status(
    _: Reader,
    State(app): State<Arc<App>>,
) -> Response {
    let snapshot = app.live.snapshot();
    let sources = app.live.sources();
    let sessions = app.live.sessions();
    let snapshot = snapshot.as_deref();
    let view = StatusView::new(snapshot, &sources, &sessions, app.now());
    representation::json(StatusCode::OK, &view)
}
