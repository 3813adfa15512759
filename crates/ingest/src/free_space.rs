//! Space that registries have not given to anybody, and for how long: from their
//! files, day after day.
//!
//! An announcement of such space moves a score, so one file is not enough.
//! Space counts as **unallocated** when
//!
//! - the registry said so on two days at least,
//! - its last file is at most [`MAX_AGE`] days older or newer than the moment:
//!   registries give space every day, and its holders announce it at once,
//! - and nobody held it within the last year. What is "available" passed
//!   through the registry's quarantine; what is "reserved" may be in it, so it
//!   must have been seen free for a year.
//!
//! What only the last fails for is told, but moves nothing.

use std::{collections::BTreeMap, net::IpAddr};

use asgard_model::{Day, Prefix, Rir};
use serde::{Deserialize, Serialize};

use crate::format::address_range;

/// Days by which the last file of a registry may be off.
const MAX_AGE: u16 = 7;
/// Days for which space that was held is no bogon that counts.
const LATELY: u16 = 365;

/// What one file says that nobody holds.
#[derive(Clone, Debug, Default)]
pub struct FreeRows {
    /// By registry; `None` is IANA.
    blocks: BTreeMap<Option<Rir>, Vec<(Prefix, Free)>>,
}

/// How a registry calls what it has not given.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
)]
pub(crate) enum Free {
    /// Anybody may ask for it.
    Available,
    /// It is held back: not yet given, or returned.
    Reserved,
}

impl FreeRows {
    pub(crate) fn add(&mut self, rir: Option<Rir>, prefix: Prefix, free: Free) {
        self.blocks.entry(rir).or_default().push((prefix, free));
    }

    /// Notes that the file is of a registry, whatever it has left.
    pub(crate) fn mention(&mut self, rir: Option<Rir>) {
        self.blocks.entry(rir).or_default();
    }
}

/// What registries said, each on its last day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FreeSpace(BTreeMap<Option<Rir>, Ledger>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ledger {
    day: Day,
    /// Ascending and apart.
    ranges: Vec<Range>,
}

/// Addresses that are free, IPv4 as `::ffff:0:0/96`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Range {
    first: u128,
    last: u128,
    free: Free,
    /// The day since which every file said so.
    since: Day,
    /// The last day on which a file did not say so.
    held: Option<Day>,
}

/// Blocks of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unallocated {
    /// All that nobody holds.
    pub(crate) all: Vec<Prefix>,
    /// Of these, what somebody may have held within the last year.
    pub(crate) lately_held: Vec<Prefix>,
}

impl FreeSpace {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a file; one that is older than the last of its registry says
    /// nothing new.
    pub(crate) fn take(&mut self, rows: FreeRows, day: Day) {
        for (rir, blocks) in rows.blocks {
            let mut ranges: Vec<(u128, u128, Free)> = blocks
                .into_iter()
                .map(|(prefix, free)| {
                    let [first, last] =
                        [prefix.network(), prefix.last()].map(number);
                    (first, last, free)
                })
                .collect();
            ranges.sort_unstable();
            match self.0.get_mut(&rir) {
                Some(ledger) if ledger.day > day => {}
                Some(ledger) => *ledger = ledger.followed(&ranges, day),
                None => {
                    let ledger = Ledger::begun(&ranges, day);
                    self.0.insert(rir, ledger);
                }
            }
        }
    }

    /// What is unallocated on a day.
    pub(crate) fn on(&self, day: Day) -> Unallocated {
        let mut found = Unallocated::default();
        let fresh = |ledger: &&Ledger| ledger.day.0.abs_diff(day.0) <= MAX_AGE;
        for ledger in self.0.values().filter(fresh) {
            let is_confirmed = |range: &&Range| range.since < ledger.day;
            for range in ledger.ranges.iter().filter(is_confirmed) {
                let blocks = range.prefixes();
                if range.may_be_held_lately(day) {
                    found.lately_held.extend(&blocks);
                }
                found.all.extend(blocks);
            }
        }
        found
    }
}

impl Ledger {
    fn begun(ranges: &[(u128, u128, Free)], day: Day) -> Self {
        let mut new = Self { day, ranges: Vec::with_capacity(ranges.len()) };
        for &(first, last, free) in ranges {
            new.push(Range { first, last, free, since: day, held: None });
        }
        new
    }

    /// The same after another file: what was free before keeps its past.
    fn followed(&self, ranges: &[(u128, u128, Free)], day: Day) -> Self {
        let mut new = Self { day, ranges: Vec::with_capacity(ranges.len()) };
        for &(first, last, free) in ranges {
            let mut at = first;
            let known = self.ranges.partition_point(|r| r.last < first);
            let known = self.ranges[known..].iter();
            for old in known.take_while(|old| old.first <= last) {
                let held = Some(self.day);
                if let Some(before) =
                    old.first.checked_sub(1).filter(|b| *b >= at)
                {
                    let last = before;
                    new.push(Range { first: at, last, free, since: day, held });
                }
                let (first, last) = (at.max(old.first), last.min(old.last));
                new.push(Range { first, last, free, ..*old });
                // No range of the file ends at the very last address.
                at = last.saturating_add(1);
            }
            if at <= last {
                let held = Some(self.day);
                new.push(Range { first: at, last, free, since: day, held });
            }
        }
        new
    }

    /// Adds a range behind the others, and joins it with the last if they are
    /// of one past. What a file states twice counts once.
    fn push(&mut self, mut range: Range) {
        if let Some(last) = self.ranges.last_mut() {
            range.first = range.first.max(last.last.saturating_add(1));
            if range.first > range.last {
                return;
            }
            let next = Range { first: last.first, last: last.last, ..range };
            if *last == next && last.last.checked_add(1) == Some(range.first) {
                last.last = range.last;
                return;
            }
        }
        self.ranges.push(range);
    }
}

impl Range {
    fn may_be_held_lately(self, day: Day) -> bool {
        let lately = |then: Day| day.days_since(then) <= LATELY;
        match self.free {
            Free::Available => self.held.is_some_and(lately),
            Free::Reserved => lately(self.since),
        }
    }

    fn prefixes(self) -> Vec<Prefix> {
        let mut blocks = Vec::new();
        let [first, last] = [self.first, self.last].map(host);
        // A range of one family, because each block of a file is.
        let split = address_range::split(first, last, &mut |prefix| {
            blocks.push(prefix);
        });
        debug_assert_eq!(split, Ok(()), "ends of two families");
        blocks
    }
}

/// IPv4 in the middle of IPv6 space that nobody is given.
const V4: u128 = 0xffff << 32;

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => V4 | u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn host(number: u128) -> Prefix {
    match u32::try_from(number ^ V4) {
        Ok(v4) => Prefix::V4(v4, 32),
        Err(_) => Prefix::V6(number, 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(blocks: &[(&str, Free)]) -> FreeRows {
        let mut rows = FreeRows::default();
        rows.mention(Some(Rir::Ripe));
        for (text, free) in blocks {
            rows.add(Some(Rir::Ripe), text.parse().unwrap(), *free);
        }
        rows
    }

    fn texts(prefixes: &[Prefix]) -> Vec<String> {
        prefixes.iter().map(ToString::to_string).collect()
    }

    const D: Day = Day(20_000);

    fn later(days: u16) -> Day {
        Day(D.0 + days)
    }

    #[test]
    fn one_file_is_not_enough_and_the_same_day_is_no_second() {
        let mut space = FreeSpace::default();
        for _ in 0..2 {
            space.take(file(&[("60.0.0.0/16", Free::Available)]), D);
            assert_eq!(space.on(D), Unallocated::default());
        }
        space.take(file(&[("60.0.0.0/16", Free::Available)]), later(1));
        assert_eq!(texts(&space.on(later(1)).all), ["60.0.0.0/16"]);
        assert_eq!(space.on(later(1)).lately_held, []);
    }

    #[test]
    fn old_files_say_nothing() {
        let mut space = FreeSpace::default();
        let free = [("60.0.0.0/16", Free::Available)];
        space.take(file(&free), D);
        space.take(file(&free), later(1));
        assert_eq!(space.on(later(1 + MAX_AGE)).all.len(), 1);
        assert_eq!(space.on(later(2 + MAX_AGE)), Unallocated::default());
        // A file of another registry makes it no younger.
        let mut other = FreeRows::default();
        other.add(
            Some(Rir::Arin),
            "61.0.0.0/16".parse().unwrap(),
            Free::Available,
        );
        space.take(other, later(30));
        assert_eq!(space.on(later(30)), Unallocated::default());
    }

    #[test]
    fn what_was_given_or_returned_between_two_files_is_told_apart() {
        let mut space = FreeSpace::default();
        space.take(
            file(&[
                ("60.0.0.0/24", Free::Available),
                ("60.0.2.0/23", Free::Available),
                ("2a00::/32", Free::Available),
            ]),
            D,
        );
        // 60.0.1.0/24 was returned, 60.0.3.0/24 given.
        let after = [
            ("2a00::/31", Free::Available),
            ("60.0.0.0/23", Free::Available),
            ("60.0.2.0/24", Free::Available),
        ];
        space.take(file(&after), later(1));
        let found = space.on(later(1));
        assert_eq!(
            texts(&found.all),
            ["60.0.0.0/24", "60.0.2.0/24", "2a00::/32"]
        );
        assert_eq!(found.lately_held, []);
        space.take(file(&after), later(2));
        let found = space.on(later(2));
        assert_eq!(
            texts(&found.all),
            [
                "60.0.0.0/24",
                "60.0.1.0/24",
                "60.0.2.0/24",
                "2a00::/32",
                "2a00:1::/32"
            ]
        );
        assert_eq!(texts(&found.lately_held), ["60.0.1.0/24", "2a00:1::/32"]);
        let year = later(3 + LATELY);
        space.take(file(&after), year);
        assert_eq!(space.on(year).lately_held, []);
    }

    #[test]
    fn reserved_space_counts_when_it_was_free_for_a_year() {
        let mut space = FreeSpace::default();
        let rows = file(&[("60.0.0.0/16", Free::Reserved)]);
        space.take(rows.clone(), D);
        space.take(rows.clone(), later(1));
        let found = space.on(later(1));
        assert_eq!(found.all, found.lately_held);
        let year = later(1 + LATELY);
        space.take(rows, year);
        assert_eq!(texts(&space.on(year).all), ["60.0.0.0/16"]);
        assert_eq!(space.on(year).lately_held, []);
    }

    #[test]
    fn what_files_state_twice_or_in_pieces_is_one_range() {
        let mut space = FreeSpace::default();
        let rows = file(&[
            ("60.0.0.0/24", Free::Available),
            ("60.0.0.0/16", Free::Available),
            ("60.1.0.0/16", Free::Available),
            ("0.0.0.0/8", Free::Available),
        ]);
        space.take(rows.clone(), D);
        space.take(rows, later(1));
        let found = texts(&space.on(later(1)).all);
        assert_eq!(found, ["0.0.0.0/8", "60.0.0.0/15"]);
    }

    #[test]
    fn a_registry_that_has_nothing_left_has_nothing_unallocated() {
        let mut space = FreeSpace::default();
        let rows = file(&[("60.0.0.0/16", Free::Available)]);
        space.take(rows.clone(), D);
        space.take(rows, later(1));
        space.take(file(&[]), later(2));
        assert_eq!(space.on(later(2)), Unallocated::default());
    }
}
