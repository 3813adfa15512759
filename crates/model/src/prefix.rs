//! IP prefixes: always masked, canonical text, ordering of the feeds.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// An IPv4 or IPv6 prefix whose host bits are zero.
///
/// The derived order is that of the feeds: IPv4 first, then by address, then
/// by length, so that a covering prefix stands before what it covers.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Prefix {
    /// IPv4: network bits and length 0–32.
    V4(u32, u8),
    /// IPv6: network bits and length 0–128.
    V6(u128, u8),
}

/// Text that is not a prefix or address; the message names the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an IP address or prefix")]
pub struct PrefixError(String);

impl Prefix {
    /// Masks host bits away; `None` if `len` is longer than the family allows.
    pub fn new(address: IpAddr, len: u8) -> Option<Self> {
        match address {
            IpAddr::V4(v4) if len <= 32 => {
                Some(Self::V4(v4.to_bits() & mask4(len), len))
            }
            IpAddr::V6(v6) if len <= 128 => {
                Some(Self::V6(v6.to_bits() & mask6(len), len))
            }
            _ => None,
        }
    }

    /// The host prefix of an address: `/32` or `/128`.
    pub fn host(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4(v4.to_bits(), 32),
            IpAddr::V6(v6) => Self::V6(v6.to_bits(), 128),
        }
    }

    /// Prefix length in bits.
    #[expect(clippy::len_without_is_empty, reason = "a length in bits")]
    pub fn len(self) -> u8 {
        match self {
            Self::V4(_, len) | Self::V6(_, len) => len,
        }
    }

    /// Whether this is an IPv4 prefix.
    pub fn is_v4(self) -> bool {
        matches!(self, Self::V4(..))
    }

    /// The first address.
    pub fn network(self) -> IpAddr {
        match self {
            Self::V4(bits, _) => Ipv4Addr::from_bits(bits).into(),
            Self::V6(bits, _) => Ipv6Addr::from_bits(bits).into(),
        }
    }

    /// The last address.
    pub fn last(self) -> IpAddr {
        match self {
            Self::V4(bits, len) => {
                Ipv4Addr::from_bits(bits | !mask4(len)).into()
            }
            Self::V6(bits, len) => {
                Ipv6Addr::from_bits(bits | !mask6(len)).into()
            }
        }
    }

    /// Whether every address of `other` lies in `self`; families never mix.
    pub fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::V4(a, la), Self::V4(b, lb)) => {
                la <= lb && b & mask4(la) == a
            }
            (Self::V6(a, la), Self::V6(b, lb)) => {
                la <= lb && b & mask6(la) == a
            }
            _ => false,
        }
    }

    /// Whether the address lies in the prefix.
    pub fn contains(self, address: IpAddr) -> bool {
        self.covers(Self::host(address))
    }
}

/// Network mask of an IPv4 prefix length, 0–32.
pub const fn mask4(len: u8) -> u32 {
    if len == 0 { 0 } else { u32::MAX << (32 - len) }
}

/// Network mask of an IPv6 prefix length, 0–128.
pub const fn mask6(len: u8) -> u128 {
    if len == 0 { 0 } else { u128::MAX << (128 - len) }
}

impl fmt::Display for Prefix {
    /// Canonical text with length always: `192.0.2.0/24`, RFC 5952 for IPv6.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network(), self.len())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `a.b.c.d`, `a.b.c.d/n`, `x::y`, `x::y/n`; masks host bits and
    /// folds `::ffff:a.b.c.d` (length ≥ 96 or none) to IPv4.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        parse(text).ok_or_else(|| PrefixError(text.chars().take(60).collect()))
    }
}

fn parse(text: &str) -> Option<Prefix> {
    let (address, len) = match text.split_once('/') {
        Some((address, len)) => (address, Some(length(len)?)),
        None => (text, None),
    };
    match address.parse().ok()? {
        IpAddr::V4(v4) => Prefix::new(v4.into(), len.unwrap_or(32)),
        IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), len.unwrap_or(128)) {
            (Some(v4), len @ 96..) => Prefix::new(v4.into(), len - 96),
            (_, len) => Prefix::new(v6.into(), len),
        },
    }
}

fn length(text: &str) -> Option<u8> {
    (text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        text.parse::<Prefix>().unwrap().to_string()
    }

    #[test]
    fn masks_and_canonicalises() {
        for (text, canonical) in [
            ("10.1.2.3/16", "10.1.0.0/16"),
            ("203.0.113.9", "203.0.113.9/32"),
            ("2001:DB8::1/32", "2001:db8::/32"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1/128"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
            ("::/0", "::/0"),
            ("255.255.255.255/0", "0.0.0.0/0"),
        ] {
            assert_eq!(read(text), canonical, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_prefix() {
        for text in [
            "",
            "/",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "1.2.3.4/008/1",
            "::1/129",
            "fe80::1%eth0",
            "1.2.3.4 ",
            "AS174",
            "01.2.3.4",
        ] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn orders_as_the_feeds_do() {
        let sorted =
            ["1.0.0.0/8", "1.0.0.0/9", "9.0.0.0/8", "::/0", "2001::/16"];
        let mut prefixes: Vec<Prefix> =
            sorted.iter().rev().map(|t| t.parse().unwrap()).collect();
        prefixes.sort();
        let texts: Vec<_> = prefixes.iter().map(Prefix::to_string).collect();
        assert_eq!(texts, sorted);
    }

    #[test]
    fn knows_what_it_covers() {
        let wide: Prefix = "10.0.0.0/8".parse().unwrap();
        assert!(wide.covers("10.255.0.0/16".parse().unwrap()));
        assert!(!wide.covers("11.0.0.0/16".parse().unwrap()));
        assert!(!wide.covers("::/0".parse().unwrap()));
        assert_eq!(wide.last().to_string(), "10.255.255.255");
    }
}
