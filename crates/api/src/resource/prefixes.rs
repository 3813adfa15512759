//! `GET /asn/{asn}/prefixes`: what one network announces, a page at a time.

use std::sync::Arc;

use asgard_model::RpkiState;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    App,
    auth::Reader,
    error::ApiError,
    limits, representation,
    request::{AsnPath, Expected, Params},
    view::{self, PrefixesView},
};

/// Which prefixes.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PrefixesParams {
    /// Only prefixes in this state.
    #[param(schema_with = view::verdict_schema)]
    rpki: Option<RpkiState>,
    /// Prefixes to skip.
    #[param(minimum = 0, maximum = 4_294_967_295_u32, default = 0)]
    offset: u32,
    /// Prefixes on a page.
    #[param(minimum = 1, maximum = 1000, default = 200)]
    limit: u32,
}

impl Default for PrefixesParams {
    fn default() -> Self {
        Self { rpki: None, offset: 0, limit: limits::PREFIXES_LIMIT_DEFAULT }
    }
}

impl Expected for PrefixesParams {
    const EXPECTED: &'static str = "rpki must be valid, invalid or not_found, \
         limit an integer from 1 to 1000, offset from 0 to 4294967295; nothing \
         else is asked for";
}

/// 404 as for the profile; a network that announces nothing has an empty list.
#[utoipa::path(
    get,
    path = "/asn/{asn}/prefixes",
    summary = "What it announces",
    tag = "network",
    params(
        ("asn" = u32, Path, description = "AS number", minimum = 1),
        PrefixesParams,
    ),
    responses((
        status = 200,
        description = "Its prefixes, ascending, with RPKI and visibility",
        body = PrefixesView,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_prefixes(
    _: Reader,
    AsnPath(asn): AsnPath,
    Params(params): Params<PrefixesParams>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let PrefixesParams { rpki, offset, limit } = params;
    if !limits::PREFIXES_LIMIT.contains(&limit) {
        return Err(ApiError::validation(PrefixesParams::EXPECTED));
    }
    let snapshot = app.snapshot()?;
    snapshot.profile(asn).ok_or_else(ApiError::not_scored)?;
    let view = PrefixesView::new(&snapshot, asn, rpki, offset, limit);
    Ok(representation::tagged_json(&view))
}
