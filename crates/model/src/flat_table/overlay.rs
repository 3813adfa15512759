//! Two tables compared, and a table with some ranges changed.

use super::{Bits, Borders, Borders6, FlatTable, NONE, Pages, index_of};

/// A range, first and last address, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range<T> {
    pub(crate) first: T,
    pub(crate) last: T,
    /// `None`: no value.
    pub(crate) value: Option<u32>,
}

/// Ranges of both families, each in order and apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    pub(crate) v4: Vec<Range<u32>>,
    pub(crate) v6: Vec<Range<u128>>,
}

impl Ranges {
    pub(crate) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether ranges are in order and apart, as [`FlatTable::with`] needs
    /// them.
    pub(crate) fn are_in_order(&self) -> bool {
        in_order(&self.v4) && in_order(&self.v6)
    }
}

fn in_order<T: Ord>(ranges: &[Range<T>]) -> bool {
    ranges.iter().all(|range| range.first <= range.last)
        && ranges.windows(2).all(|pair| pair[0].last < pair[1].first)
}

impl FlatTable {
    /// Where another table says something else, with what it says. `same`
    /// compares a value of this table with one of the other.
    pub(crate) fn differences(
        &self,
        other: &Self,
        mut same: impl FnMut(Option<u32>, Option<u32>) -> bool,
    ) -> Ranges {
        let pairs = |pages: &Pages<[u32; 2]>| -> Vec<(u32, u32)> {
            pages.iter().map(|&[at, value]| (at, value)).collect()
        };
        let pairs6 = |table: &Self| -> Vec<(u128, u32)> {
            let values = table.v6_values.iter().copied();
            table.v6.iter().copied().zip(values).collect()
        };
        Ranges {
            v4: differ(&pairs(&self.v4), &pairs(&other.v4), &mut same),
            v6: differ(&pairs6(self), &pairs6(other), &mut same),
        }
    }

    /// The same table with other values in some ranges, which must be in order
    /// and apart.
    pub(crate) fn with(&self, changes: &Ranges) -> Self {
        let v4 = self.v4.iter().map(|&[at, value]| (at, value));
        let v4: Pages<[u32; 2]> = overlay(v4, &changes.v4);
        let values = self.v6_values.iter().copied();
        let v6 = self.v6.iter().copied().zip(values);
        let Borders6 { at: v6, values: v6_values } = overlay(v6, &changes.v6);
        Self { index: index_of(&v4), v4, v6, v6_values }
    }
}

fn valued(value: u32) -> Option<u32> {
    (value != NONE).then_some(value)
}

/// Both begin at address 0 and go to the end of the space.
fn differ<T: Bits>(
    ours: &[(T, u32)],
    theirs: &[(T, u32)],
    same: &mut impl FnMut(Option<u32>, Option<u32>) -> bool,
) -> Vec<Range<T>> {
    let mut found: Vec<Range<T>> = Vec::new();
    let (mut a, mut b) = (0, 0);
    let mut first = T::default();
    while let (Some(&(_, our)), Some(&(_, their))) =
        (ours.get(a), theirs.get(b))
    {
        let (next_a, next_b) = (ours.get(a + 1), theirs.get(b + 1));
        let ends = [next_a, next_b].map(|next| next.map(|&(at, _)| at));
        let next = ends.iter().flatten().min().copied();
        let last = next.map_or(T::LAST, T::before);
        if !same(valued(our), valued(their)) {
            let value = valued(their);
            match found.last_mut() {
                Some(before)
                    if before.value == value
                        && before.last.after() == Some(first) =>
                {
                    before.last = last;
                }
                _ => found.push(Range { first, last, value }),
            }
        }
        let Some(next) = next else { break };
        a += usize::from(ends[0] == Some(next));
        b += usize::from(ends[1] == Some(next));
        first = next;
    }
    found
}

fn overlay<T: Bits, B: Borders<T>>(
    old: impl Iterator<Item = (T, u32)>,
    changes: &[Range<T>],
) -> B {
    let mut old = old.peekable();
    let mut borders = B::default();
    let mut present = NONE;
    for change in changes {
        while let Some((at, value)) = old.next_if(|o| o.0 < change.first) {
            present = value;
            borders.begin(at, value);
        }
        borders.begin(change.first, change.value.unwrap_or(NONE));
        while let Some((_, value)) = old.next_if(|o| o.0 <= change.last) {
            present = value;
        }
        if let Some(next) = change.last.after() {
            borders.begin(next, present);
        }
    }
    for (at, value) in old {
        borders.begin(at, value);
    }
    borders
}
