//! The ledger of one list: which prefix it named, when first, when last.
//!
//! A list is merged version by version. Merging the same version again, or
//! versions in another order, changes nothing, so that a publisher who repeats
//! himself adds no evidence. Lists forget (ThreatFox after six months); the
//! ledger remembers for thirteen.

use asgard_model::{Asn, Day, Prefix};
use serde::{Deserialize, Serialize};

/// Months that a ledger remembers: twelve that count, one for ageing.
pub const MONTHS: u16 = 13;

/// Everything that one list has said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    v4: Vec<Entry<(u32, u8)>>,
    v6: Vec<Entry<(u128, u8)>>,
    asns: Vec<Entry<Asn>>,
    /// Days of merged versions, ascending.
    versions: Vec<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry<K> {
    key: K,
    seen: Seen,
    origin: Asn,
}

/// When a list named a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// First day.
    pub first: Day,
    /// Last day.
    pub last: Day,
    /// Bit i: a version of month `last.month() − i` named it.
    pub months: u16,
}

impl Seen {
    fn on(day: Day) -> Self {
        Self { first: day, last: day, months: 1 }
    }

    /// Adds a day; order and repetition do not matter.
    fn add(&mut self, day: Day) {
        if day > self.last {
            let shift = u32::from(day.month() - self.last.month());
            self.months = self.months.checked_shl(shift).unwrap_or(0) | 1;
            self.last = day;
        } else {
            let back = u32::from(self.last.month() - day.month());
            self.months |= 1u16.checked_shl(back).unwrap_or(0);
        }
        self.first = self.first.min(day);
    }

    /// Months as bits counted back from `month`: bit 0 is that month itself.
    pub fn months_before(self, month: u16) -> u16 {
        match month.checked_sub(self.last.month()) {
            Some(back) => self.months.checked_shl(u32::from(back)).unwrap_or(0),
            None => self.months >> (self.last.month() - month).min(15),
        }
    }
}

/// One line of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The address or block.
    pub prefix: Prefix,
    /// When it was named.
    pub seen: Seen,
    /// The AS that originated it at `seen.last`; AS0 if nobody did.
    pub origin: Asn,
}

impl Ledger {
    /// Merges one version of the list, published on `day`. `origin_of` gives
    /// the AS that originates a prefix on that day.
    pub fn merge(
        &mut self,
        mut prefixes: Vec<Prefix>,
        day: Day,
        origin_of: impl Fn(Prefix) -> Asn,
    ) {
        prefixes.sort_unstable();
        prefixes.dedup();
        let split = prefixes.partition_point(|p| p.is_v4());
        let v4 = prefixes[..split].iter().filter_map(|&p| match p {
            Prefix::V4(bits, len) => Some(((bits, len), p)),
            Prefix::V6(..) => None,
        });
        let v6 = prefixes[split..].iter().filter_map(|&p| match p {
            Prefix::V6(bits, len) => Some(((bits, len), p)),
            Prefix::V4(..) => None,
        });
        self.v4 = merge_sorted(&self.v4, v4, day, &origin_of);
        self.v6 = merge_sorted(&self.v6, v6, day, &origin_of);
        self.note_version(day);
    }

    /// Merges one version of a list of AS numbers.
    pub fn merge_asns(&mut self, mut asns: Vec<Asn>, day: Day) {
        asns.sort_unstable();
        asns.dedup();
        let keys = asns.into_iter().map(|asn| (asn, asn));
        self.asns = merge_sorted(&self.asns, keys, day, &|asn| asn);
        self.note_version(day);
    }

    fn note_version(&mut self, day: Day) {
        if let Err(at) = self.versions.binary_search(&day) {
            self.versions.insert(at, day);
        }
    }

    /// Forgets what was last named before `day`.
    pub fn forget_before(&mut self, day: Day) {
        self.v4.retain(|e| e.seen.last >= day);
        self.v6.retain(|e| e.seen.last >= day);
        self.asns.retain(|e| e.seen.last >= day);
        self.versions.retain(|&version| version >= day);
        self.v4.shrink_to_fit();
        self.v6.shrink_to_fit();
    }

    /// All lines, ascending by prefix.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        let v4 = self.v4.iter().map(|e| Line {
            prefix: Prefix::V4(e.key.0, e.key.1),
            seen: e.seen,
            origin: e.origin,
        });
        let v6 = self.v6.iter().map(|e| Line {
            prefix: Prefix::V6(e.key.0, e.key.1),
            seen: e.seen,
            origin: e.origin,
        });
        v4.chain(v6)
    }

    /// All AS numbers, ascending.
    pub fn asns(&self) -> impl Iterator<Item = (Asn, Seen)> {
        self.asns.iter().map(|e| (e.key, e.seen))
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len() + self.asns.len()
    }

    /// Whether nothing was ever named.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Day of the newest merged version.
    pub fn newest(&self) -> Option<Day> {
        self.versions.last().copied()
    }

    /// Median days between merged versions; 0 with fewer than two.
    pub fn median_gap_days(&self) -> u16 {
        let mut gaps: Vec<u16> =
            self.versions.windows(2).map(|w| w[1].days_since(w[0])).collect();
        gaps.sort_unstable();
        gaps.get(gaps.len() / 2).copied().unwrap_or(0)
    }
}

fn merge_sorted<K: Ord + Copy, P: Copy>(
    old: &[Entry<K>],
    new: impl Iterator<Item = (K, P)>,
    day: Day,
    origin_of: &impl Fn(P) -> Asn,
) -> Vec<Entry<K>> {
    let mut merged = Vec::with_capacity(old.len());
    let mut rest = old.iter().copied().peekable();
    for (key, named) in new {
        while let Some(entry) = rest.next_if(|e| e.key < key) {
            merged.push(entry);
        }
        merged.push(match rest.next_if(|e| e.key == key) {
            None => {
                Entry { key, seen: Seen::on(day), origin: origin_of(named) }
            }
            Some(mut entry) => {
                // The newest version tells who originates it.
                if day > entry.seen.last {
                    entry.origin = origin_of(named);
                }
                entry.seen.add(day);
                entry
            }
        });
    }
    merged.extend(rest);
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn ledger(versions: &[(&str, &[&str])]) -> Ledger {
        let mut ledger = Ledger::default();
        for (published, list) in versions {
            let prefixes = list.iter().map(|p| p.parse().unwrap()).collect();
            ledger.merge(prefixes, day(published), |_| Asn(7));
        }
        ledger
    }

    #[test]
    fn remembers_first_last_and_months() {
        let ledger = ledger(&[
            ("20260115", &["10.0.0.1", "10.0.0.2"]),
            ("20260120", &["10.0.0.1"]),
            ("20260310", &["10.0.0.1", "2001:db8::1"]),
        ]);
        let lines: Vec<Line> = ledger.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].seen.first, day("20260115"));
        assert_eq!(lines[0].seen.last, day("20260310"));
        assert_eq!(lines[0].seen.months, 0b101);
        let april = day("20260401").month();
        assert_eq!(lines[0].seen.months_before(april), 0b1010);
        assert_eq!(lines[1].seen.months_before(april), 0b1000);
        assert_eq!(ledger.newest(), Some(day("20260310")));
        assert_eq!(lines[0].origin, Asn(7));
    }

    #[test]
    fn forgets_what_is_too_old() {
        let mut ledger =
            ledger(&[("20250101", &["10.0.0.1"]), ("20260101", &["10.0.0.2"])]);
        ledger.forget_before(day("20250601"));
        assert_eq!(ledger.len(), 1);
    }

    proptest! {
        #[test]
        fn order_and_repetition_of_versions_change_nothing(
            versions in prop::collection::vec(
                (0u16..400, prop::collection::vec(0u32..20, 0..8)), 1..8
            ),
            order in any::<usize>(),
        ) {
            let merge = |ledger: &mut Ledger, v: &(u16, Vec<u32>)| {
                let list = v.1.iter().map(|&a| Prefix::V4(a, 32)).collect();
                ledger.merge(list, Day(20_000 + v.0), |_| Asn(1));
            };
            let mut straight = Ledger::default();
            versions.iter().for_each(|v| merge(&mut straight, v));
            let mut shuffled = versions.clone();
            shuffled.extend(versions.iter().cloned());
            let count = shuffled.len();
            for at in 0..count {
                shuffled.swap(at, order.wrapping_mul(at + 7) % count);
            }
            let mut other = Ledger::default();
            shuffled.iter().for_each(|v| merge(&mut other, v));
            prop_assert_eq!(straight, other);
        }
    }
}
