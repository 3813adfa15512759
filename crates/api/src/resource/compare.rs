//! `GET /tools/compare`: two networks side by side.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    App,
    auth::Tools,
    error::ApiError,
    representation,
    request::{Expected, Params, asn},
    view::CompareView,
};

/// Whom to compare. Texts: a number out of range is 400, as in a path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CompareParams {
    /// First AS number.
    #[param(value_type = u32, minimum = 1)]
    asn_a: String,
    /// Second AS number.
    #[param(value_type = u32, minimum = 1)]
    asn_b: String,
}

impl Expected for CompareParams {
    const EXPECTED: &'static str = "asn_a and asn_b must both be given, once \
         each; no other parameter";
}

/// 404 unless both are scored.
#[utoipa::path(
    get,
    path = "/tools/compare",
    summary = "Two networks side by side",
    tag = "tools",
    params(CompareParams),
    responses((
        status = 200,
        description = "Both networks, and who is better at what",
        body = CompareView<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn compare(
    _: Tools,
    Params(params): Params<CompareParams>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let (a, b) = (asn(&params.asn_a)?, asn(&params.asn_b)?);
    let snapshot = app.snapshot()?;
    let found = snapshot.profile(a).zip(snapshot.profile(b));
    let (a, b) = found.ok_or_else(|| {
        let message = "One or both ASNs not found in database";
        ApiError::new(StatusCode::NOT_FOUND, message)
    })?;
    Ok(representation::tagged_json(&CompareView::new(&a, &b)))
}
