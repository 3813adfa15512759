//! Address ranges as the fewest prefixes, and prefixes that cover too much.

use asgard_model::Prefix;

use super::report::Reason;

/// Hands the fewest prefixes that cover `first..=last` to `sink`, ascending.
/// Both must be host prefixes of one family.
pub(crate) fn split(
    first: Prefix,
    last: Prefix,
    sink: &mut dyn FnMut(Prefix),
) -> Result<(), Reason> {
    match (first, last) {
        (Prefix::V4(low, 32), Prefix::V4(high, 32)) if low <= high => {
            blocks(low.into(), high.into(), 32, &mut |start, len| {
                // Starts lie between two 32-bit numbers.
                let start = u32::try_from(start).unwrap_or(u32::MAX);
                sink(Prefix::V4(start, len));
            });
            Ok(())
        }
        (Prefix::V6(low, 128), Prefix::V6(high, 128)) if low <= high => {
            blocks(low, high, 128, &mut |start, len| {
                sink(Prefix::V6(start, len));
            });
            Ok(())
        }
        _ => Err("not a range of addresses of one family"),
    }
}

/// Greedy split: the largest aligned block that fits, then the next.
fn blocks(low: u128, high: u128, width: u8, sink: &mut dyn FnMut(u128, u8)) {
    let mut start = low;
    loop {
        // Number of addresses less one, so that all of IPv6 fits.
        let left = high - start;
        let aligned = start.trailing_zeros().min(width.into());
        let fits = match left.checked_add(1) {
            Some(count) => count.ilog2(),
            None => 128,
        };
        let bits = aligned.min(fits);
        let len = width - u8::try_from(bits).unwrap_or(width);
        sink(start, len);
        let size_less_one =
            if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
        if size_less_one >= left {
            return;
        }
        start += size_less_one + 1;
    }
}

/// Shortest IPv4 prefix that a list of addresses may hold.
pub(super) const MIN_LEN_V4: u8 = 8;
/// Shortest IPv6 prefix that a list of addresses may hold: the largest
/// allocation of a registry to one holder is a `/19`.
pub(super) const MIN_LEN_V6: u8 = 19;

/// Refuses a prefix that no honest list of bad addresses holds.
pub(super) fn refuse_wide(prefix: Prefix) -> Result<(), Reason> {
    match prefix {
        Prefix::V4(_, len) if len < MIN_LEN_V4 => Err("shorter than /8"),
        Prefix::V6(_, len) if len < MIN_LEN_V6 => Err("shorter than /19"),
        _ => Ok(()),
    }
}

/// The same, for lists that may also name multicast (`224.0.0.0/4`), class E
/// (`240.0.0.0/4`), and IPv6 outside of global unicast (`2000::/3`).
pub(super) fn refuse_wide_unicast(prefix: Prefix) -> Result<(), Reason> {
    let special = match prefix {
        Prefix::V4(bits, len) => len >= 3 && bits >> 29 == 0b111,
        Prefix::V6(bits, len) => len >= 3 && bits >> 125 != 0b001,
    };
    if special { Ok(()) } else { refuse_wide(prefix) }
}

#[cfg(test)]
mod tests {
    use asgard_model::prefix::{mask4, mask6};
    use proptest::prelude::*;

    use super::*;

    fn prefixes(first: &str, last: &str) -> Result<Vec<String>, Reason> {
        let mut out = Vec::new();
        let ends = (first.parse().unwrap(), last.parse().unwrap());
        split(ends.0, ends.1, &mut |prefix| out.push(prefix.to_string()))?;
        Ok(out)
    }

    #[test]
    fn splits_ranges_into_the_fewest_prefixes() {
        for (first, last, expected) in [
            ("1.0.0.0", "1.0.0.255", vec!["1.0.0.0/24"]),
            ("1.0.0.1", "1.0.0.1", vec!["1.0.0.1/32"]),
            ("0.0.0.0", "255.255.255.255", vec!["0.0.0.0/0"]),
            (
                "1.0.128.0",
                "1.0.196.255",
                vec!["1.0.128.0/18", "1.0.192.0/22", "1.0.196.0/24"],
            ),
            (
                "10.0.0.1",
                "10.0.0.6",
                vec![
                    "10.0.0.1/32",
                    "10.0.0.2/31",
                    "10.0.0.4/31",
                    "10.0.0.6/32",
                ],
            ),
            (
                "2001::",
                "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
                vec!["2001::/32"],
            ),
            ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", vec!["::/0"]),
            ("::ffff:1.2.3.4", "1.2.3.5", vec!["1.2.3.4/31"]),
        ] {
            assert_eq!(prefixes(first, last).unwrap(), expected, "{first}");
        }
    }

    #[test]
    fn refuses_what_is_no_range() {
        for (first, last) in [
            ("1.0.0.1", "1.0.0.0"),
            ("1.0.0.0", "::1"),
            ("1.0.0.0/24", "2.0.0.0"),
        ] {
            assert!(prefixes(first, last).is_err(), "{first}");
        }
    }

    #[test]
    fn tells_poison_from_special_space() {
        for text in
            ["0.0.0.0/0", "128.0.0.0/1", "4.0.0.0/7", "::/0", "2a00::/12"]
        {
            let prefix = text.parse().unwrap();
            assert!(refuse_wide(prefix).is_err(), "{text}");
            assert!(refuse_wide_unicast(prefix).is_err(), "{text}");
        }
        for text in ["224.0.0.0/4", "240.0.0.0/4", "fe80::/10", "::/8"] {
            let prefix = text.parse().unwrap();
            assert!(refuse_wide(prefix).is_err(), "{text}");
            assert!(refuse_wide_unicast(prefix).is_ok(), "{text}");
        }
        for text in ["17.0.0.0/8", "2a00::/19"] {
            assert!(refuse_wide(text.parse().unwrap()).is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_split_covers_the_range_and_nothing_else(
            a: u32, b: u32, c: u128, d: u128,
        ) {
            let mut next = u64::from(a.min(b));
            blocks(a.min(b).into(), a.max(b).into(), 32, &mut |start, len| {
                assert_eq!(start, u128::from(next));
                let low = u32::try_from(start).unwrap();
                assert_eq!(low & mask4(len), low);
                next += 1 << (32 - len);
            });
            prop_assert_eq!(next, u64::from(a.max(b)) + 1);
            let (low, high) = (c.min(d), c.max(d));
            let (mut end, mut count) = (None, 0);
            blocks(low, high, 128, &mut |start, len| {
                let expected = end.map_or(low, |end: u128| end + 1);
                assert_eq!(start, expected);
                assert_eq!(start & mask6(len), start);
                end = Some(start | !mask6(len));
                count += 1;
            });
            prop_assert_eq!(end, Some(high));
            prop_assert!(count <= 254);
        }
    }
}
