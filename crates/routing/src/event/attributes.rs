//! What is known about a route: its path at once, the rest on request.
//!
//! Most detectors look at prefix, path and peer; of two million routes in a
//! table nobody reads all communities. So a reader keeps the bytes and decodes
//! them when [`Attributes::details`] is first called.
//!
//! An attribute that is malformed is as good as absent (RFC 7606, 2,
//! "attribute discard"); so are types that nothing here reads.

use std::{
    cell::OnceCell,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use asgard_model::{AsPath, Asn};

/// What a reader has not decoded yet.
pub trait Undecoded: fmt::Debug {
    /// All attributes but the path; without those that cannot be read.
    fn decode(&self) -> Details;
}

/// The attributes of one route, or of all routes of one message.
#[derive(Debug)]
pub struct Attributes<'e> {
    path: Option<&'e AsPath>,
    undecoded: Option<&'e dyn Undecoded>,
    details: OnceCell<Details>,
}

impl<'e> Attributes<'e> {
    /// Of a reader that decodes the rest when it is asked for.
    pub fn lazy(
        path: Option<&'e AsPath>,
        undecoded: &'e dyn Undecoded,
    ) -> Self {
        let undecoded = Some(undecoded);
        Self { path, undecoded, details: OnceCell::new() }
    }

    /// Of a source that has no bytes.
    pub fn new(path: Option<&'e AsPath>, details: Details) -> Self {
        Self { path, undecoded: None, details: OnceCell::from(details) }
    }

    /// The AS path with the numbers of `AS4_PATH` in their places (RFC 6793,
    /// 4.2.3); `None` if there is none, or none that can be read.
    pub fn path(&self) -> Option<&'e AsPath> {
        self.path
    }

    /// Everything else, decoded when first asked for.
    pub fn details(&self) -> &Details {
        self.details.get_or_init(|| {
            self.undecoded.map(Undecoded::decode).unwrap_or_default()
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

/// A large community (RFC 8092).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// Whose community it is, an AS number.
    pub global: u32,
    /// What it means there.
    pub local: [u32; 2],
}
