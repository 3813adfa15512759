//! What is known about a route: its path at once, the rest on request.
//!
//! Most detectors look at prefix, path and peer; of two million routes in a
//! table nobody reads all communities. So the bytes are kept, and bgpkit-parser
//! decodes them when [`Attributes::details`] is first called.
//!
//! An attribute that is malformed is as good as absent (RFC 7606, 2,
//! "attribute discard"); so are types that nothing here reads.

use std::{
    cell::OnceCell,
    net::{IpAddr, Ipv4Addr},
};

use asgard_model::{AsPath, Asn, Prefix};
use bgpkit_parser::{
    models::{self, Afi, AsnLength, AttributeValue, Origin, Safi},
    parser::bgp::attributes::parse_attributes,
};
use bytes::Bytes;

/// Stands for a number that has no place in two bytes (RFC 6793).
pub(crate) const AS_TRANS: Asn = Asn(23_456);

/// The attributes of one route, or of all routes of one message.
#[derive(Debug)]
pub struct Attributes<'e> {
    path: Option<&'e AsPath>,
    undecoded: Undecoded<'e>,
    details: OnceCell<Details>,
}

#[derive(Debug)]
enum Undecoded<'e> {
    /// A part of a record.
    Section(Section<'e>),
    /// A message that bgpkit-parser has decoded; whether the routes are those
    /// of `MP_REACH_NLRI`, which have a next hop of their own.
    Message(&'e models::Attributes, bool),
    /// Nothing is left to decode.
    Nothing,
}

/// Attributes as bytes, in an entry of a table.
#[derive(Clone, Debug)]
pub(crate) struct Section<'e> {
    /// The record.
    pub(crate) body: &'e Bytes,
    /// Where in it the attributes begin and end.
    pub(crate) range: (usize, usize),
    /// The prefix of the entry: tables abridge `MP_REACH_NLRI` to the next hop
    /// (RFC 6396, 4.3.4).
    pub(crate) prefix: Prefix,
    /// How AS numbers are written.
    pub(crate) width: Width,
    /// Whether the entry names its path (RFC 8050).
    pub(crate) add_path: bool,
}

/// Bytes of an AS number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Two = 2,
    Four = 4,
}

impl Section<'_> {
    /// All attributes, by bgpkit-parser.
    pub(crate) fn decode(
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

impl<'e> Attributes<'e> {
    /// Of an entry of a table.
    pub(crate) fn of_section(
        path: Option<&'e AsPath>,
        section: Section<'e>,
    ) -> Self {
        let undecoded = Undecoded::Section(section);
        Self { path, undecoded, details: OnceCell::new() }
    }

    /// Of a message; `multiprotocol` says that the routes are those of
    /// `MP_REACH_NLRI`.
    pub(crate) fn of_message(
        path: Option<&'e AsPath>,
        message: &'e models::Attributes,
        multiprotocol: bool,
    ) -> Self {
        let undecoded = Undecoded::Message(message, multiprotocol);
        Self { path, undecoded, details: OnceCell::new() }
    }

    /// Of a source that has no bytes.
    pub fn new(path: Option<&'e AsPath>, details: Details) -> Self {
        let undecoded = Undecoded::Nothing;
        Self { path, undecoded, details: OnceCell::from(details) }
    }

    /// The AS path with the numbers of `AS4_PATH` in their places (RFC 6793,
    /// 4.2.3); `None` if there is none, or none that can be read.
    pub fn path(&self) -> Option<&'e AsPath> {
        self.path
    }

    /// Everything else, decoded when first asked for.
    pub fn details(&self) -> &Details {
        self.details.get_or_init(|| match &self.undecoded {
            Undecoded::Section(section) => section
                .decode()
                .map(|all| Details::new(&all, !section.prefix.is_v4()))
                .unwrap_or_default(),
            Undecoded::Message(all, multiprotocol) => {
                Details::new(all, *multiprotocol)
            }
            Undecoded::Nothing => Details::default(),
        })
    }
}

/// Attributes of a route other than its path; what is absent is `None` or
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// How the route came into BGP (RFC 4271, 5.1.1).
    pub origin: Option<OriginCode>,
    /// Where packets go next; of two addresses the global one (RFC 2545).
    pub next_hop: Option<IpAddr>,
    /// `MULTI_EXIT_DISC` (RFC 4271, 5.1.4).
    pub med: Option<u32>,
    /// `LOCAL_PREF` (RFC 4271, 5.1.5).
    pub local_pref: Option<u32>,
    /// Communities (RFC 1997), in the order of the message.
    pub communities: Vec<Community>,
    /// Large communities (RFC 8092), in the order of the message.
    pub large_communities: Vec<LargeCommunity>,
    /// Who aggregated, and its router (RFC 4271, 5.1.7).
    pub aggregator: Option<(Asn, Ipv4Addr)>,
    /// `ATOMIC_AGGREGATE` (RFC 4271, 5.1.6).
    pub atomic: bool,
    /// Who marked the route to go to customers only (RFC 9234, 5).
    pub otc: Option<Asn>,
}

impl Details {
    fn new(all: &models::Attributes, multiprotocol: bool) -> Self {
        let mut details = Self::default();
        let mut reach = None;
        let mut as4_aggregator = None;
        for attribute in all {
            match attribute {
                AttributeValue::Origin(origin) => {
                    let origin = OriginCode::from(*origin);
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
                    details.communities.extend(all.iter().map(Community::from));
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
}

/// How a route came into BGP (RFC 4271, 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginCode {
    /// From inside its AS.
    Igp,
    /// By the predecessor of BGP.
    Egp,
    /// Somehow else.
    Incomplete,
}

impl OriginCode {
    /// As bgpdump writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Igp => "IGP",
            Self::Egp => "EGP",
            Self::Incomplete => "INCOMPLETE",
        }
    }
}

impl From<Origin> for OriginCode {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::IGP => Self::Igp,
            Origin::EGP => Self::Egp,
            Origin::INCOMPLETE => Self::Incomplete,
        }
    }
}

/// A community (RFC 1997): an AS number of two bytes, and what it means there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

impl Community {
    /// "Drop the traffic" (RFC 7999).
    pub const BLACKHOLE: Self = Self(0xffff_029a);

    /// Both halves.
    pub fn parts(self) -> (u16, u16) {
        let [a, b, c, d] = self.0.to_be_bytes();
        (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }
}

impl From<&models::Community> for Community {
    fn from(community: &models::Community) -> Self {
        match community {
            models::Community::NoExport => Self(0xffff_ff01),
            models::Community::NoAdvertise => Self(0xffff_ff02),
            models::Community::NoExportSubConfed => Self(0xffff_ff03),
            models::Community::Custom(asn, value) => {
                Self(asn.to_u32() << 16 | u32::from(*value))
            }
        }
    }
}

/// A large community (RFC 8092).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// Whose community it is, an AS number.
    pub global: u32,
    /// What it means there.
    pub local: [u32; 2],
}
