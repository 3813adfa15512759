//! `GET /tools/compare`: two networks side by side.

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;

use crate::{
    App,
    auth::Tools,
    error::ApiError,
    representation,
    request::{Expected, Params, asn},
    view::CompareView,
};

/// Whom to compare. Texts: a number out of range is 400, as in a path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareParams {
    asn_a: String,
    asn_b: String,
}

impl Expected for CompareParams {
    const EXPECTED: &'static str = "asn_a and asn_b must both be given, once \
         each; no other parameter";
}

/// 404 unless both are scored.
pub(crate) async fn compare(
    _: Tools,
    Params(params): Params<CompareParams>,
    State(app): State<App>,
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
