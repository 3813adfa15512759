//! What changed between two bodies of a feed.
//!
//! A body is lines; a line that is an address, a prefix or a range has a place
//! in numeric order, any other keeps the order of its text, after them.

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
};

use asgard_model::Prefix;
use serde::Serialize;

/// What changed between two bodies, in the order of the feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Lines that are new.
    pub added: Vec<String>,
    /// Lines that are gone.
    pub removed: Vec<String>,
}

impl Diff {
    /// Compares two bodies line by line. The order of lines does not matter.
    pub fn of(from: &str, to: &str) -> Self {
        let old: HashSet<&str> = from.lines().collect();
        let new: HashSet<&str> = to.lines().collect();
        Self {
            added: in_order(new.difference(&old).copied()),
            removed: in_order(old.difference(&new).copied()),
        }
    }

    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// The later body, made from the earlier one: numeric order, as plain
    /// feeds have.
    pub fn apply(&self, from: &str) -> String {
        let gone: HashSet<&str> =
            self.removed.iter().map(String::as_str).collect();
        let kept = from.lines().filter(|line| !gone.contains(line));
        let lines = kept.chain(self.added.iter().map(String::as_str));
        let mut body = String::with_capacity(from.len());
        for line in in_order(lines) {
            body.push_str(&line);
            body.push('\n');
        }
        body
    }
}

fn in_order<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let sorted: BTreeMap<Place<'a>, &str> =
        lines.map(|line| (place(line), line)).collect();
    sorted.into_values().map(ToOwned::to_owned).collect()
}

/// Where a line stands: by family and first address, the covering one first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Addresses(IpAddr, std::cmp::Reverse<IpAddr>, &'a str),
    Text(&'a str),
}

fn place(line: &str) -> Place<'_> {
    let word = line.split([' ', '\t', '#']).next().unwrap_or(line);
    let range = word.split_once('-').and_then(|(first, last)| {
        Some((first.parse().ok()?, last.parse().ok()?))
    });
    let range = range.or_else(|| {
        let prefix: Prefix = word.parse().ok()?;
        Some((prefix.network(), prefix.last()))
    });
    match range {
        Some((first, last)) => {
            Place::Addresses(first, std::cmp::Reverse(last), line)
        }
        None => Place::Text(line),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(prefixes: &mut Vec<Prefix>) -> String {
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes.iter().map(|prefix| format!("{prefix}\n")).collect()
    }

    fn prefixes() -> impl Strategy<Value = Vec<Prefix>> {
        let v4 = (0u32..4, 0u8..=32).prop_map(|(bits, len)| {
            Prefix::new(std::net::Ipv4Addr::from_bits(bits << 29).into(), len)
        });
        let v6 = (0u128..4, 0u8..=128).prop_map(|(bits, len)| {
            Prefix::new(std::net::Ipv6Addr::from_bits(bits << 125).into(), len)
        });
        let one = prop_oneof![v4, v6].prop_map(Option::unwrap);
        prop::collection::vec(one, 0..40)
    }

    #[test]
    fn what_is_new_and_what_is_gone_are_told_in_numeric_order() {
        let diff = Diff::of(
            "1.0.0.0/8\n9.0.0.0/8\n::1/128\n",
            "9.0.0.0/8\n100.0.0.0/8\n2.0.0.0/8\n",
        );
        assert_eq!(diff.added, ["2.0.0.0/8", "100.0.0.0/8"]);
        assert_eq!(diff.removed, ["1.0.0.0/8", "::1/128"]);
        assert!(Diff::of("1.1.1.1/32\n", "1.1.1.1/32\n").is_empty());
    }

    #[test]
    fn ranges_and_bare_hosts_have_their_place_too() {
        let from = "1.1.1.1\n2.0.0.0-2.0.0.9\n2001:db8::-2001:db8::5\n";
        let to = "1.1.1.1\n1.1.1.5-1.1.1.9\n2001:db8::-2001:db8::5\n";
        assert_eq!(Diff::of(from, to).apply(from), to);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_later_body_is_the_earlier_one_with_the_difference(
            mut from in prefixes(), mut to in prefixes(),
        ) {
            let (from, to) = (body(&mut from), body(&mut to));
            let diff = Diff::of(&from, &to);
            prop_assert_eq!(diff.apply(&from), to);
            prop_assert_eq!(from == Diff::of(&from, &from).apply(&from), true);
        }
    }
}
