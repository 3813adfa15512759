//! `GET /prefix/{prefix}`: who announces a prefix, and what RPKI says of it.

use std::sync::Arc;

use asgard_model::Prefix;
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};

use crate::{
    App, auth::Reader, error::ApiError, representation, view::PrefixView,
};

/// The slash may be written as it is or as `%2F`; bits behind the length are
/// ignored. A prefix that nobody announces has no origins; `covering` is the
/// closest route around it. `roas` of an origin are those that decide: of a
/// valid route those that match, of an invalid one all that cover it.
#[utoipa::path(
    get,
    path = "/prefix/{prefix}",
    summary = "Origins of a prefix",
    tag = "network",
    params((
        "prefix" = String, Path,
        description = "IPv4 or IPv6 prefix",
        example = "1.0.0.0/24",
    )),
    responses((
        status = 200,
        description = "Its origins, with RPKI and the ROAs that decide",
        body = PrefixView<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_prefix(
    _: Reader,
    text: Result<Path<String>, PathRejection>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let text = text.ok().map(|Path(text)| text);
    let prefix = text.filter(|text| text.contains('/'));
    let prefix: Option<Prefix> = prefix.and_then(|text| text.parse().ok());
    let prefix = prefix.ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "Invalid prefix (must be like 192.0.2.0/24 or 2001:db8::/32)",
        )
    })?;
    let snapshot = app.snapshot()?;
    Ok(representation::tagged_json(&PrefixView::new(&snapshot, prefix)))
}
