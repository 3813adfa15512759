//! Autonomous System numbers: parsing, display, and the reserved ranges.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};

/// An Autonomous System number (RFC 6793), 1 to 4294967295.
///
/// AS0 (RFC 7607) is representable, because ROAs and broken tables contain it,
/// but [`Asn::from_str`] refuses it: nobody can be asked about it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct Asn(pub u32);

/// Reserved and private AS numbers, ascending and disjoint.
///
/// Sources: IANA "Autonomous System (AS) Numbers"; RFC 7607 (0), RFC 6793
/// (23456), RFC 5398 (documentation), RFC 6996 (private), RFC 7300 (last).
pub const RESERVED: [(u32, u32); 9] = [
    (0, 0),
    (23_456, 23_456),
    (64_496, 64_511),
    (64_512, 65_534),
    (65_535, 65_535),
    (65_536, 65_551),
    (65_552, 131_071),
    (4_200_000_000, 4_294_967_294),
    (4_294_967_295, 4_294_967_295),
];

impl Asn {
    /// Whether no public network may use this number in BGP ("bogon ASN").
    pub fn is_reserved(self) -> bool {
        RESERVED.iter().any(|&(low, high)| (low..=high).contains(&self.0))
    }
}

impl fmt::Display for Asn {
    /// `AS15169`: the form of the EDL and of every text for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

/// Text that is not an AS number; the message names the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an AS number (1 to 4294967295, `AS` is optional)")]
pub struct AsnError(String);

impl FromStr for Asn {
    type Err = AsnError;

    /// Reads `AS64496`, `as64496`, `64496` and asdot `1.10` (RFC 5396).
    fn from_str(text: &str) -> Result<Self, AsnError> {
        let refuse = || AsnError(text.chars().take(40).collect());
        let digits = match text.as_bytes() {
            [b'a' | b'A', b's' | b'S', ..] => &text[2..],
            _ => text,
        };
        let number = match digits.split_once('.') {
            Some((high, low)) => asdot(high, low).ok_or_else(refuse)?,
            None => plain(digits).map_err(|_| refuse())?,
        };
        if number == 0 { Err(refuse()) } else { Ok(Self(number)) }
    }
}

fn plain(digits: &str) -> Result<u32, ParseIntError> {
    // `u32::from_str` accepts a leading `+`, which no registry writes.
    if digits.starts_with('+') { "".parse() } else { digits.parse() }
}

fn asdot(high: &str, low: &str) -> Option<u32> {
    let half = |text: &str| -> Option<u32> {
        plain(text).ok().filter(|&n| n <= u32::from(u16::MAX))
    };
    Some(half(high)? << 16 | half(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_of_an_as_number() {
        for (text, number) in [
            ("AS64496", 64_496),
            ("as15169", 15_169),
            ("13335", 13_335),
            ("4294967295", u32::MAX),
            ("1.10", 65_546),
            ("AS1.0", 65_536),
        ] {
            assert_eq!(text.parse(), Ok(Asn(number)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_as_number() {
        for text in [
            "",
            "AS",
            "0",
            "AS0",
            "-1",
            "+1",
            "4294967296",
            "1.65536",
            "1.2.3",
            " 1",
            "１",
            "x",
        ] {
            assert!(text.parse::<Asn>().is_err(), "{text}");
        }
    }

    #[test]
    fn knows_the_reserved_ranges() {
        for number in [0, 23_456, 64_496, 65_535, 131_071, 4_200_000_000] {
            assert!(Asn(number).is_reserved(), "{number}");
        }
        for number in [1, 23_455, 64_495, 131_072, 4_199_999_999] {
            assert!(!Asn(number).is_reserved(), "{number}");
        }
    }
}
