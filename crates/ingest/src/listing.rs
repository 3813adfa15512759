//! Listings of Spamhaus: DROP for blocks, ASN-DROP for networks.
//!
//! A listing does not decay while it stands. After delisting, and for lists
//! that have gone silent for longer than their `max_stale`, it halves every
//! `half_life_days` (90): the word of a dead source fades, it does not vanish.

use asgard_model::{Asn, Day, FamilyId, Prefix, SourceId};
use rustc_hash::FxHashMap;

use crate::{
    ledger::{Ledger, Seen},
    space::{Space, bounds, size},
};

/// One list with everything it has said.
#[derive(Clone, Copy, Debug)]
pub struct ListingSource<'a> {
    /// Who says so.
    pub source: SourceId,
    /// The family of the publisher.
    pub family: FamilyId,
    /// Weight of its word, 0–1.
    pub weight: f64,
    /// Days of silence after which its listings begin to decay.
    pub max_stale_days: u16,
    /// What it said.
    pub ledger: &'a Ledger,
}

/// A listing with its present strength.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listed {
    /// Who says so.
    pub source: SourceId,
    /// The family of the publisher.
    pub family: FamilyId,
    /// The weight of the source while listed, halving after.
    pub strength: f64,
    /// First and last day.
    pub seen: Seen,
    /// The newest version of the list still has it.
    pub stands: bool,
}

/// Share of a listing that still counts: below it (about 20 months) it is noise.
const NEGLIGIBLE: f64 = 0.01;

impl ListingSource<'_> {
    fn listed(&self, seen: Seen, as_of: Day, half_life: f64) -> Option<Listed> {
        let newest = self.ledger.newest()?;
        let stands = seen.last >= newest;
        let gone = match stands {
            true => Day(newest.0.saturating_add(self.max_stale_days)),
            false => seen.last,
        };
        let age = f64::from(as_of.days_since(gone));
        let left = libm_exp2(-age / half_life);
        // A list without weight is still told of: it only moves nothing.
        (left >= NEGLIGIBLE).then_some(Listed {
            source: self.source,
            family: self.family,
            strength: self.weight * left,
            seen,
            stands,
        })
    }
}

fn libm_exp2(x: f64) -> f64 {
    asgard_model::scoring::exp2(x)
}

/// The strongest listing of each AS.
pub fn listed_asns(
    sources: &[ListingSource<'_>],
    as_of: Day,
    half_life: f64,
) -> FxHashMap<Asn, Listed> {
    let mut strongest: FxHashMap<Asn, Listed> = FxHashMap::default();
    for source in sources {
        for (asn, seen) in source.ledger.asns() {
            let Some(listed) = source.listed(seen, as_of, half_life) else {
                continue;
            };
            let known = strongest.entry(asn).or_insert(listed);
            if listed.strength > known.strength {
                *known = listed;
            }
        }
    }
    strongest
}

/// Listed space, flattened: disjoint intervals with the strongest listing.
#[derive(Debug, Default)]
pub struct ListedSpace {
    /// IPv4, IPv6; ascending.
    segments: [Vec<Segment>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    first: u128,
    last: u128,
    prefix: Prefix,
    listed: Listed,
}

/// Listed space inside the space of one AS.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlap {
    /// Share of the announced addresses, weighted by strength, 0–1; the larger
    /// of the two families.
    pub share: f64,
    /// Listed blocks with the listing, at most five: those that stand before
    /// those that have ended, then the largest overlap first.
    pub samples: Vec<(Prefix, Listed)>,
    /// The family of the publisher of the largest overlap.
    pub family: Option<FamilyId>,
    /// Some of the listings still stand.
    pub standing: bool,
}

/// Samples kept of each overlap.
const SAMPLES: usize = 5;

impl ListedSpace {
    /// Flattens the listings: inside a listed block, a more specific listing
    /// only counts if it is stronger.
    pub fn new(
        sources: &[ListingSource<'_>],
        as_of: Day,
        half_life: f64,
    ) -> Self {
        let mut listings: Vec<(Prefix, Listed)> = Vec::new();
        for source in sources {
            listings.extend(source.ledger.lines().filter_map(|line| {
                let listed = source.listed(line.seen, as_of, half_life)?;
                Some((line.prefix, listed))
            }));
        }
        // Strongest first, so that each address takes its strongest listing.
        listings.sort_by(|a, b| {
            b.1.strength.total_cmp(&a.1.strength).then(a.0.cmp(&b.0))
        });
        let mut space = Self::default();
        let mut taken: [Vec<(u128, u128)>; 2] = Default::default();
        for (prefix, listed) in listings {
            let family = usize::from(!prefix.is_v4());
            for (first, last) in uncovered(&taken[family], bounds(prefix)) {
                space.segments[family].push(Segment {
                    first,
                    last,
                    prefix,
                    listed,
                });
                let at = taken[family].partition_point(|t| t.0 < first);
                taken[family].insert(at, (first, last));
            }
        }
        for segments in &mut space.segments {
            segments.sort_unstable_by_key(|s| s.first);
        }
        space
    }

    /// The overlap with what an AS announces.
    pub fn overlap(&self, announced: &[Space; 2]) -> Overlap {
        let mut hits: Vec<(f64, Segment)> = Vec::new();
        let mut share = 0.0f64;
        for (space, segments) in announced.iter().zip(&self.segments) {
            let start = hits.len();
            for &(first, last) in space.intervals() {
                let from = segments.partition_point(|s| s.last < first);
                for segment in
                    segments[from..].iter().take_while(|s| s.first <= last)
                {
                    let low = segment.first.max(first);
                    let high = segment.last.min(last);
                    hits.push((size(low, high), *segment));
                }
            }
            let weighted: f64 = hits[start..]
                .iter()
                .map(|(size, segment)| size * segment.listed.strength)
                .sum();
            if weighted > 0.0 {
                share = share.max(weighted / space.addresses());
            }
        }
        hits.sort_by(|a, b| {
            b.0.total_cmp(&a.0).then(a.1.first.cmp(&b.1.first))
        });
        let family = hits.first().map(|(_, s)| s.listed.family);
        hits.sort_by_key(|(_, segment)| !segment.listed.stands);
        let mut samples: Vec<(Prefix, Listed)> = Vec::new();
        for (_, segment) in &hits {
            let seen = samples.iter().any(|(p, _)| *p == segment.prefix);
            if !seen && samples.len() < SAMPLES {
                samples.push((segment.prefix, segment.listed));
            }
        }
        Overlap {
            share: share.min(1.0),
            family,
            standing: hits.iter().any(|(_, s)| s.listed.stands),
            samples,
        }
    }
}

/// The parts of an interval that `taken` (disjoint, ascending) leaves free.
fn uncovered(
    taken: &[(u128, u128)],
    (mut first, last): (u128, u128),
) -> Vec<(u128, u128)> {
    let mut free = Vec::new();
    let from = taken.partition_point(|t| t.1 < first);
    for &(low, high) in taken[from..].iter().take_while(|t| t.0 <= last) {
        if low > first {
            free.push((first, low - 1));
        }
        let Some(next) = high.checked_add(1) else { return free };
        first = next;
    }
    if first <= last {
        free.push((first, last));
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn source(ledger: &Ledger) -> ListingSource<'_> {
        ListingSource {
            source: SourceId(0),
            family: FamilyId(3),
            weight: 1.0,
            max_stale_days: 7,
            ledger,
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn listings_stand_then_halve_every_half_life() {
        let mut ledger = Ledger::default();
        ledger.merge_asns(vec![Asn(1), Asn(2)], day("20260101"));
        ledger.merge_asns(vec![Asn(1)], day("20260108"));
        let strengths = |as_of: &str| {
            let listed = listed_asns(&[source(&ledger)], day(as_of), 90.0);
            [1, 2].map(|n| listed.get(&Asn(n)).map_or(0.0, |l| l.strength))
        };
        let fresh = strengths("20260110");
        assert!(close(fresh[0], 1.0));
        assert!(fresh[1] < 1.0 && fresh[1] > 0.9);
        // Seven days of silence are tolerated, ninety more halve it.
        let old = strengths("20260415");
        assert!(close(old[0], 0.5), "{old:?}");
        assert!(strengths("20290101")[0] < 1e-9);
    }

    #[test]
    fn only_the_overlap_with_a_listed_supernet_counts() {
        let mut ledger = Ledger::default();
        let list = ["9.0.0.0/16", "9.0.1.0/24", "9.9.0.0/24"];
        let prefixes = list.iter().map(|p| p.parse().unwrap()).collect();
        ledger.merge(prefixes, day("20260101"), |_| Asn(0));
        let listed =
            ListedSpace::new(&[source(&ledger)], day("20260102"), 90.0);
        let announced = |list: &[&str]| {
            let all = Space::of(list.iter().map(|p| p.parse().unwrap()));
            [all, Space::default()]
        };
        let half = listed.overlap(&announced(&["9.0.1.0/24", "9.1.0.0/24"]));
        assert!(close(half.share, 0.5), "{half:?}");
        assert_eq!(half.samples[0].0.to_string(), "9.0.0.0/16");
        assert_eq!(half.family, Some(FamilyId(3)));
        let whole = listed.overlap(&announced(&["9.9.0.0/24"]));
        assert!(close(whole.share, 1.0));
        let none = listed.overlap(&announced(&["8.0.0.0/8"]));
        assert_eq!(none, Overlap::default());
    }

    #[test]
    fn nested_listings_are_flattened() {
        assert_eq!(
            uncovered(&[(2, 3), (5, 6)], (0, 8)),
            [(0, 1), (4, 4), (7, 8)]
        );
        assert_eq!(uncovered(&[(0, u128::MAX)], (5, 9)), []);
        assert_eq!(uncovered(&[], (5, 9)), [(5, 9)]);
    }
}
