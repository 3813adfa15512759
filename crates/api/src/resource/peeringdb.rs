//! `GET /asn/{asn}/peeringdb`: how a network describes itself.
//!
//! From the World where a source lists the network, else from PeeringDB
//! itself, whose answers are kept for a day.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};

use crate::{
    App, auth::Reader, error::ApiError, lookup::Fault,
    representation::tagged_json, request::AsnPath, view::PeeringdbView,
};

/// Whether or not the network is scored.
#[utoipa::path(
    get,
    path = "/asn/{asn}/peeringdb",
    summary = "Its profile in PeeringDB",
    tag = "network",
    params(("asn" = u32, Path, description = "AS number", minimum = 1)),
    responses((
        status = 200,
        description = "Its profile, or that it has none",
        body = PeeringdbView<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_peeringdb(
    _: Reader,
    AsnPath(asn): AsnPath,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    if let Some(snapshot) = app.live.snapshot()
        && let Some(net) = snapshot.world.peeringdb.get(asn)
    {
        return Ok(tagged_json(&PeeringdbView::new(asn, Some(net))));
    }
    let found = app.lookups.peeringdb.profile(asn, app.now()).await?;
    Ok(tagged_json(&PeeringdbView::new(asn, found.as_deref())))
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        let bad_gateway = |message| Self::new(StatusCode::BAD_GATEWAY, message);
        match fault {
            Fault::Unreachable => {
                Self::unavailable("Failed to reach PeeringDB")
            }
            Fault::Busy => {
                Self::unavailable("Too many PeeringDB look-ups are under way")
            }
            Fault::Status => {
                bad_gateway("PeeringDB returned an unexpected status code")
            }
            Fault::Body => bad_gateway("PeeringDB returned an unexpected body"),
        }
    }
}
