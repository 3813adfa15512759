//! Addresses and blocks that lists name: what is known of an address beside
//! its network.
//!
//! Compact, because half a million addresses are named in a quarter: ten bytes
//! each, sorted, with the lists that name it as an index into the few
//! thousand combinations that occur. It judges nothing; scores are rates of
//! whole networks.

use std::net::IpAddr;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::{Category, Day, Prefix, SourceId};

/// Addresses and blocks that lists name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Ascending.
    blocks: Vec<Block>,
    /// IPv4 addresses, ascending, with their marks beside them.
    v4: Vec<u32>,
    marks: Vec<Mark>,
    /// Shorter prefixes and IPv6, ascending.
    rest: Vec<(Prefix, Mark)>,
    /// Which lists name the same addresses.
    sets: Vec<Box<[Namer]>>,
    /// How far a source is trusted, in percent, by source.
    weights: Vec<(SourceId, u8)>,
}

/// A block that is listed as a whole, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The block.
    pub prefix: Prefix,
    /// Who lists it.
    pub source: SourceId,
    /// First day on which it was seen listed.
    pub since: Day,
}

/// A list that names addresses, and for what.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
pub struct Namer {
    /// The list.
    pub source: SourceId,
    /// What its addresses were seen doing.
    pub category: Category,
}

/// From when to when an address was named.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
pub struct Seen {
    /// The first day.
    pub first: Day,
    /// The last day.
    pub last: Day,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    set: u16,
    seen: Seen,
}

/// What lists say of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention<'a> {
    /// The address, or the block around it that is named.
    pub prefix: Prefix,
    /// The lists, ascending.
    pub namers: &'a [Namer],
    /// The first day on which one of them named it.
    pub first_seen: Day,
    /// The last day on which one of them named it.
    pub last_seen: Day,
}

impl Named {
    /// Collects blocks, and who named which prefix from when to when, in any
    /// order.
    pub fn new(
        mut blocks: Vec<Block>,
        mut words: Vec<(Prefix, Namer, Seen)>,
    ) -> Self {
        blocks.sort_unstable_by_key(|b| (b.prefix, b.source));
        words.sort_unstable();
        let mut named = Self { blocks, ..Self::default() };
        let mut known: FxHashMap<Vec<Namer>, u16> = FxHashMap::default();
        for same in words.chunk_by(|a, b| a.0 == b.0) {
            let mut namers: Vec<Namer> = same.iter().map(|w| w.1).collect();
            namers.dedup();
            let set = named.set(&mut known, namers);
            let first = same.iter().map(|w| w.2.first).min();
            let last = same.iter().map(|w| w.2.last).max();
            let seen = Seen {
                first: first.unwrap_or_default(),
                last: last.unwrap_or_default(),
            };
            let mark = Mark { set, seen };
            match same[0].0 {
                Prefix::V4(bits, 32) => {
                    named.v4.push(bits);
                    named.marks.push(mark);
                }
                prefix => named.rest.push((prefix, mark)),
            }
        }
        named.v4.shrink_to_fit();
        named.marks.shrink_to_fit();
        named
    }

    /// Adds how far each source is trusted, 0–1.
    #[must_use]
    pub fn weighed(
        mut self,
        weights: impl IntoIterator<Item = (SourceId, f64)>,
    ) -> Self {
        self.weights =
            weights.into_iter().map(|(id, w)| (id, percent(w))).collect();
        self.weights.sort_unstable();
        self.weights.dedup_by_key(|(id, _)| *id);
        self
    }

    /// How far a source is trusted, 0–1; fully if nothing was said.
    pub fn weight(&self, source: SourceId) -> f64 {
        let at = self.weights.binary_search_by_key(&source, |(id, _)| *id);
        at.map_or(1.0, |at| f64::from(self.weights[at].1) / 100.0)
    }

    /// The index of a combination. Far fewer occur than fit; should they ever
    /// not, the last one stands for the rest.
    fn set(
        &mut self,
        known: &mut FxHashMap<Vec<Namer>, u16>,
        namers: Vec<Namer>,
    ) -> u16 {
        if let Some(&set) = known.get(&namers) {
            return set;
        }
        let Ok(set) = u16::try_from(self.sets.len()) else { return u16::MAX };
        self.sets.push(namers.clone().into_boxed_slice());
        known.insert(namers, set);
        set
    }

    /// Every address and prefix that is named, listed blocks left out; IPv4
    /// hosts first, ascending.
    pub fn all(&self) -> impl Iterator<Item = Mention<'_>> {
        let hosts = self.v4.iter().zip(&self.marks);
        let hosts = hosts.map(|(&bits, &mark)| (Prefix::V4(bits, 32), mark));
        hosts.chain(self.rest.iter().copied()).map(|m| self.mention(m))
    }

    /// Every listed block, ascending.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Listed blocks that hold all of a prefix, widest first.
    pub fn blocks_around(
        &self,
        prefix: Prefix,
    ) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |block| block.prefix.covers(prefix))
    }

    /// Listed blocks inside a prefix, ascending.
    pub fn blocks_within(
        &self,
        prefix: Prefix,
    ) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |block| prefix.covers(block.prefix))
    }

    /// What lists say of an address: of itself first, then of blocks around it.
    pub fn mentions(&self, address: IpAddr) -> Vec<Mention<'_>> {
        let address = address.to_canonical();
        let own = match address {
            IpAddr::V4(v4) => self.v4.binary_search(&v4.to_bits()).ok(),
            IpAddr::V6(_) => None,
        };
        let own = own.map(|at| (Prefix::host(address), self.marks[at]));
        let around = self.rest.iter().rev().copied();
        let around = around.filter(|(prefix, _)| prefix.contains(address));
        own.into_iter().chain(around).map(|m| self.mention(m)).collect()
    }

    fn mention(&self, (prefix, mark): (Prefix, Mark)) -> Mention<'_> {
        let set = self.sets.get(usize::from(mark.set));
        let namers = set.map_or(&[] as &[Namer], |set| set);
        let Seen { first, last } = mark.seen;
        Mention { prefix, namers, first_seen: first, last_seen: last }
    }

    /// How many addresses and blocks inside a prefix are named.
    pub fn count_within(&self, prefix: Prefix) -> usize {
        let rest = self.rest.iter().filter(|(p, _)| prefix.covers(*p)).count();
        let (IpAddr::V4(first), IpAddr::V4(last)) =
            (prefix.network(), prefix.last())
        else {
            return rest;
        };
        let from = self.v4.partition_point(|&a| a < first.to_bits());
        let until = self.v4.partition_point(|&a| a <= last.to_bits());
        rest + until - from
    }

    /// How many addresses and blocks are named, listed blocks left out.
    pub fn len(&self) -> usize {
        self.v4.len() + self.rest.len()
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.blocks.is_empty()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0–100 first"
)]
fn percent(weight: f64) -> u8 {
    (weight * 100.0).round().clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const C2: Namer = Namer { source: SourceId(0), category: Category::C2 };
    const SCAN: Namer =
        Namer { source: SourceId(1), category: Category::Attack };

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    fn seen(first: u16, last: u16) -> Seen {
        Seen { first: Day(first), last: Day(last) }
    }

    fn named() -> Named {
        let block = |text: &str| Block {
            prefix: prefix(text),
            source: SourceId(2),
            since: Day(1),
        };
        Named::new(
            vec![block("9.0.0.0/16"), block("9.0.1.0/24")],
            vec![
                (prefix("9.0.1.7"), SCAN, seen(6, 9)),
                (prefix("9.0.1.7"), C2, seen(3, 5)),
                (prefix("9.0.1.8"), C2, seen(4, 4)),
                (prefix("9.0.1.0/24"), SCAN, seen(1, 3)),
                (prefix("2001:db8::1"), C2, seen(2, 2)),
            ],
        )
    }

    #[test]
    fn an_address_has_the_lists_that_name_it_and_the_block_around_it() {
        let named = named();
        let mentions = named.mentions("9.0.1.7".parse().unwrap());
        assert_eq!(mentions.len(), 2);
        assert_eq!(mentions[0].namers, [C2, SCAN]);
        assert_eq!(mentions[0].first_seen, Day(3));
        assert_eq!(mentions[0].last_seen, Day(9));
        assert_eq!(mentions[1].prefix, prefix("9.0.1.0/24"));
        assert_eq!(named.mentions("9.0.2.7".parse().unwrap()), []);
        let v6 = named.mentions("2001:db8::1".parse().unwrap());
        assert_eq!(v6[0].namers, [C2]);
        assert_eq!(named.len(), 4);
    }

    #[test]
    fn blocks_around_and_within_are_told_apart() {
        let named = named();
        let inner = prefix("9.0.1.0/25");
        assert_eq!(named.blocks_around(inner).count(), 2);
        assert_eq!(named.blocks_within(inner).count(), 0);
        assert_eq!(named.blocks_within(prefix("9.0.0.0/8")).count(), 2);
        assert_eq!(named.count_within(prefix("9.0.1.0/24")), 3);
        assert_eq!(named.count_within(prefix("9.0.1.8/32")), 1);
        assert_eq!(named.count_within(prefix("2001:db8::/32")), 1);
    }

    #[test]
    fn everything_that_is_named_can_be_listed() {
        let named = named();
        let all: Vec<String> =
            named.all().map(|mention| mention.prefix.to_string()).collect();
        let expected =
            ["9.0.1.7/32", "9.0.1.8/32", "9.0.1.0/24", "2001:db8::1/128"];
        assert_eq!(all, expected);
        assert_eq!(named.blocks().len(), 2);
    }

    #[test]
    fn a_source_is_trusted_fully_unless_something_was_said() {
        let named = named().weighed([(SourceId(1), 0.35), (SourceId(0), 1.0)]);
        let weights = [0, 1, 2].map(|id| named.weight(SourceId(id)));
        assert_eq!(weights, [1.0, 0.35, 1.0]);
    }
}
