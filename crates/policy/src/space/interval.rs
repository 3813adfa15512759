//! Sorted intervals of one family: the passes that every set operation is.
//!
//! An interval is `(first, last)`, both included, so that the whole of a
//! family is one. A slice is *normal* when its intervals ascend and neither
//! overlap nor touch. Nothing here adds one to the highest address.

use std::fmt;

use super::sort;

/// Addresses from the first to the last, both included.
pub type Interval<A> = (A, A);

/// The address of a family as a number.
pub trait Address: Copy + Ord + fmt::Debug {
    /// Bits of an address.
    const WIDTH: u8;
    /// The lowest address.
    const MIN: Self;

    /// The address after this; `None` after the highest.
    fn next(self) -> Option<Self>;

    /// The address before this; `None` before the lowest.
    fn previous(self) -> Option<Self>;

    /// Number of low bits that are zero; [`Self::WIDTH`] for zero.
    fn trailing_zeros(self) -> u32;

    /// The highest address that differs from this in the lowest `bits` bits
    /// only.
    fn fill(self, bits: u32) -> Self;

    /// The lowest address that differs from this in the lowest `bits` bits
    /// only.
    fn floor(self, bits: u32) -> Self;

    /// Number of low bits from the first that differs on.
    fn differing_bits(self, other: Self) -> u32;

    /// How far it is to an address that is not below.
    fn distance(self, last: Self) -> u128;

    /// Size of the largest block that fits from here to `last`, as the number
    /// of its host bits; alignment is not looked at. `last` is not below.
    fn room(self, last: Self) -> u32;

    /// Sorts by first address.
    fn sort(ranges: &mut [Interval<Self>])
    where
        Self: Sized;
}

impl Address for u32 {
    const WIDTH: u8 = 32;
    const MIN: Self = 0;

    #[inline]
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    #[inline]
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }

    #[inline]
    fn trailing_zeros(self) -> u32 {
        self.trailing_zeros()
    }

    #[inline]
    fn fill(self, bits: u32) -> Self {
        self | Self::MAX.checked_shr(Self::BITS - bits).unwrap_or(0)
    }

    #[inline]
    fn floor(self, bits: u32) -> Self {
        self & Self::MAX.checked_shl(bits).unwrap_or(0)
    }

    #[inline]
    fn differing_bits(self, other: Self) -> u32 {
        Self::BITS - (self ^ other).leading_zeros()
    }

    #[inline]
    fn distance(self, last: Self) -> u128 {
        u128::from(last - self)
    }

    #[inline]
    fn room(self, last: Self) -> u32 {
        (last - self).checked_add(1).map_or(Self::BITS, Self::ilog2)
    }

    fn sort(ranges: &mut [Interval<Self>]) {
        sort::sort_v4(ranges);
    }
}

impl Address for u128 {
    const WIDTH: u8 = 128;
    const MIN: Self = 0;

    #[inline]
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    #[inline]
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }

    #[inline]
    fn trailing_zeros(self) -> u32 {
        self.trailing_zeros()
    }

    #[inline]
    fn fill(self, bits: u32) -> Self {
        self | Self::MAX.checked_shr(Self::BITS - bits).unwrap_or(0)
    }

    #[inline]
    fn floor(self, bits: u32) -> Self {
        self & Self::MAX.checked_shl(bits).unwrap_or(0)
    }

    #[inline]
    fn differing_bits(self, other: Self) -> u32 {
        Self::BITS - (self ^ other).leading_zeros()
    }

    #[inline]
    fn distance(self, last: Self) -> u128 {
        last - self
    }

    #[inline]
    fn room(self, last: Self) -> u32 {
        (last - self).checked_add(1).map_or(Self::BITS, Self::ilog2)
    }

    fn sort(ranges: &mut [Interval<Self>]) {
        sort::sort_v6(ranges);
    }
}

/// Whether a begins after `last` with at least one address between.
#[inline]
fn apart<A: Address>(last: A, first: A) -> bool {
    last.next().is_some_and(|next| next < first)
}

/// Whether the slice is normal.
pub(super) fn is_normal<A: Address>(ranges: &[Interval<A>]) -> bool {
    ranges.iter().all(|range| range.0 <= range.1)
        && ranges.is_sorted_by(|a, b| apart(a.1, b.0))
}

/// Sorts, joins what overlaps or touches.
///
/// # Panics
/// When an interval ends before it begins.
pub(super) fn normalise<A: Address>(ranges: &mut Vec<Interval<A>>) {
    assert!(
        ranges.iter().all(|range| range.0 <= range.1),
        "an interval ends before it begins"
    );
    if !ranges.is_sorted_by_key(|range| range.0) {
        A::sort(ranges);
    }
    let mut kept = 0;
    for at in 1..ranges.len() {
        let (first, last) = ranges[at];
        let end = ranges[kept].1;
        if apart(end, first) {
            kept += 1;
            ranges[kept] = (first, last);
        } else {
            ranges[kept].1 = end.max(last);
        }
    }
    ranges.truncate(kept + 1);
}

/// What lies in `a` or in `b`.
pub(super) fn union<A: Address>(
    a: &[Interval<A>],
    b: &[Interval<A>],
) -> Vec<Interval<A>> {
    let mut out: Vec<Interval<A>> = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    loop {
        let next = match (a.get(i), b.get(j)) {
            (Some(&x), Some(&y)) if x.0 <= y.0 => {
                i += 1;
                x
            }
            (_, Some(&y)) => {
                j += 1;
                y
            }
            (Some(&x), None) => {
                i += 1;
                x
            }
            (None, None) => return out,
        };
        match out.last_mut() {
            Some(end) if !apart(end.1, next.0) => end.1 = end.1.max(next.1),
            _ => out.push(next),
        }
    }
}

/// What lies in `a` and not in `b`.
pub(super) fn subtract<A: Address>(
    a: &[Interval<A>],
    b: &[Interval<A>],
) -> Vec<Interval<A>> {
    let mut out = Vec::with_capacity(a.len());
    let mut holes = b;
    for &range in a {
        holes = skip(holes, range.0);
        out.extend(Gaps::new(range, holes));
    }
    out
}

/// Leaves out the intervals that end before an address; looks at few more than
/// it leaves out, or at a logarithm of them.
fn skip<A: Address>(ranges: &[Interval<A>], address: A) -> &[Interval<A>] {
    let mut bound = 1;
    while ranges.get(bound - 1).is_some_and(|range| range.1 < address) {
        bound *= 2;
    }
    let from = bound / 2;
    let near = &ranges[from..bound.min(ranges.len())];
    &ranges[from + near.partition_point(|range| range.1 < address)..]
}

/// What is left of one interval between holes, ascending.
#[derive(Clone, Debug)]
pub(super) struct Gaps<'a, A> {
    left: Option<Interval<A>>,
    holes: &'a [Interval<A>],
}

impl<'a, A: Address> Gaps<'a, A> {
    /// The holes are normal; those before the interval do no harm.
    pub(super) fn new(range: Interval<A>, holes: &'a [Interval<A>]) -> Self {
        Self { left: Some(range), holes }
    }
}

impl<A: Address> Iterator for Gaps<'_, A> {
    type Item = Interval<A>;

    fn next(&mut self) -> Option<Interval<A>> {
        loop {
            let (first, last) = self.left?;
            let Some((&(low, high), rest)) = self.holes.split_first() else {
                return self.left.take();
            };
            if low > last {
                return self.left.take();
            }
            self.holes = rest;
            self.left = high
                .next()
                .map(|next| (first.max(next), last))
                .filter(|left| left.0 <= left.1);
            if low > first
                && let Some(before) = low.previous()
            {
                return Some((first, before));
            }
        }
    }
}

/// What lies in `a` and in `b`.
pub(super) fn intersect<A: Address>(
    a: &[Interval<A>],
    b: &[Interval<A>],
) -> Vec<Interval<A>> {
    let mut out = Vec::with_capacity(a.len().min(b.len()));
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let (first, last) = (x.0.max(y.0), x.1.min(y.1));
        if first <= last {
            out.push((first, last));
        }
        if x.1 <= y.1 { i += 1 } else { j += 1 }
    }
    out
}

/// The intervals that end at or after an address.
pub(super) fn reach<A: Address>(
    ranges: &[Interval<A>],
    address: A,
) -> &[Interval<A>] {
    &ranges[ranges.partition_point(|range| range.1 < address)..]
}

/// Whether all of an interval lies in the set.
pub(super) fn covers<A: Address>(
    ranges: &[Interval<A>],
    (first, last): Interval<A>,
) -> bool {
    reach(ranges, first).first().is_some_and(|r| r.0 <= first && last <= r.1)
}

/// Whether some of an interval lies in the set.
pub(super) fn overlaps<A: Address>(
    ranges: &[Interval<A>],
    (first, last): Interval<A>,
) -> bool {
    reach(ranges, first).first().is_some_and(|r| r.0 <= last)
}
