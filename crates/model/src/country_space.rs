//! In which country address space is, as far as a source says.
//!
//! Ranges of addresses with the country that a registry or a publisher gives
//! them: where their user is registered, not where a packet ends up. No score
//! depends on it; rules by country and look-ups of one address do.
//!
//! Flat arrays, 10 bytes a range of IPv4 and 34 of IPv6; IPv6 is kept whole,
//! because publishers do end ranges inside a /64.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::CountryCode;

/// Disjoint ranges of both families with their countries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountrySpace {
    /// Countries that hold any space, ascending.
    codes: Vec<CountryCode>,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

/// Ranges of one family, ascending: parallel arrays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ranges<A> {
    first: Vec<A>,
    last: Vec<A>,
    /// Indexes into `codes`.
    country: Vec<u16>,
}

/// A range of addresses of one family, both ends included, and its country.
type Row<A> = (A, A, CountryCode);

impl CountrySpace {
    /// In which country an address is; `None` if nobody says. A v4-mapped
    /// address is where the IPv4 address is.
    pub fn of(&self, address: IpAddr) -> Option<CountryCode> {
        let at = match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.of(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.of(v6.to_bits()),
        };
        self.codes.get(usize::from(at?)).copied()
    }

    /// Countries that hold any space, ascending.
    pub fn codes(&self) -> &[CountryCode] {
        &self.codes
    }

    /// Ranges of IPv4, ascending and disjoint: first and last address, and
    /// the country as an index into [`Self::codes`].
    pub fn v4(&self) -> impl ExactSizeIterator<Item = (u32, u32, u16)> + '_ {
        self.v4.iter()
    }

    /// Ranges of IPv6; see [`Self::v4`].
    pub fn v6(&self) -> impl ExactSizeIterator<Item = (u128, u128, u16)> + '_ {
        self.v6.iter()
    }

    /// Whether no country of any address is known.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.codes.len() * size_of::<CountryCode>()
            + self.v4.heap_bytes()
            + self.v6.heap_bytes()
    }
}

impl<A: Copy + Ord> Ranges<A> {
    fn of(&self, address: A) -> Option<u16> {
        let after = self.first.partition_point(|&first| first <= address);
        let at = after.checked_sub(1)?;
        (address <= *self.last.get(at)?)
            .then(|| self.country.get(at).copied())?
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = (A, A, u16)> + '_ {
        self.first
            .iter()
            .zip(&self.last)
            .zip(&self.country)
            .map(|((&first, &last), &country)| (first, last, country))
    }

    fn heap_bytes(&self) -> usize {
        self.first.len() * (2 * size_of::<A>() + size_of::<u16>())
    }
}

/// Collects ranges in any order.
///
/// Where two overlap, what was added first stands, and the other fills what
/// is left of its range: sources are added in order of trust.
#[derive(Clone, Debug, Default)]
pub struct CountryBuilder {
    v4: Vec<Row<u32>>,
    v6: Vec<Row<u128>>,
}

impl CountryBuilder {
    /// Adds a range, both ends included. Nothing is added when the ends are
    /// of different families or the range ends before it begins.
    pub fn add(&mut self, first: IpAddr, last: IpAddr, country: CountryCode) {
        match (first, last) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => {
                self.v4.push((a.to_bits(), b.to_bits(), country));
            }
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => {
                self.v6.push((a.to_bits(), b.to_bits(), country));
            }
            _ => {}
        }
    }

    /// Adds all ranges of another builder, after those that are here.
    pub fn append(&mut self, mut other: Self) {
        self.v4.append(&mut other.v4);
        self.v6.append(&mut other.v6);
    }

    /// Number of ranges so far.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether no range was added.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts, settles overlaps, joins neighbours of one country.
    pub fn build(self) -> CountrySpace {
        let v4 = settle(self.v4, |a| a.checked_add(1), |a| a.checked_sub(1));
        let v6 = settle(self.v6, |a| a.checked_add(1), |a| a.checked_sub(1));
        let mut codes: Vec<CountryCode> = Vec::new();
        codes.extend(v4.iter().map(|row| row.2));
        codes.extend(v6.iter().map(|row| row.2));
        codes.sort_unstable();
        codes.dedup();
        codes.shrink_to_fit();
        let (v4, v6) = (pack(&v4, &codes), pack(&v6, &codes));
        CountrySpace { codes, v4, v6 }
    }
}

fn pack<A: Copy>(rows: &[Row<A>], codes: &[CountryCode]) -> Ranges<A> {
    let index = |code: &CountryCode| {
        let at = codes.binary_search(code).expect("all codes were collected");
        u16::try_from(at).expect("there are 676 pairs of letters")
    };
    Ranges {
        first: rows.iter().map(|row| row.0).collect(),
        last: rows.iter().map(|row| row.1).collect(),
        country: rows.iter().map(|row| index(&row.2)).collect(),
    }
}

/// Disjoint rows, ascending, neighbours of one country joined. What stands
/// earlier in `rows` wins.
fn settle<A: Copy + Ord>(
    rows: Vec<Row<A>>,
    next: impl Fn(A) -> Option<A>,
    previous: impl Fn(A) -> Option<A>,
) -> Vec<Row<A>> {
    let mut order: Vec<u32> = (0..).take(rows.len()).collect();
    order.sort_unstable_by_key(|&at| (rows[at as usize].0, at));
    let disjoint = order
        .windows(2)
        .all(|pair| rows[pair[0] as usize].1 < rows[pair[1] as usize].0);
    let sorted: Vec<Row<A>> = if disjoint {
        order.into_iter().map(|at| rows[at as usize]).collect()
    } else {
        drop(order);
        overlay(&rows, &next, &previous)
    };
    let mut joined: Vec<Row<A>> = Vec::with_capacity(sorted.len());
    for row in sorted {
        match joined.last_mut() {
            Some(end) if end.2 == row.2 && next(end.1) == Some(row.0) => {
                end.1 = row.1;
            }
            _ => joined.push(row),
        }
    }
    joined.shrink_to_fit();
    joined
}

/// Cuts every row to what no earlier row covers: a sweep over all ends, with
/// the rows that are open ordered by trust.
fn overlay<A: Copy + Ord>(
    rows: &[Row<A>],
    next: &impl Fn(A) -> Option<A>,
    previous: &impl Fn(A) -> Option<A>,
) -> Vec<Row<A>> {
    // At an address, what ends just before it closes before others open.
    let mut events: Vec<(A, bool, usize)> = Vec::with_capacity(rows.len() * 2);
    for (at, row) in rows.iter().enumerate() {
        events.push((row.0, true, at));
        events.extend(next(row.1).map(|after| (after, false, at)));
    }
    events.sort_unstable();
    let mut open = std::collections::BTreeSet::new();
    let mut out = Vec::with_capacity(rows.len());
    for (index, &(here, opens, at)) in events.iter().enumerate() {
        if opens {
            open.insert(at);
        } else {
            open.remove(&at);
        }
        let until = events.get(index + 1).map(|event| event.0);
        if until == Some(here) {
            continue;
        }
        let Some(&ruling) = open.first() else { continue };
        // After the last event only rows that reach the highest address are
        // open.
        let last = match until {
            Some(until) => previous(until).unwrap_or(here),
            None => rows[ruling].1,
        };
        out.push((here, last, rows[ruling].2));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(rows: &[(&str, &str, &str)]) -> CountrySpace {
        let mut builder = CountryBuilder::default();
        for (first, last, code) in rows {
            builder.add(
                first.parse().unwrap(),
                last.parse().unwrap(),
                code.parse().unwrap(),
            );
        }
        builder.build()
    }

    fn at(space: &CountrySpace, address: &str) -> Option<String> {
        space.of(address.parse().unwrap()).map(|code| code.to_string())
    }

    #[test]
    fn an_address_is_in_the_country_of_its_range() {
        let space = space(&[
            ("10.2.0.0", "10.2.255.255", "NL"),
            ("10.0.0.0", "10.0.255.255", "DE"),
            ("2001:db8::", "2001:db8::ff", "FR"),
        ]);
        for (address, country) in [
            ("9.255.255.255", None),
            ("10.0.0.0", Some("DE")),
            ("10.0.255.255", Some("DE")),
            ("10.1.0.0", None),
            ("10.2.255.255", Some("NL")),
            ("::ffff:10.2.0.1", Some("NL")),
            ("2001:db8::ff", Some("FR")),
            ("2001:db8::100", None),
            ("255.255.255.255", None),
        ] {
            assert_eq!(at(&space, address).as_deref(), country, "{address}");
        }
        let codes: Vec<_> = space.codes().iter().map(|c| c.as_str()).collect();
        assert_eq!(codes, ["DE", "FR", "NL"]);
    }

    #[test]
    fn neighbours_of_one_country_are_one_range() {
        let space = space(&[
            ("10.0.1.0", "10.0.1.255", "DE"),
            ("10.0.0.0", "10.0.0.255", "DE"),
            ("10.0.2.0", "10.0.2.255", "NL"),
        ]);
        assert_eq!(space.v4().count(), 2);
    }

    #[test]
    fn where_ranges_overlap_the_first_that_was_added_stands() {
        let space = space(&[
            ("10.0.0.16", "10.0.0.31", "NL"),
            ("10.0.0.0", "10.0.0.255", "DE"),
            ("10.0.0.24", "10.0.1.15", "FR"),
            ("240.0.0.0", "255.255.255.255", "US"),
            ("250.0.0.0", "255.255.255.255", "CA"),
        ]);
        let rows: Vec<_> = space
            .v4()
            .map(|(first, last, at)| {
                let code = space.codes()[usize::from(at)];
                (first & 0xffff, last & 0xffff, code.to_string())
            })
            .collect();
        let row = |a, b, code: &str| (a, b, code.to_owned());
        assert_eq!(
            rows,
            [
                row(0, 15, "DE"),
                row(16, 31, "NL"),
                row(32, 255, "DE"),
                row(256, 271, "FR"),
                row(0, 0xffff, "US"),
            ]
        );
        assert_eq!(at(&space, "255.255.255.255").as_deref(), Some("US"));
    }

    #[test]
    fn what_is_no_range_is_not_added() {
        let empty = space(&[
            ("10.0.0.2", "10.0.0.1", "DE"),
            ("10.0.0.1", "2001:db8::1", "DE"),
        ]);
        assert!(empty.is_empty() && empty.codes().is_empty());
    }
}
