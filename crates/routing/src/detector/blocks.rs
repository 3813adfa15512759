//! Address space as ranges, for one question: is all, or any, of a prefix in it?
//!
//! Neighbouring blocks are one range: a prefix over two of them lies in it.

use std::net::IpAddr;

use asgard_model::Prefix;

/// Address space.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    /// Of IPv4 and IPv6: first and last addresses, ascending, apart.
    ranges: [Vec<(u128, u128)>; 2],
}

impl Blocks {
    pub(super) fn new(prefixes: Vec<Prefix>) -> Self {
        let mut ranges = [Vec::new(), Vec::new()];
        for prefix in prefixes {
            ranges[family(prefix)].push(ends(prefix));
        }
        Self { ranges: ranges.map(joined) }
    }

    /// Whether all of a prefix lies in it.
    pub(super) fn cover(&self, prefix: Prefix) -> bool {
        let (first, last) = ends(prefix);
        let range = self.last_before(prefix, first);
        range.is_some_and(|(from, to)| from <= first && last <= to)
    }

    /// Whether any of a prefix lies in it.
    pub(super) fn touch(&self, prefix: Prefix) -> bool {
        let (first, last) = ends(prefix);
        let range = self.last_before(prefix, last);
        range.is_some_and(|(_, to)| first <= to)
    }

    /// The last range that begins at an address or before it.
    fn last_before(&self, prefix: Prefix, at: u128) -> Option<(u128, u128)> {
        let ranges = &self.ranges[family(prefix)];
        let after = ranges.partition_point(|(from, _)| *from <= at);
        ranges.get(after.checked_sub(1)?).copied()
    }
}

fn family(prefix: Prefix) -> usize {
    usize::from(!prefix.is_v4())
}

fn ends(prefix: Prefix) -> (u128, u128) {
    (bits(prefix.network()), bits(prefix.last()))
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn joined(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let joins = kept.1.checked_add(1).is_none_or(|after| next.0 <= after);
        if joins {
            kept.1 = kept.1.max(next.1);
        }
        joins
    });
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(texts: &[&str]) -> Blocks {
        Blocks::new(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn a_prefix_over_two_neighbours_lies_in_both_together() {
        let space = blocks(&["60.0.1.0/24", "60.0.0.0/24", "2001:db8::/32"]);
        for (prefix, covered, touched) in [
            ("60.0.0.0/23", true, true),
            ("60.0.1.0/24", true, true),
            ("60.0.0.0/22", false, true),
            ("60.0.2.0/24", false, false),
            ("59.255.255.0/24", false, false),
            ("32.1.13.184/32", false, false),
            ("2001:db8:ff::/48", true, true),
            ("2001:db8::/31", false, true),
            ("2001:db9::/32", false, false),
        ] {
            let parsed = prefix.parse().unwrap();
            assert_eq!(space.cover(parsed), covered, "{prefix}");
            assert_eq!(space.touch(parsed), touched, "{prefix}");
        }
    }

    #[test]
    fn the_whole_of_both_families_is_no_overflow() {
        let all = blocks(&["0.0.0.0/0", "255.0.0.0/8", "::/0", "ff00::/8"]);
        assert!(all.cover("255.255.255.0/24".parse().unwrap()));
        assert!(all.cover("ffff::/16".parse().unwrap()));
        assert_eq!(all.ranges.map(|ranges| ranges.len()), [1, 1]);
    }
}
