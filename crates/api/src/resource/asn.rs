//! `GET /asn/{asn}`: the complete risk profile of one network.

use std::sync::Arc;

use axum::{extract::State, response::Response};

use crate::{
    App, auth::Reader, error::ApiError, metrics::Tier, request::AsnPath,
    view::ProfileView,
};

/// 404 for an AS that is not scored; a whitelisted one always is.
#[utoipa::path(
    get,
    path = "/asn/{asn}",
    summary = "Risk profile of a network",
    tag = "network",
    params(("asn" = u32, Path, description = "AS number", minimum = 1)),
    responses((
        status = 200,
        description = "Score, parts, signals, reasons",
        body = ProfileView<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_profile(
    _: Reader,
    AsnPath(asn): AsnPath,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let published = app.published()?;
    let found = published.profile(asn);
    let (kept, hit) = found.ok_or_else(ApiError::not_scored)?;
    if hit {
        app.metrics.cache_hit(Tier::L1);
    }
    Ok(kept.json())
}
