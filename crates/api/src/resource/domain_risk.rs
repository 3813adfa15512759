//! `GET /tools/domain-risk`: a domain, its address, and the network behind it.
//!
//! The domain is resolved once and its address looked up; nobody connects to
//! it. Addresses that are not global are refused without being told.

use std::{net::IpAddr, sync::Arc};

use asgard_model::{Asn, Snapshot};
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    App,
    auth::Tools,
    error::ApiError,
    limits,
    lookup::Host,
    representation,
    request::{Expected, Params},
    view::{AsnSource, DomainRiskSchema, DomainRiskView},
};

/// What to look up.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DomainParams {
    /// Domain, or literal address.
    #[param(min_length = 1, max_length = 253)]
    domain: String,
}

impl Expected for DomainParams {
    const EXPECTED: &'static str = "domain must be given once, with 1 to 253 \
         characters; no other parameter";
}

impl DomainParams {
    /// 422 for what has no sensible length, 400 for what cannot be a domain.
    fn host(&self) -> Result<Host, ApiError> {
        let chars = self.domain.chars().count();
        if !limits::DOMAIN_CHARS.contains(&chars) {
            return Err(ApiError::validation(Self::EXPECTED));
        }
        Host::parse(&self.domain).ok_or_else(|| {
            let message = "Cannot resolve domain (not a domain name)";
            ApiError::new(StatusCode::BAD_REQUEST, message)
        })
    }
}

/// Our own table first, Team Cymru where it says nothing.
#[utoipa::path(
    get,
    path = "/tools/domain-risk",
    summary = "The network behind a domain",
    tag = "tools",
    params(DomainParams),
    responses((
        status = 200,
        description = "The address, and the network behind it",
        body = DomainRiskSchema<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn judge_domain(
    _: Tools,
    Params(params): Params<DomainParams>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let host = params.host()?;
    let snapshot = app.snapshot()?;
    let address = app.lookups.address(&host).await?;
    let origin = match announced(&snapshot, address) {
        Some(asn) => Some((asn, AsnSource::RoutingTable)),
        None => {
            let asn = app.lookups.cymru(address).await?;
            asn.map(|asn| (asn, AsnSource::TeamCymru))
        }
    };
    let domain = &params.domain;
    let view = DomainRiskView::new(&snapshot, domain, address, origin);
    Ok(representation::json(StatusCode::OK, &view))
}

/// Who announces the longest prefix; of several the one with the lowest score,
/// for each of them may be the one that hosts.
fn announced(snapshot: &Snapshot, address: IpAddr) -> Option<Asn> {
    let route = snapshot.world.table.lookup(address)?;
    let origins = route.origins.iter().copied().filter(|&asn| asn != Asn(0));
    origins.min_by_key(|&asn| {
        let profile = snapshot.profile(asn);
        profile.map_or(u8::MAX, |profile| profile.assessment.score)
    })
}
