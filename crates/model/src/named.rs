//! Addresses and blocks that lists name: what is known of an address beside
//! its network.
//!
//! Compact, because half a million addresses are named in a quarter: twelve
//! bytes each, sorted, with the lists that name it as an index into the
//! combinations of lists and last days that occur, each kept once. It judges
//! nothing; scores are rates of whole networks.
//!
//! Each list has a last day of its own: what one list has dropped is not kept
//! alive by another that goes on naming it.

use std::{cmp::Reverse, hash::BuildHasher, net::IpAddr};

use rustc_hash::{FxBuildHasher, FxHashMap};
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
    /// Which lists name the same addresses, and last on the same days: one
    /// after the other in `said`, ending at these places.
    ends: Vec<u32>,
    said: Vec<Said>,
    /// The day of the newest version of each list, by source.
    newest: Vec<(SourceId, Day)>,
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

/// What one list said of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Said {
    /// The list.
    pub namer: Namer,
    /// The day of its last version that named the address.
    pub last: Day,
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
    set: u32,
    first: Day,
}

/// What lists say of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention<'a> {
    /// The address, or the block around it that is named.
    pub prefix: Prefix,
    /// What each list said, by list, ascending.
    pub said: &'a [Said],
    /// The first day on which one of them named it.
    pub first_seen: Day,
}

impl Mention<'_> {
    /// The last day on which one of the lists named it.
    pub fn last_seen(&self) -> Day {
        self.said.iter().map(|said| said.last).max().unwrap_or_default()
    }
}

impl Named {
    /// Collects blocks, and who named which prefix from when to when, in any
    /// order. The newest version of a list is the last that named something,
    /// unless [`Self::of_versions`] says more.
    pub fn new(
        mut blocks: Vec<Block>,
        mut words: Vec<(Prefix, Namer, Seen)>,
    ) -> Self {
        blocks.sort_unstable_by_key(|b| (b.prefix, b.source));
        words.sort_unstable();
        let mut named = Self { blocks, ..Self::default() };
        let mut known = FxHashMap::default();
        let mut said = Vec::new();
        for same in words.chunk_by(|a, b| a.0 == b.0) {
            said.clear();
            said.extend(same.chunk_by(|a, b| a.1 == b.1).map(|words| {
                let last = words.iter().map(|w| w.2.last).max();
                Said { namer: words[0].1, last: last.unwrap_or_default() }
            }));
            let first = same.iter().map(|w| w.2.first).min();
            let set = named.set(&mut known, &said);
            let mark = Mark { set, first: first.unwrap_or_default() };
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
        named.said.shrink_to_fit();
        named.ends.shrink_to_fit();
        let newest: Vec<_> =
            named.said.iter().map(|s| (s.namer.source, s.last)).collect();
        named.of_versions(newest)
    }

    /// Says of which day the newest version of a list is, which may name less
    /// than one before it, or nothing. Of several days the last one counts.
    #[must_use]
    pub fn of_versions(
        mut self,
        versions: impl IntoIterator<Item = (SourceId, Day)>,
    ) -> Self {
        self.newest.extend(versions);
        self.newest.sort_unstable_by_key(|&(id, day)| (id, Reverse(day)));
        self.newest.dedup_by_key(|(id, _)| *id);
        self
    }

    /// Whether the newest version of a list says so still.
    pub fn stands(&self, said: &Said) -> bool {
        let source = said.namer.source;
        let at = self.newest.binary_search_by_key(&source, |(id, _)| *id);
        at.is_ok_and(|at| said.last >= self.newest[at].1)
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

    /// The index of a combination. `known` leads from its hash to the first
    /// that has it; another one with the same hash is kept again.
    fn set(&mut self, known: &mut FxHashMap<u64, u32>, said: &[Said]) -> u32 {
        let hash = FxBuildHasher.hash_one(said);
        if let Some(&set) = known.get(&hash)
            && self.said(set) == said
        {
            return set;
        }
        let number = |count: usize| {
            u32::try_from(count).expect("memory ends before 2³² words")
        };
        let set = number(self.ends.len());
        self.said.extend_from_slice(said);
        self.ends.push(number(self.said.len()));
        known.entry(hash).or_insert(set);
        set
    }

    /// A combination; nothing if there is none of this index.
    fn said(&self, set: u32) -> &[Said] {
        let place = |at: usize| self.ends.get(at).map(|end| *end as usize);
        let at = set as usize;
        let from = at.checked_sub(1).map_or(Some(0), place);
        let range = from.zip(place(at)).map(|(from, to)| from..to);
        range.and_then(|range| self.said.get(range)).unwrap_or_default()
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
        let said = self.said(mark.set);
        Mention { prefix, said, first_seen: mark.first }
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
        let said = |namer, last| Said { namer, last: Day(last) };
        assert_eq!(mentions[0].said, [said(C2, 5), said(SCAN, 9)]);
        assert_eq!(mentions[0].first_seen, Day(3));
        assert_eq!(mentions[0].last_seen(), Day(9));
        assert_eq!(mentions[1].prefix, prefix("9.0.1.0/24"));
        assert_eq!(named.mentions("9.0.2.7".parse().unwrap()), []);
        let v6 = named.mentions("2001:db8::1".parse().unwrap());
        assert_eq!(v6[0].said, [said(C2, 2)]);
        assert_eq!(named.len(), 4);
    }

    #[test]
    fn what_a_list_dropped_is_not_kept_alive_by_another() {
        let named = named();
        let standing = |named: &Named, address: &str| -> Vec<Namer> {
            let mentions = named.mentions(address.parse().unwrap());
            let said = mentions.iter().flat_map(|mention| mention.said);
            let said = said.filter(|said| named.stands(said));
            said.map(|said| said.namer).collect()
        };
        assert_eq!(standing(&named, "9.0.1.7"), [C2, SCAN]);
        assert_eq!(standing(&named, "9.0.1.8"), [], "C2 is of day 5");
        // An empty version names nobody, and is the newest all the same.
        let emptied = named.of_versions([(C2.source, Day(6))]);
        assert_eq!(standing(&emptied, "9.0.1.7"), [SCAN]);
    }

    #[test]
    fn equal_words_are_kept_once() {
        let address = |host: u32| Prefix::V4(0x0900_0000 + host, 32);
        let words = (0..100).flat_map(|host| {
            let last = u16::try_from(5 + host % 2).unwrap();
            [C2, SCAN].map(|namer| (address(host), namer, seen(1, last)))
        });
        let named = Named::new(Vec::new(), words.collect());
        assert_eq!((named.len(), named.ends.len()), (100, 2));
        assert!(named.all().all(|mention| mention.said.len() == 2));
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
