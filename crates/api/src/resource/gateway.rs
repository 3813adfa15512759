//! `GET /gateway/table`: what a gateway elsewhere needs to know about
//! addresses, as one file.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue},
    response::Response,
};

use crate::{App, auth::Reader, error::ApiError};

const X_ASGARD_SERIAL: HeaderName = HeaderName::from_static("x-asgard-serial");
const MMDB: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Networks of the routing table with AS number, organisation, score, level
/// and country, in the MaxMind DB form. Made once a Snapshot; a gateway polls
/// with its `ETag`.
#[utoipa::path(
    get,
    path = "/gateway/table",
    summary = "Networks with scores, as a MaxMind DB",
    tag = "feeds",
    responses((
        status = 200,
        description = "A MaxMind DB of type `asgard-ASN (compat=GeoLite2-ASN)`",
        body = crate::view::FileSchema, content_type = "application/octet-stream",
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_table(
    _: Reader,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let published = app.published()?;
    let serial = published.snapshot.serial;
    // Seconds of work for a whole Internet, once a Snapshot.
    let table = tokio::task::spawn_blocking(move || published.table());
    let table = match table.await {
        Ok(Ok(table)) => table,
        Ok(Err(error)) => {
            tracing::error!(%error, "the table cannot be written");
            return Err(ApiError::internal());
        }
        Err(error) => {
            tracing::error!(%error, "the table was not written");
            return Err(ApiError::internal());
        }
    };
    let mut response = table.private(MMDB);
    response.headers_mut().insert(X_ASGARD_SERIAL, serial.into());
    Ok(response)
}
