//! The headers that tell a backend about the network behind a client.
//!
//! Always set, never added; an unknown network gives empty headers, or none if
//! the operator prefers it. Names of organisations come from a database of
//! somebody else: control characters are dropped, and they end at 256 bytes.

use asgard_model::NetworkFacts;

use super::put_field;
use crate::config::{AsnHeaders, OrgEncoding, WhenUnknown};

/// Longest organisation that is sent, in bytes.
const MAX_ORG: usize = 256;

/// What is sent, by configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Downstream {
    /// `None`: nothing about networks.
    pub(crate) asn: Option<AsnHeaders>,
    /// Whether the nine headers about places are sent.
    pub(crate) geo: bool,
}

/// What is known about one client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known<'a> {
    pub(crate) network: Option<NetworkFacts<'a>>,
    pub(crate) place: Option<&'a PlaceText<'a>>,
}

/// Values of the nine headers, in the order of [`PLACE`]; empty if unknown.
pub(crate) type PlaceText<'a> = [std::borrow::Cow<'a, str>; 9];

/// Headers about places.
pub(crate) const PLACE: [&str; 9] = [
    "X-Rescaled-Geo-Country",
    "X-Rescaled-Geo-Country-Name",
    "X-Rescaled-Geo-City",
    "X-Rescaled-Geo-Timezone",
    "X-Rescaled-Geo-Postal-Code",
    "X-Rescaled-Geo-Subdivision",
    "X-Rescaled-Geo-Continent",
    "X-Rescaled-Geo-Latitude",
    "X-Rescaled-Geo-Longitude",
];

impl Downstream {
    /// In the form of HTTP/1.1.
    pub(crate) fn write(&self, known: &Known<'_>, out: &mut Vec<u8>) {
        self.each(known, |name, value| put_field(out, name, value));
    }

    /// Calls `put` with each name and value, in a fixed order.
    pub(crate) fn each(
        &self,
        known: &Known<'_>,
        mut put: impl FnMut(&str, &[u8]),
    ) {
        if let Some(names) = &self.asn {
            each_of_network(names, known, &mut put);
        }
        if self.geo {
            for (at, name) in PLACE.iter().enumerate() {
                let value = known.place.map_or("", |place| &place[at]);
                put(name, &clean(value, OrgEncoding::Utf8));
            }
        }
    }
}

fn each_of_network(
    names: &AsnHeaders,
    known: &Known<'_>,
    to: &mut impl FnMut(&str, &[u8]),
) {
    let network = known.network.as_ref();
    let mut put = |name: &str, value: &[u8]| {
        let omitted =
            value.is_empty() && names.when_unknown == WhenUnknown::Omit;
        if !name.is_empty() && !omitted {
            to(name, value);
        }
    };
    let mut digits = itoa::Buffer::new();
    let number = network.map(|network| digits.format(network.asn.0));
    put(&names.number, number.unwrap_or_default().as_bytes());
    let org = network.map_or("", |network| network.organisation);
    put(&names.org, &clean(org, names.org_encoding));
    let risk = network.and_then(|network| network.risk);
    let score = risk.map(|(score, _)| digits.format(score));
    put(&names.score, score.unwrap_or_default().as_bytes());
    let level = risk.map_or("", |(_, level)| level.as_str());
    put(&names.level, level.as_bytes());
}

/// A text that can stand in a field: no controls, bounded, in the encoding.
fn clean(text: &str, encoding: OrgEncoding) -> std::borrow::Cow<'_, [u8]> {
    let ascii = encoding == OrgEncoding::Ascii;
    let is_clean =
        text.len() <= MAX_ORG && text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if is_clean {
        return text.as_bytes().into();
    }
    let mut out = String::with_capacity(MAX_ORG);
    for c in text.chars().filter(|c| !c.is_control()) {
        let c = if ascii && !c.is_ascii() { '?' } else { c };
        if out.len() + c.len_utf8() > MAX_ORG {
            break;
        }
        out.push(c);
    }
    out.into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_at_a_character_and_loses_its_controls() {
        let utf8 = |text| clean(text, OrgEncoding::Utf8).into_owned();
        assert_eq!(utf8("servinga GmbH"), b"servinga GmbH");
        assert_eq!(utf8("a\r\nX-Evil: b\0\u{85}"), b"aX-Evil: b");
        assert_eq!(utf8("Zürich"), "Zürich".as_bytes());
        let long = "ü".repeat(200);
        assert_eq!(utf8(&long), "ü".repeat(128).as_bytes());
        let ascii = |text| clean(text, OrgEncoding::Ascii).into_owned();
        assert_eq!(ascii("Zürich"), b"Z?rich");
    }
}
