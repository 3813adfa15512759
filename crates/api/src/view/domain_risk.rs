//! A domain and the network behind it.

use std::net::IpAddr;

use asgard_model::{Asn, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

use super::compare::SummaryView;

/// A domain and the network behind it, in one of three shapes: scored, not yet
/// scored, or not to be mapped.
#[derive(Debug, Serialize)]
pub(crate) struct DomainRiskView<'a> {
    domain: &'a str,
    resolved_ip: IpAddr,
    asn: Option<Asn>,
    #[serde(flatten)]
    outcome: OutcomeView<'a>,
    asn_source: Option<AsnSource>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeView<'a> {
    InfrastructureRisk(RiskView<'a>),
    Error(&'static str),
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum RiskView<'a> {
    Scored(SummaryView<'a>),
    Unscored {
        #[schema(value_type = u32)]
        asn: Asn,
        status: &'static str,
    },
}

/// A domain and the network behind it. Of `infrastructure_risk` and `error`
/// one is there.
// The three shapes in one: utoipa knows no flattened enum.
#[derive(ToSchema)]
#[schema(as = DomainRisk)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DomainRiskSchema<'a> {
    domain: &'a str,
    resolved_ip: &'a str,
    asn: Option<u32>,
    infrastructure_risk: Option<RiskView<'a>>,
    error: Option<&'a str>,
    asn_source: Option<AsnSource>,
}

/// Who says which network an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AsnSource {
    /// Our own.
    RoutingTable,
    /// Team Cymru, by DNS.
    TeamCymru,
}

impl<'a> DomainRiskView<'a> {
    /// Shows what a Snapshot knows about the origin of an address.
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        domain: &'a str,
        resolved_ip: IpAddr,
        origin: Option<(Asn, AsnSource)>,
    ) -> Self {
        let asn = origin.map(|(asn, _)| asn);
        let outcome = match asn {
            Some(asn) => {
                OutcomeView::InfrastructureRisk(RiskView::new(snapshot, asn))
            }
            None => OutcomeView::Error("Could not map IP to an ASN"),
        };
        let asn_source = origin.map(|(_, source)| source);
        Self { domain, resolved_ip, asn, outcome, asn_source }
    }
}

impl<'a> RiskView<'a> {
    fn new(snapshot: &'a Snapshot, asn: Asn) -> Self {
        match snapshot.profile(asn) {
            Some(profile) => Self::Scored(SummaryView::new(&profile)),
            None => Self::Unscored { asn, status: "Not scored yet" },
        }
    }
}
