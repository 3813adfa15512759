//! What a feed is made of: entries with the reason why they are there, and the
//! listing that a renderer gets.
//!
//! An entry is a prefix and a shared reason: a rule that selects a network puts
//! the same [`Cause`] on all its prefixes. It refuses nothing: what may be in a
//! feed is decided before.

use std::{net::IpAddr, sync::Arc};

use asgard_model::{Asn, CountryCode, Prefix};
use jiff::Timestamp;

/// Which kind of selector put an entry into a feed.
///
/// The order is the severity of lists that are cut: the first is kept longest.
/// An explicit address beats a threat list, that beats a network, that beats a
/// country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// An address or prefix that somebody wrote down.
    Ip,
    /// A named threat list.
    List,
    /// A network, selected by its number.
    Asn,
    /// A network, selected by its score or level.
    Risk,
    /// A country.
    Country,
}

impl Origin {
    /// Every origin with its name in parameters and outputs.
    pub const VALUES: [(&'static str, Self); 5] = [
        ("ip", Self::Ip),
        ("list", Self::List),
        ("asn", Self::Asn),
        ("risk", Self::Risk),
        ("country", Self::Country),
    ];

    /// The name in parameters and outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::List => "list",
            Self::Asn => "asn",
            Self::Risk => "risk",
            Self::Country => "country",
        }
    }

    /// Severity class, 0 is the worst and is kept longest. A network is the
    /// same whether its number or its score selected it.
    pub fn severity(self) -> u8 {
        match self {
            Self::Ip => 0,
            Self::List => 1,
            Self::Asn | Self::Risk => 2,
            Self::Country => 3,
        }
    }
}

/// Why an entry is in a feed; shared by all entries of one selector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cause {
    /// The kind of selector; the worst one, if several selected the entry.
    pub origin: Origin,
    /// The network behind the entry, if the selector knows it.
    pub asn: Option<Asn>,
    /// The score of that network, 0–100, 0 is the worst.
    pub score: Option<u8>,
    /// The country, if a country selected the entry.
    pub country: Option<CountryCode>,
    /// The name of the threat list, if a list selected the entry.
    pub list: Option<Arc<str>>,
    /// The id of the rule.
    pub rule: Option<Arc<str>>,
    /// When the entry leaves the feed.
    pub expires_at: Option<Timestamp>,
}

impl Cause {
    /// A cause of which only the kind is known.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            asn: None,
            score: None,
            country: None,
            list: None,
            rule: None,
            expires_at: None,
        }
    }

    /// What is kept when a list is cut: smaller sorts first and is kept.
    /// Severity class, then the score of the network, the unknown last.
    pub fn rank(&self) -> (u8, u8) {
        (self.origin.severity(), self.score.unwrap_or(u8::MAX))
    }
}

/// A prefix in a feed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The blocked prefix, masked.
    pub prefix: Prefix,
    /// Why.
    pub cause: Arc<Cause>,
}

impl Entry {
    /// An entry; for tests and callers with one prefix a cause.
    pub fn new(prefix: Prefix, cause: Cause) -> Self {
        Self { prefix, cause: Arc::new(cause) }
    }
}

/// Adjacent addresses of one family, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Range {
    /// IPv4, first and last address.
    V4(u32, u32),
    /// IPv6, first and last address.
    V6(u128, u128),
}

impl Range {
    /// A range; `None` if the families differ or the end is before the start.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        match (first, last) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => {
                Some(Self::V4(a.to_bits(), b.to_bits()))
            }
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => {
                Some(Self::V6(a.to_bits(), b.to_bits()))
            }
            _ => None,
        }
    }

    /// Whether this is an IPv4 range.
    pub fn is_v4(self) -> bool {
        matches!(self, Self::V4(..))
    }

    /// Whether both have an address in common.
    pub fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::V4(a, b), Self::V4(c, d)) => a <= d && c <= b,
            (Self::V6(a, b), Self::V6(c, d)) => a <= d && c <= b,
            _ => false,
        }
    }
}

impl From<Prefix> for Range {
    fn from(prefix: Prefix) -> Self {
        use asgard_model::prefix::{mask4, mask6};
        match prefix {
            Prefix::V4(bits, len) => Self::V4(bits, bits | !mask4(len)),
            Prefix::V6(bits, len) => Self::V6(bits, bits | !mask6(len)),
        }
    }
}

/// The addresses of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// A prefix: what every format can hold.
    Prefix(Prefix),
    /// A range: only for formats whose
    /// [`Traits::ranges`](super::format::Traits::ranges) is true.
    Range(Range),
}

impl Span {
    /// Whether the addresses are IPv4.
    pub fn is_v4(self) -> bool {
        match self {
            Self::Prefix(prefix) => prefix.is_v4(),
            Self::Range(range) => range.is_v4(),
        }
    }

    /// First and last address.
    pub fn range(self) -> Range {
        match self {
            Self::Prefix(prefix) => prefix.into(),
            Self::Range(range) => range,
        }
    }
}

/// One line of a feed: addresses, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The blocked addresses.
    pub span: Span,
    /// Why; of a merged line, the worst of its causes.
    pub cause: Arc<Cause>,
}

impl From<Entry> for Line {
    fn from(entry: Entry) -> Self {
        Self { span: Span::Prefix(entry.prefix), cause: entry.cause }
    }
}

/// A whole feed, selected, guarded, cut to its budget and in its final order:
/// what a renderer gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The lines, in the order in which they are to be written.
    pub lines: Vec<Line>,
    /// Networks that are blocked as a whole, by number or by risk, ascending:
    /// for the few formats that hold AS numbers.
    pub asns: Vec<Asn>,
    /// The version of the organisation's ruleset; serial of a zone.
    pub version: u64,
    /// The serial of the data.
    pub serial: u64,
    /// When these bytes were made, in formats that carry a moment.
    pub built_at: Timestamp,
    /// The organisation; part of the identifiers in STIX.
    pub org: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_causes_are_kept_longest() {
        let scored =
            |origin, score| Cause { score, ..Cause::new(origin) }.rank();
        let ranks = [
            scored(Origin::Ip, None),
            scored(Origin::List, None),
            scored(Origin::Risk, Some(3)),
            scored(Origin::Asn, Some(40)),
            scored(Origin::Asn, None),
            scored(Origin::Country, None),
        ];
        assert!(ranks.is_sorted(), "{ranks:?}");
    }

    #[test]
    fn a_prefix_is_the_range_of_its_addresses() {
        let prefix: Prefix = "1.10.16.0/20".parse().unwrap();
        let range = Range::new(
            "1.10.16.0".parse().unwrap(),
            "1.10.31.255".parse().unwrap(),
        );
        assert_eq!(Some(Range::from(prefix)), range);
        let all: Prefix = "::/0".parse().unwrap();
        assert_eq!(Range::from(all), Range::V6(0, u128::MAX));
    }

    #[test]
    fn a_range_has_one_family_and_a_direction() {
        let [a, b] = ["1.1.1.1", "1.1.1.2"].map(|t| t.parse().unwrap());
        assert!(Range::new(a, b).is_some());
        assert_eq!(Range::new(b, a), None);
        assert_eq!(Range::new(a, "::1".parse().unwrap()), None);
    }
}
