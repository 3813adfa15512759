//! Team Cymru's map of addresses to origins, as DNS speaks it
//! (<https://www.team-cymru.com/ip-asn-mapping>): the question for an address,
//! and what its answer says.
//!
//! `15169 | 8.8.8.0/24 | US | arin | 1992-12-01`, one record a prefix, several
//! origins separated by spaces.

use std::{fmt::Write, net::IpAddr};

use asgard_model::{Asn, Prefix};

/// The name whose TXT records tell who announces an address.
pub(super) fn question(address: IpAddr) -> String {
    let mut name = String::new();
    match address {
        IpAddr::V4(v4) => {
            for octet in v4.octets().iter().rev() {
                let _ = write!(name, "{octet}.");
            }
            name + "origin.asn.cymru.com"
        }
        IpAddr::V6(v6) => {
            for octet in v6.octets().iter().rev() {
                let _ = write!(name, "{:x}.{:x}.", octet & 15, octet >> 4);
            }
            name + "origin6.asn.cymru.com"
        }
    }
}

/// The first origin of the longest prefix; what does not read as an answer is
/// none.
pub(super) fn origin(texts: &[String]) -> Option<Asn> {
    let mut best: Option<(u8, Asn)> = None;
    for (len, asn) in texts.iter().filter_map(|text| read(text)) {
        if best.is_none_or(|(longest, _)| len > longest) {
            best = Some((len, asn));
        }
    }
    best.map(|(_, asn)| asn)
}

fn read(text: &str) -> Option<(u8, Asn)> {
    let mut cells = text.split('|').map(str::trim);
    let origins = cells.next()?;
    let prefix: Prefix = cells.next()?.parse().ok()?;
    let first = origins.split_ascii_whitespace().next()?;
    let plain = first.bytes().all(|b| b.is_ascii_digit());
    let asn = first.parse().ok().filter(|&asn: &u32| plain && asn != 0)?;
    Some((prefix.len(), Asn(asn)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_asked_for_backwards() {
        for (address, name) in [
            ("8.8.4.1", "1.4.8.8.origin.asn.cymru.com"),
            (
                "2001:4860:4860::8888",
                "8.8.8.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.8.4.0.6.8.4.1.0.\
                 0.2.origin6.asn.cymru.com",
            ),
        ] {
            assert_eq!(question(address.parse().unwrap()), name);
        }
    }

    fn answer(texts: &[&str]) -> Option<u32> {
        let texts: Vec<String> =
            texts.iter().map(ToString::to_string).collect();
        origin(&texts).map(|asn| asn.0)
    }

    #[test]
    fn the_first_origin_of_the_longest_prefix_counts() {
        let google = "15169 | 8.8.8.0/24 | US | arin | 1992-12-01";
        let level3 = "3356 | 8.0.0.0/12 | US | arin | 1992-12-01";
        let moas = "23028 216 | 216.90.108.0/24 | US | arin | 1998-09-25";
        let other = "701 | 8.8.8.0/24 | US | arin | ";
        for (texts, asn) in [
            (&[google][..], Some(15_169)),
            (&[level3, google], Some(15_169)),
            (&[google, level3], Some(15_169)),
            (&[google, other], Some(15_169)),
            (&[moas], Some(23_028)),
            (&["15169|2001:4860::/32|US|arin|"], Some(15_169)),
            (&["nonsense", google], Some(15_169)),
        ] {
            assert_eq!(answer(texts), asn, "{texts:?}");
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for text in [
            "",
            "|",
            " | | | | ",
            "NA | 8.8.8.0/24 | US | arin | 1992-12-01",
            "15169",
            "15169 | nowhere | US | arin | 1992-12-01",
            "0 | 8.8.8.0/24 | US | arin | 1992-12-01",
            "-1 | 8.8.8.0/24 | US | arin | 1992-12-01",
            "+1 | 8.8.8.0/24 | US | arin | 1992-12-01",
            "AS1 | 8.8.8.0/24 | US | arin | 1992-12-01",
            "4294967296 | 8.8.8.0/24 | US | arin | 1992-12-01",
            "| 8.8.8.0/24 | US | arin | 1992-12-01",
            "\u{fffd}\u{fffd}",
        ] {
            assert_eq!(answer(&[text]), None, "{text}");
        }
        assert_eq!(answer(&[]), None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(
            texts in prop::collection::vec("[0-9a|./: ]{0,30}", 0..4),
        ) {
            prop_assert!(origin(&texts).is_none_or(|asn| asn.0 != 0));
        }
    }
}
