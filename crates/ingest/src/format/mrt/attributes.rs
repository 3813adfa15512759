//! Attributes that are decoded when somebody asks for them, by bgpkit-parser.

use asgard_model::{Asn, Prefix};
use asgard_routing::event::{
    Community, Details, LargeCommunity, OriginCode, Undecoded,
};
use bgpkit_parser::{
    models::{self, Afi, AsnLength, AttributeValue, Origin, Safi},
    parser::bgp::attributes::parse_attributes,
};
use bytes::Bytes;

/// Stands for a number that has no place in two bytes (RFC 6793).
pub(super) const AS_TRANS: Asn = Asn(23_456);

/// Attributes as bytes, in an entry of a table.
#[derive(Clone, Debug)]
pub(super) struct Section<'e> {
    /// The record.
    pub(super) body: &'e Bytes,
    /// Where in it the attributes begin and end.
    pub(super) range: (usize, usize),
    /// The prefix of the entry: tables abridge `MP_REACH_NLRI` to the next hop
    /// (RFC 6396, 4.3.4).
    pub(super) prefix: Prefix,
    /// How AS numbers are written.
    pub(super) width: Width,
    /// Whether the entry names its path (RFC 8050).
    pub(super) add_path: bool,
}

/// Bytes of an AS number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Two = 2,
    Four = 4,
}

impl Section<'_> {
    /// All attributes, by bgpkit-parser.
    pub(super) fn decode(
        &self,
    ) -> Result<models::Attributes, bgpkit_parser::ParserError> {
        let family = if self.prefix.is_v4() { Afi::Ipv4 } else { Afi::Ipv6 };
        let width = match self.width {
            Width::Two => AsnLength::Bits16,
            Width::Four => AsnLength::Bits32,
        };
        // Given any list of prefixes, bgpkit-parser reads `MP_REACH_NLRI` in
        // full or abridged, as its first byte tells; both are found.
        parse_attributes(
            self.body.slice(self.range.0..self.range.1),
            &width,
            self.add_path,
            Some(family),
            Some(Safi::Unicast),
            Some(&[]),
        )
    }
}

impl Undecoded for Section<'_> {
    fn decode(&self) -> Details {
        let all = Section::decode(self);
        all.map(|all| details(&all, !self.prefix.is_v4())).unwrap_or_default()
    }
}

/// A message that bgpkit-parser has decoded.
#[derive(Debug)]
pub(super) struct Message<'e> {
    /// Its attributes.
    pub(super) all: &'e models::Attributes,
    /// Whether the routes are those of `MP_REACH_NLRI`, which have a next hop
    /// of their own.
    pub(super) multiprotocol: bool,
}

impl Undecoded for Message<'_> {
    fn decode(&self) -> Details {
        details(self.all, self.multiprotocol)
    }
}

/// All attributes that are read; `multiprotocol` says that the routes are those
/// of `MP_REACH_NLRI`.
fn details(all: &models::Attributes, multiprotocol: bool) -> Details {
    let mut details = Details::default();
    let mut reach = None;
    let mut as4_aggregator = None;
    for attribute in all {
        match attribute {
            AttributeValue::Origin(origin) => {
                let origin = origin_code(*origin);
                details.origin.get_or_insert(origin);
            }
            AttributeValue::NextHop(hop) => {
                details.next_hop.get_or_insert(*hop);
            }
            AttributeValue::MultiExitDiscriminator(med) => {
                details.med.get_or_insert(*med);
            }
            AttributeValue::LocalPreference(preference) => {
                details.local_pref.get_or_insert(*preference);
            }
            AttributeValue::AtomicAggregate => details.atomic = true,
            AttributeValue::OnlyToCustomer(asn) => {
                let asn = Asn(asn.to_u32());
                details.otc.get_or_insert(asn);
            }
            AttributeValue::Aggregator { asn, id } => {
                let asn = Asn(asn.to_u32());
                details.aggregator.get_or_insert((asn, *id));
            }
            AttributeValue::As4Aggregator { asn, id } => {
                as4_aggregator = Some((Asn(asn.to_u32()), *id));
            }
            AttributeValue::Communities(all) => {
                details.communities.extend(all.iter().map(community));
            }
            AttributeValue::LargeCommunities(all) => {
                let all = all.iter().map(|c| LargeCommunity {
                    global: c.global_admin,
                    local: c.local_data,
                });
                details.large_communities.extend(all);
            }
            AttributeValue::MpReachNlri(nlri) => {
                reach = nlri.next_hop.as_ref().map(|hop| hop.addr());
            }
            _ => {}
        }
    }
    details.next_hop = if multiprotocol {
        reach.or(details.next_hop)
    } else {
        details.next_hop.or(reach)
    };
    // RFC 6793, 4.2.3: only AS_TRANS makes way.
    if details.aggregator.is_none_or(|(asn, _)| asn == AS_TRANS) {
        details.aggregator = as4_aggregator.or(details.aggregator);
    }
    details
}
fn origin_code(origin: Origin) -> OriginCode {
    match origin {
        Origin::IGP => OriginCode::Igp,
        Origin::EGP => OriginCode::Egp,
        Origin::INCOMPLETE => OriginCode::Incomplete,
    }
}

fn community(community: &models::Community) -> Community {
    match community {
        models::Community::NoExport => Community(0xffff_ff01),
        models::Community::NoAdvertise => Community(0xffff_ff02),
        models::Community::NoExportSubConfed => Community(0xffff_ff03),
        models::Community::Custom(asn, value) => {
            Community(asn.to_u32() << 16 | u32::from(*value))
        }
    }
}
