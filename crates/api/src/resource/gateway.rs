//! `GET /gateway/table`: what a gateway elsewhere needs to know about
//! addresses, as one file, and `/gateway/table/changes`: what leads there from
//! what it knows.

use std::sync::Arc;

use asgard_model::network_table::TableVersion;
use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};

use crate::{App, auth::Reader, error::ApiError};

const X_ASGARD_SERIAL: HeaderName = HeaderName::from_static("x-asgard-serial");
/// The version of the table: what `since` takes.
const X_ASGARD_TABLE: HeaderName = HeaderName::from_static("x-asgard-table");
const OCTETS: HeaderValue =
    HeaderValue::from_static("application/octet-stream");
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

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
    let mut response = table.file.private(OCTETS);
    let headers = response.headers_mut();
    headers.insert(X_ASGARD_SERIAL, serial.into());
    if let Some(version) = table.version {
        headers.insert(X_ASGARD_TABLE, header(&version.to_string()));
    }
    Ok(response)
}

/// What changed since a table that this server has published: deltas, one after
/// the other, in the form that the documentation of the gateway describes. 410
/// if the table is not known (any more): then the whole helps. The `ETag` is
/// the version of the present table in quotes, so who has it gets 304.
#[utoipa::path(
    get,
    path = "/gateway/table/changes",
    summary = "What changed in the networks",
    tag = "feeds",
    params((
        "since" = String, Query,
        pattern = "^[0-9a-fA-F]{64}$",
        description = "Version of a table: `X-Asgard-Table`, 64 hexadecimal digits",
    )),
    responses((
        status = 200,
        description = "Deltas; nothing if nothing has changed",
        body = crate::view::FileSchema, content_type = "application/octet-stream",
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_changes(
    _: Reader,
    RawQuery(query): RawQuery,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let since = since(query.as_deref().unwrap_or_default())?;
    let published = app.published()?;
    let serial = published.snapshot.serial;
    // A second of work for a whole Internet, once a Snapshot.
    let answer = tokio::task::spawn_blocking(move || {
        let now = published.networks_table().version();
        (now, published.tables.between(since, now))
    });
    let (now, deltas) = answer.await.map_err(|error| {
        tracing::error!(%error, "the table was not made");
        ApiError::internal()
    })?;
    let deltas = deltas.ok_or_else(|| {
        let message = "This table is not known (any more); fetch the whole";
        ApiError::new(StatusCode::GONE, message)
    })?;
    let headers = [
        (CONTENT_TYPE, OCTETS),
        (CACHE_CONTROL, PRIVATE),
        (ETAG, header(&format!("\"{now}\""))),
        (X_ASGARD_TABLE, header(&now.to_string())),
        (X_ASGARD_SERIAL, serial.into()),
    ];
    Ok((headers, Bytes::from(deltas)).into_response())
}

/// The one parameter, once.
fn since(query: &str) -> Result<TableVersion, ApiError> {
    let version = query.strip_prefix("since=");
    version.and_then(|version| version.parse().ok()).ok_or_else(|| {
        ApiError::validation(
            "since must be the version of a table: 64 hexadecimal digits, \
             as X-Asgard-Table says",
        )
    })
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("hex digits are header text")
}
