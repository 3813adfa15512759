//! Longest-prefix match as a compressed multibit trie.
//!
//! The structure is Poptrie (Asai and Ohara, SIGCOMM 2015): a direct table of
//! the first 18 bits, then nodes of 6 bits that keep two 64-bit maps instead of
//! 64 pointers. Other than there, a node's values lie beside its maps, which
//! saves a cache miss a look-up. A million prefixes fit in a few megabytes, so random look-ups stay
//! in the cache. It is built once from sorted prefixes and never changed: a new
//! table is a new trie.

/// Bits that the direct table resolves.
const DIRECT_BITS: u32 = 18;
/// Bits that each node resolves.
const STRIDE: u32 = 6;
/// Marks an entry of the direct table as a value instead of a node.
const VALUE: u32 = 1 << 31;
/// No prefix covers the address.
const NONE: u32 = 0;

/// A prefix with the value to be found under it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Network bits, left-aligned in 128 bits; bits beyond `len` are zero.
    pub bits: u128,
    /// Prefix length.
    pub len: u8,
    /// The value, below 2³¹ − 1.
    pub value: u32,
}

/// An immutable map from address to the value of its longest prefix.
///
/// A node is a run of words: two 64-bit maps, then its values, then the places
/// of its children. All of a small node lies in one cache line.
#[derive(Clone, Debug, Default)]
pub struct Lpm {
    direct: Vec<u32>,
    words: Vec<u32>,
}

/// Words before the values of a node: `children` and `runs`, low half first.
const HEAD: usize = 4;

/// The maps of a node.
#[derive(Clone, Copy)]
struct Maps {
    /// Bit i: slot i leads to a child.
    children: u64,
    /// Bit i: slot i starts a run of equal values.
    runs: u64,
}

impl Lpm {
    /// Builds the trie. `entries` are sorted by (bits, len); of two equal
    /// prefixes the later one wins.
    pub fn build(entries: &[Entry]) -> Self {
        debug_assert!(
            entries.is_sorted_by_key(|e| (e.bits, e.len)),
            "entries must be sorted"
        );
        let mut lpm = Self {
            direct: vec![VALUE | NONE; 1 << DIRECT_BITS],
            words: Vec::new(),
        };
        let mut rest = entries;
        while let Some(first) = rest.first() {
            rest = lpm.place(first, rest);
        }
        lpm.words.shrink_to_fit();
        lpm
    }

    /// Places the first entry into the direct table, or, if it is longer than
    /// that, the node with all entries of its slot. Returns what is left.
    fn place<'a>(&mut self, first: &Entry, rest: &'a [Entry]) -> &'a [Entry] {
        let slot = slot_of(first.bits, 0, DIRECT_BITS);
        if u32::from(first.len) <= DIRECT_BITS {
            let span = 1 << (DIRECT_BITS - u32::from(first.len));
            self.direct[slot..slot + span].fill(VALUE | (first.value + 1));
            return &rest[1..];
        }
        let end =
            rest.partition_point(|e| slot_of(e.bits, 0, DIRECT_BITS) == slot);
        let inherited = self.direct[slot] & !VALUE;
        self.direct[slot] = self.node(&rest[..end], DIRECT_BITS, inherited);
        &rest[end..]
    }

    /// Writes the node that resolves the bits from `depth` on, with `entries`
    /// that are all longer than `depth` and equal in the bits before it, then
    /// its children. Returns its place.
    fn node(&mut self, entries: &[Entry], depth: u32, inherited: u32) -> u32 {
        let mut values = [inherited; 1 << STRIDE];
        let mut below: Vec<(usize, &[Entry])> = Vec::new();
        let mut rest = entries;
        while let Some(first) = rest.first() {
            let slot = slot_of(first.bits, depth, STRIDE);
            let len = u32::from(first.len);
            if len <= depth + STRIDE {
                let span = 1 << (depth + STRIDE - len);
                values[slot..slot + span].fill(first.value + 1);
                rest = &rest[1..];
            } else {
                let end = rest.partition_point(|e| {
                    slot_of(e.bits, depth, STRIDE) == slot
                });
                below.push((slot, &rest[..end]));
                rest = &rest[end..];
            }
        }
        let place = self.words.len();
        let children = below.iter().fold(0, |map, (slot, _)| map | 1 << slot);
        self.words.resize(place + HEAD, 0);
        let runs = self.push_runs(&values, children);
        self.words[place..place + 2].copy_from_slice(&halves(children));
        self.words[place + 2..place + HEAD].copy_from_slice(&halves(runs));
        let first_child = self.words.len();
        self.words.resize(first_child + below.len(), 0);
        for (at, (slot, entries)) in (first_child..).zip(below) {
            let child = self.node(entries, depth + STRIDE, values[slot]);
            self.words[at] = child;
        }
        index32(place)
    }

    /// Stores one value for each run of equal values; slots with a child are
    /// skipped, since they hold no value of their own.
    fn push_runs(&mut self, values: &[u32; 64], children: u64) -> u64 {
        let mut runs = 0;
        let mut last = None;
        for (slot, &value) in values.iter().enumerate() {
            if children >> slot & 1 == 0 && last != Some(value) {
                runs |= 1 << slot;
                self.words.push(value);
                last = Some(value);
            }
        }
        runs
    }

    /// The value of the longest IPv4 prefix that contains `address`.
    #[inline]
    pub fn get_v4(&self, address: u32) -> Option<u32> {
        let bits = u64::from(address) << 32;
        let top = (address >> (32 - DIRECT_BITS)) as usize;
        self.walk(top, |depth| (bits << depth >> (64 - STRIDE)) as usize)
    }

    /// The value of the longest IPv6 prefix that contains `address`.
    #[inline]
    pub fn get_v6(&self, address: u128) -> Option<u32> {
        let top = (address >> (128 - DIRECT_BITS)) as usize;
        self.walk(top, |depth| (address << depth >> (128 - STRIDE)) as usize)
    }

    #[inline]
    fn walk(&self, top: usize, slot_at: impl Fn(u32) -> usize) -> Option<u32> {
        let entry = *self.direct.get(top)?;
        if entry & VALUE != 0 {
            return (entry & !VALUE).checked_sub(1);
        }
        let mut place = entry as usize;
        let mut depth = DIRECT_BITS;
        loop {
            let node = self.words.get(place..)?;
            let maps = maps(node)?;
            let slot = slot_at(depth) & 63;
            let upto = u64::MAX >> (63 - slot);
            if maps.children >> slot & 1 == 0 {
                let run = (maps.runs & upto).count_ones() as usize;
                return node.get(HEAD + run - 1)?.checked_sub(1);
            }
            let values = maps.runs.count_ones() as usize;
            let child = (maps.children & upto).count_ones() as usize;
            place = *node.get(HEAD + values + child - 1)? as usize;
            depth += STRIDE;
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        (self.direct.len() + self.words.len()) * size_of::<u32>()
    }
}

#[inline]
fn maps(node: &[u32]) -> Option<Maps> {
    let head: &[u32; HEAD] = node.first_chunk()?;
    let join = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    Some(Maps {
        children: join(head[0], head[1]),
        runs: join(head[2], head[3]),
    })
}

/// The two halves of a map, low half first.
fn halves(map: u64) -> [u32; 2] {
    let half = |bits: u64| u32::try_from(bits & 0xFFFF_FFFF).unwrap_or(0);
    [half(map), half(map >> 32)]
}

/// Bits `depth..depth + width` of left-aligned `bits`; beyond 128 zeros follow.
fn slot_of(bits: u128, depth: u32, width: u32) -> usize {
    bits.checked_shl(depth).map_or(0, |b| b >> (128 - width)) as usize
}

fn index32(len: usize) -> u32 {
    u32::try_from(len)
        .ok()
        .filter(|&n| n < VALUE)
        .expect("a table of 2³¹ nodes does not fit in memory")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prefix::{mask4, mask6};

    fn entries(mut list: Vec<(u128, u8)>) -> Vec<Entry> {
        list.sort_unstable();
        list.dedup();
        (0u32..)
            .zip(list)
            .map(|(value, (bits, len))| Entry { bits, len, value })
            .collect()
    }

    fn naive(entries: &[Entry], address: u128) -> Option<u32> {
        entries
            .iter()
            .filter(|e| address & mask6(e.len) == e.bits)
            .max_by_key(|e| e.len)
            .map(|e| e.value)
    }

    #[test]
    fn an_empty_table_knows_nothing() {
        let lpm = Lpm::build(&[]);
        assert_eq!(lpm.get_v4(0), None);
        assert_eq!(Lpm::default().get_v6(u128::MAX), None);
    }

    #[test]
    fn default_and_host_routes_are_found_at_both_ends() {
        let table = entries(vec![
            (0, 0),
            (0, 32),
            (u128::from(u32::MAX) << 96, 32),
            (u128::from(0xFFFF_FFFEu32) << 96, 31),
        ]);
        let lpm = Lpm::build(&table);
        assert_eq!(lpm.get_v4(0), Some(1));
        assert_eq!(lpm.get_v4(1), Some(0));
        assert_eq!(lpm.get_v4(u32::MAX), Some(3));
        assert_eq!(lpm.get_v4(u32::MAX - 1), Some(2));
    }

    /// Few distinct high bits, so that prefixes nest.
    fn prefix(max: u8) -> impl Strategy<Value = (u128, u8)> {
        (any::<u8>(), any::<u128>(), 0..=max, 0u8..3).prop_map(
            |(high, low, len, shape)| {
                let bits = match shape {
                    0 => low,
                    1 => u128::from(high) << 120,
                    _ => u128::from(high & 3) << 120 | low >> 20,
                };
                (bits & mask6(len), len)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn finds_what_a_linear_search_finds_in_ipv6(
            list in prop::collection::vec(prefix(128), 0..60),
            mut probes in prop::collection::vec(any::<u128>(), 20),
        ) {
            let table = entries(list);
            let lpm = Lpm::build(&table);
            for e in &table {
                probes.extend([e.bits, e.bits | !mask6(e.len)]);
                probes.push(e.bits.wrapping_sub(1));
            }
            for p in probes {
                prop_assert_eq!(lpm.get_v6(p), naive(&table, p));
            }
        }

        #[test]
        fn finds_what_a_linear_search_finds_in_ipv4(
            list in prop::collection::vec(prefix(32), 0..60),
            mut probes in prop::collection::vec(any::<u32>(), 20),
        ) {
            let table = entries(list);
            let lpm = Lpm::build(&table);
            for e in &table {
                let first = u32::try_from(e.bits >> 96).unwrap();
                probes.extend([first, first | !mask4(e.len)]);
                probes.push(first.wrapping_sub(1));
            }
            for p in probes {
                let wide = u128::from(p) << 96;
                prop_assert_eq!(lpm.get_v4(p), naive(&table, wide));
            }
        }
    }
}
