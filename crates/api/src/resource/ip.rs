//! `GET /ip/{address}`: the route that carries an address, and what RPKI says
//! of it.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use crate::{App, auth::Reader, error::ApiError, representation, view::IpView};

/// An address that nobody announces has no prefix and no origins. `rpki` is the
/// worst verdict of several origins, and null if no RPKI data were loaded.
#[utoipa::path(
    get,
    path = "/ip/{address}",
    summary = "Route of an address",
    tag = "network",
    params((
        "address" = String, Path,
        description = "IPv4 or IPv6 address",
        example = "8.8.8.8",
    )),
    responses((
        status = 200,
        description = "Its route, with origins and RPKI",
        body = IpView<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_ip(
    _: Reader,
    address: Result<Path<String>, axum::extract::rejection::PathRejection>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let address = address.ok().and_then(|Path(text)| text.parse().ok());
    let address: IpAddr = address.ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "Invalid address (must be IPv4 like 192.0.2.1 or IPv6 like \
             2001:db8::1)",
        )
    })?;
    let snapshot = app.snapshot()?;
    Ok(representation::tagged_json(&IpView::new(&snapshot, address)))
}
