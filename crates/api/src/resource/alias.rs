//! `GET /alias/asn.gz`: the whole routing table, as OPNsense's alias type "BGP
//! ASN" downloads it.
//!
//! The path and the form are those of its vendor's server, so that a firewall
//! without Internet needs another host name only. It is no block list and says
//! nothing about anybody, so it is as open as the External Dynamic List.

use std::sync::Arc;

use asgard_policy::feed::format::asn_table::CONTENT_TYPE;
use axum::{extract::State, http::HeaderValue, response::Response};

use super::edl::MayPoll;
use crate::{App, error::ApiError};

const KIND: HeaderValue = HeaderValue::from_static(CONTENT_TYPE);

/// Two columns, prefix and AS number, gzipped. Made once a Snapshot. It is not in
/// the document: generators of clients know no type of it.
pub(crate) async fn show_asn_table(
    _: MayPoll,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let published = app.published()?;
    // Half a second of work for a whole Internet, once a Snapshot.
    let made = tokio::task::spawn_blocking(move || published.asn_table());
    let table = made.await.map_err(|_| {
        app.metrics.panicked();
        ApiError::internal()
    })?;
    Ok(table.public(KIND))
}
