//! `GET /asn/{asn}`: the complete risk profile of one network.

use axum::{extract::State, response::Response};

use crate::{
    App, auth::Reader, error::ApiError, representation, request::AsnPath,
    view::ProfileView,
};

/// 404 for an AS that is not scored; a whitelisted one always is.
pub(crate) async fn show_profile(
    _: Reader,
    AsnPath(asn): AsnPath,
    State(app): State<App>,
) -> Result<Response, ApiError> {
    let snapshot = app.snapshot()?;
    let profile = snapshot.profile(asn).ok_or_else(ApiError::not_scored)?;
    let view = ProfileView::new(&snapshot, &profile);
    Ok(representation::tagged_json(&view))
}
