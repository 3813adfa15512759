//! `GET /asn/{asn}/upstreams`: the risk of the providers of one network.

use std::sync::Arc;

use axum::{extract::State, response::Response};

use crate::{
    App, auth::Reader, error::ApiError, representation, request::AsnPath,
    view::UpstreamsView,
};

/// 404 as for the profile; a network without known providers has an empty list.
#[utoipa::path(
    get,
    path = "/asn/{asn}/upstreams",
    summary = "Risk of its providers",
    tag = "network",
    params(("asn" = u32, Path, description = "AS number", minimum = 1)),
    responses((
        status = 200,
        description = "Providers, most connections first",
        body = UpstreamsView<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_upstreams(
    _: Reader,
    AsnPath(asn): AsnPath,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let snapshot = app.snapshot()?;
    let profile = snapshot.profile(asn).ok_or_else(ApiError::not_scored)?;
    let view = UpstreamsView::new(&snapshot, &profile);
    Ok(representation::tagged_json(&view))
}
