//! Address space as a set: what rules select, what is protected, what is left.
//!
//! An [`AddressSet`] holds IPv4 and IPv6 as disjoint, ascending, non-adjacent
//! inclusive intervals, so that two sets of the same addresses are equal, and
//! every operation is one linear pass over flat arrays of machine words. A
//! [`SpaceView`] is the same, borrowed. Text is read ([`text`]) once and written
//! once; in between nothing is a prefix.
//!
//! Refused: an interval that ends before it begins ([`AddressSet::from_ranges`]
//! panics: it is a bug of ours, readers report such lines themselves).

pub mod blocks;
pub mod coarsen;
mod interval;
#[cfg(test)]
mod laws;
mod sort;
pub mod text;

use std::net::IpAddr;

use asgard_model::{
    Prefix,
    prefix::{mask4, mask6},
};

pub use blocks::{Prefixes, Split};
pub use interval::{Address, Interval};

/// Any set of addresses of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressSet {
    v4: Vec<Interval<u32>>,
    v6: Vec<Interval<u128>>,
}

/// A set that is borrowed: from an [`AddressSet`], or from an atlas.
///
/// Both slices are disjoint, ascending and non-adjacent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpaceView<'a> {
    v4: &'a [Interval<u32>],
    v6: &'a [Interval<u128>],
}

impl AddressSet {
    /// No address.
    pub const EMPTY: Self = Self { v4: Vec::new(), v6: Vec::new() };

    /// The addresses of all prefixes, in any order, with any overlaps.
    pub fn from_prefixes(prefixes: impl IntoIterator<Item = Prefix>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            match prefix {
                Prefix::V4(bits, len) => v4.push((bits, bits | !mask4(len))),
                Prefix::V6(bits, len) => v6.push((bits, bits | !mask6(len))),
            }
        }
        Self::from_ranges(v4, v6)
    }

    /// The addresses of all ranges, both ends included, in any order, with any
    /// overlaps.
    ///
    /// # Panics
    /// When a range ends before it begins.
    pub fn from_ranges(
        mut v4: Vec<Interval<u32>>,
        mut v6: Vec<Interval<u128>>,
    ) -> Self {
        interval::normalise(&mut v4);
        interval::normalise(&mut v6);
        Self { v4, v6 }
    }

    /// All addresses of both families.
    pub fn everything() -> Self {
        Self { v4: vec![(0, u32::MAX)], v6: vec![(0, u128::MAX)] }
    }

    /// The addresses that are in any of many sets.
    pub fn union_of<'a>(sets: impl IntoIterator<Item = SpaceView<'a>>) -> Self {
        let sets: Vec<SpaceView<'a>> = sets.into_iter().collect();
        let count4 = sets.iter().map(|set| set.v4.len()).sum();
        let count6 = sets.iter().map(|set| set.v6.len()).sum();
        let mut v4 = Vec::with_capacity(count4);
        let mut v6 = Vec::with_capacity(count6);
        for set in sets {
            v4.extend_from_slice(set.v4);
            v6.extend_from_slice(set.v6);
        }
        Self::from_ranges(v4, v6)
    }

    /// The addresses that are in this set or in the other.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            v4: interval::union(&self.v4, &other.v4),
            v6: interval::union(&self.v6, &other.v6),
        }
    }

    /// The addresses that are in this set and not in the other.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        self.view().subtract(other.view())
    }

    /// The addresses that are in both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        self.view().intersect(other.view())
    }

    /// The set, borrowed.
    pub fn view(&self) -> SpaceView<'_> {
        SpaceView { v4: &self.v4, v6: &self.v6 }
    }

    /// IPv4 as intervals, both ends included, ascending.
    pub fn v4(&self) -> &[Interval<u32>] {
        &self.v4
    }

    /// IPv6 as intervals, both ends included, ascending.
    pub fn v6(&self) -> &[Interval<u128>] {
        &self.v6
    }

    /// Whether no address is in the set.
    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// Whether the address is in the set. A v4-mapped address is IPv6 here.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.view().contains(address)
    }

    /// The prefix of [`Self::prefixes`] that holds an address.
    pub fn prefix_of(&self, address: IpAddr) -> Option<Prefix> {
        let host = Prefix::host(address);
        // The widest one in the set is the one: wider ones are not in it.
        (0..=host.len())
            .filter_map(|length| Prefix::new(address, length))
            .find(|prefix| self.covers(*prefix))
    }

    /// Whether every address of the prefix is in the set.
    pub fn covers(&self, prefix: Prefix) -> bool {
        self.view().covers(prefix)
    }

    /// Whether any address of the prefix is in the set.
    pub fn overlaps(&self, prefix: Prefix) -> bool {
        self.view().overlaps(prefix)
    }

    /// The fewest prefixes that are exactly this set, in order of the feeds:
    /// IPv4 first, ascending.
    pub fn prefixes(&self) -> Prefixes<'_> {
        self.view().prefixes()
    }

    /// Number of prefixes of [`Self::prefixes`], without making them.
    pub fn prefix_count(&self) -> usize {
        self.view().prefix_count()
    }

    /// Number of IPv4 addresses.
    pub fn addresses_v4(&self) -> u64 {
        self.view().addresses_v4()
    }

    /// Number of IPv6 addresses, rounded to the precision of the type.
    pub fn addresses_v6(&self) -> f64 {
        self.view().addresses_v6()
    }

    /// Number of /64 networks of IPv6 that the set touches.
    pub fn slash64s(&self) -> u128 {
        self.view().slash64s()
    }
}

impl<'a> SpaceView<'a> {
    /// Intervals that are already disjoint, ascending and non-adjacent.
    pub(crate) fn new(
        v4: &'a [Interval<u32>],
        v6: &'a [Interval<u128>],
    ) -> Self {
        debug_assert!(interval::is_normal(v4) && interval::is_normal(v6));
        Self { v4, v6 }
    }

    /// IPv4 as intervals, both ends included, ascending.
    pub fn v4(self) -> &'a [Interval<u32>] {
        self.v4
    }

    /// IPv6 as intervals, both ends included, ascending.
    pub fn v6(self) -> &'a [Interval<u128>] {
        self.v6
    }

    /// A set of its own.
    pub fn to_set(self) -> AddressSet {
        AddressSet { v4: self.v4.to_vec(), v6: self.v6.to_vec() }
    }

    /// See [`AddressSet::subtract`].
    pub fn subtract(self, other: SpaceView<'_>) -> AddressSet {
        AddressSet {
            v4: interval::subtract(self.v4, other.v4),
            v6: interval::subtract(self.v6, other.v6),
        }
    }

    /// See [`AddressSet::intersect`].
    pub fn intersect(self, other: SpaceView<'_>) -> AddressSet {
        AddressSet {
            v4: interval::intersect(self.v4, other.v4),
            v6: interval::intersect(self.v6, other.v6),
        }
    }

    /// Whether no address is in the set.
    pub fn is_empty(self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// See [`AddressSet::contains`].
    pub fn contains(self, address: IpAddr) -> bool {
        self.covers(Prefix::host(address))
    }

    /// See [`AddressSet::covers`].
    pub fn covers(self, prefix: Prefix) -> bool {
        match prefix {
            Prefix::V4(bits, len) => {
                interval::covers(self.v4, (bits, bits | !mask4(len)))
            }
            Prefix::V6(bits, len) => {
                interval::covers(self.v6, (bits, bits | !mask6(len)))
            }
        }
    }

    /// See [`AddressSet::overlaps`].
    pub fn overlaps(self, prefix: Prefix) -> bool {
        match prefix {
            Prefix::V4(bits, len) => {
                interval::overlaps(self.v4, (bits, bits | !mask4(len)))
            }
            Prefix::V6(bits, len) => {
                interval::overlaps(self.v6, (bits, bits | !mask6(len)))
            }
        }
    }

    /// See [`AddressSet::prefixes`].
    pub fn prefixes(self) -> Prefixes<'a> {
        Prefixes::new(self, [0, 0])
    }

    /// The fewest prefixes that are exactly this set and of which none is
    /// shorter than allowed, in order of the feeds.
    pub fn prefixes_from(self, shortest4: u8, shortest6: u8) -> Prefixes<'a> {
        Prefixes::new(self, [shortest4, shortest6])
    }

    /// See [`AddressSet::prefix_count`].
    pub fn prefix_count(self) -> usize {
        self.prefix_count_from(0, 0)
    }

    /// Number of prefixes of [`Self::prefixes_from`], without making them.
    pub fn prefix_count_from(self, shortest4: u8, shortest6: u8) -> usize {
        blocks::count(self.v4, shortest4) + blocks::count(self.v6, shortest6)
    }

    /// See [`AddressSet::addresses_v4`].
    pub fn addresses_v4(self) -> u64 {
        self.v4.iter().map(|&(a, b)| u64::from(b - a) + 1).sum()
    }

    /// See [`AddressSet::addresses_v6`].
    pub fn addresses_v6(self) -> f64 {
        self.v6.iter().map(|&(a, b)| approximate(b - a) + 1.0).sum()
    }

    /// See [`AddressSet::slash64s`].
    pub fn slash64s(self) -> u128 {
        let mut seen = 0;
        let mut count = 0;
        for &(first, last) in self.v6 {
            // Two intervals may touch the same /64; `seen` is one past the last.
            let (low, high) = ((first >> 64).max(seen), (last >> 64) + 1);
            count += high.saturating_sub(low);
            seen = high;
        }
        count
    }
}

/// The nearest number; exact up to 2⁵³.
fn approximate(count: u128) -> f64 {
    let high = u64::try_from(count >> 64).unwrap_or(u64::MAX);
    let low = u64::try_from(count & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    #[expect(clippy::cast_precision_loss, reason = "rounded, as documented")]
    let sum = high as f64 * 18_446_744_073_709_551_616.0 + low as f64;
    sum
}

/// What is left of one prefix when a set is taken out of it, as the fewest
/// prefixes, ascending: the prefix itself when they do not overlap, nothing
/// when the set covers it.
pub fn split_prefix(
    prefix: Prefix,
    minus: SpaceView<'_>,
) -> impl Iterator<Item = Prefix> + '_ {
    blocks::Remainder::new(prefix, minus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> AddressSet {
        AddressSet::from_prefixes(texts.iter().map(|t| t.parse().unwrap()))
    }

    fn texts(prefixes: impl Iterator<Item = Prefix>) -> Vec<String> {
        prefixes.map(|prefix| prefix.to_string()).collect()
    }

    #[test]
    fn neighbours_join_and_contained_prefixes_vanish() {
        let set = set(&[
            "10.0.1.0/24",
            "10.0.0.0/24",
            "10.0.0.7/32",
            "10.0.2.0/24",
            "2001:db8:8000::/33",
            "2001:db8::/33",
            "255.255.255.255/32",
        ]);
        assert_eq!(
            texts(set.prefixes()),
            [
                "10.0.0.0/23",
                "10.0.2.0/24",
                "255.255.255.255/32",
                "2001:db8::/32"
            ]
        );
        assert_eq!(set.prefix_count(), 4);
        assert_eq!(set.addresses_v4(), 3 * 256 + 1);
        assert_eq!(set.slash64s(), 1 << 32);
    }

    #[test]
    fn the_whole_of_both_families_is_a_set_like_others() {
        let all = set(&["128.0.0.0/1", "0.0.0.0/1", "::/1", "8000::/1"]);
        assert_eq!(all, AddressSet::everything());
        assert_eq!(texts(all.prefixes()), ["0.0.0.0/0", "::/0"]);
        assert_eq!(all.addresses_v4(), 1 << 32);
        assert_eq!(all.addresses_v6(), 2f64.powi(128));
        assert_eq!(all.slash64s(), 1 << 64);
        assert_eq!(all.subtract(&all), AddressSet::EMPTY);
        let ends = set(&["0.0.0.0", "255.255.255.255", "::", "ffff::/16"]);
        let inner = all.subtract(&ends);
        assert_eq!(inner.v4(), [(1, u32::MAX - 1)]);
        assert_eq!(inner.v6(), [(1, (0xffff << 112) - 1)]);
        assert_eq!(inner.union(&ends), all);
    }

    #[test]
    fn the_prefix_of_an_address_is_the_one_among_all_that_holds_it() {
        let set = set(&["10.0.0.0/24", "10.0.1.0/25", "2001:db8::/32"]);
        let of = |text: &str| {
            let found = set.prefix_of(text.parse().unwrap());
            found.map(|prefix| prefix.to_string())
        };
        assert_eq!(of("10.0.0.255").unwrap(), "10.0.0.0/24");
        assert_eq!(of("10.0.1.1").unwrap(), "10.0.1.0/25");
        assert_eq!(of("2001:db8:ffff::1").unwrap(), "2001:db8::/32");
        assert_eq!(of("10.0.1.128"), None);
        assert_eq!(of("::10.0.0.1"), None);
        let all = AddressSet::everything();
        let widest = all.prefix_of("::1".parse().unwrap());
        assert_eq!(widest.unwrap().to_string(), "::/0");
    }

    #[test]
    fn one_host_out_of_a_slash_8_leaves_24_prefixes() {
        let out = set(&["10.1.2.3", "9.0.0.0/8", "2001:db8::1"]);
        let wide: Prefix = "10.0.0.0/8".parse().unwrap();
        let left: Vec<Prefix> = split_prefix(wide, out.view()).collect();
        assert_eq!(left.len(), 24);
        assert_eq!(
            AddressSet::from_prefixes(left),
            set(&["10.0.0.0/8"]).subtract(&out)
        );
        let narrow = "10.1.2.3/32".parse().unwrap();
        assert_eq!(split_prefix(narrow, out.view()).count(), 0);
        let other: Prefix = "11.0.0.0/8".parse().unwrap();
        assert!(split_prefix(other, out.view()).eq([other]));
    }

    #[test]
    #[should_panic(expected = "ends before it begins")]
    fn a_range_that_ends_before_it_begins_is_a_bug() {
        AddressSet::from_ranges(vec![(2, 1)], vec![]);
    }
}
