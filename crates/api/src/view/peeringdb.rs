//! How a network describes itself in PeeringDB.

use asgard_model::{Asn, PeeringdbNet};
use serde::Serialize;
use utoipa::ToSchema;

/// A profile, or that there is none.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeeringdbView<'a> {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    found: bool,
    peeringdb_data: Option<PeeringdbNetView<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PeeringdbNetView<'a> {
    name: Option<&'a str>,
    r#type: Option<&'a str>,
    website: Option<&'a str>,
    ix_count: Option<u32>,
    fac_count: Option<u32>,
    peering_policy: Option<&'a str>,
}

impl<'a> PeeringdbView<'a> {
    /// Shows a profile.
    pub(crate) fn new(asn: Asn, net: Option<&'a PeeringdbNet>) -> Self {
        let data = net.map(|net| PeeringdbNetView {
            name: net.name.as_deref(),
            r#type: net.info_type.as_deref(),
            website: net.website.as_deref(),
            ix_count: net.ix_count,
            fac_count: net.fac_count,
            peering_policy: net.policy.as_deref(),
        });
        Self { asn, found: data.is_some(), peeringdb_data: data }
    }
}
