//! From intervals to prefixes: the fewest that cover exactly the same.
//!
//! Greedy from the left: the largest aligned block that begins at the first
//! address and fits, then the next. That is minimal, and unique (the argument
//! of RFC 4632, section 5.1, for aggregation, read backwards).

use std::{fmt, slice};

use asgard_model::{
    Prefix,
    prefix::{mask4, mask6},
};

use super::{
    SpaceView,
    interval::{Address, Gaps, Interval, reach},
};

/// The blocks of one interval: first address and prefix length, ascending.
#[derive(Clone, Debug)]
pub struct Split<A> {
    left: Option<Interval<A>>,
    /// Most host bits of a block.
    most: u32,
}

impl<A: Address> Split<A> {
    /// The blocks of an interval.
    pub fn new(range: Interval<A>) -> Self {
        Self { left: Some(range), most: A::WIDTH.into() }
    }

    /// The blocks of an interval of which none has a length below `shortest`.
    pub fn bounded(range: Interval<A>, shortest: u8) -> Self {
        let most = A::WIDTH.saturating_sub(shortest).into();
        Self { left: Some(range), most }
    }

    const DONE: Self = Self { left: None, most: 0 };
}

impl<A: Address> Iterator for Split<A> {
    type Item = (A, u8);

    #[inline]
    fn next(&mut self) -> Option<(A, u8)> {
        let (first, last) = self.left?;
        let fits = first.trailing_zeros().min(first.room(last));
        let host_bits = fits.min(self.most);
        let end = first.fill(host_bits);
        self.left = end.next().filter(|&next| next <= last).map(|n| (n, last));
        Some((first, length::<A>(host_bits)))
    }
}

#[inline]
fn length<A: Address>(host_bits: u32) -> u8 {
    let host_bits = u8::try_from(host_bits).expect("at most 128 bits");
    A::WIDTH - host_bits
}

/// Number of blocks of all intervals; none is shorter than `shortest`.
pub(super) fn count<A: Address>(ranges: &[Interval<A>], shortest: u8) -> usize {
    let blocks = |&range| Split::bounded(range, shortest).count();
    ranges.iter().map(blocks).sum()
}

/// The prefixes of a set in order of the feeds; see
/// [`AddressSet::prefixes`](super::AddressSet::prefixes).
#[derive(Clone)]
pub struct Prefixes<'a> {
    v4: slice::Iter<'a, Interval<u32>>,
    v6: slice::Iter<'a, Interval<u128>>,
    block4: Split<u32>,
    block6: Split<u128>,
    /// Shortest lengths of IPv4 and IPv6.
    shortest: [u8; 2],
}

impl<'a> Prefixes<'a> {
    pub(super) fn new(space: SpaceView<'a>, shortest: [u8; 2]) -> Self {
        Self {
            v4: space.v4.iter(),
            v6: space.v6.iter(),
            block4: Split::DONE,
            block6: Split::DONE,
            shortest,
        }
    }
}

impl Iterator for Prefixes<'_> {
    type Item = Prefix;

    #[inline]
    fn next(&mut self) -> Option<Prefix> {
        loop {
            if let Some((bits, len)) = self.block4.next() {
                return Some(Prefix::V4(bits, len));
            }
            let Some(&range) = self.v4.next() else { break };
            self.block4 = Split::bounded(range, self.shortest[0]);
        }
        loop {
            if let Some((bits, len)) = self.block6.next() {
                return Some(Prefix::V6(bits, len));
            }
            let &range = self.v6.next()?;
            self.block6 = Split::bounded(range, self.shortest[1]);
        }
    }
}

impl fmt::Debug for Prefixes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// See [`split_prefix`](super::split_prefix).
pub(super) enum Remainder<'a> {
    V4(Gaps<'a, u32>, Split<u32>),
    V6(Gaps<'a, u128>, Split<u128>),
}

impl<'a> Remainder<'a> {
    pub(super) fn new(prefix: Prefix, minus: SpaceView<'a>) -> Self {
        match prefix {
            Prefix::V4(bits, len) => Self::V4(
                Gaps::new((bits, bits | !mask4(len)), reach(minus.v4, bits)),
                Split::DONE,
            ),
            Prefix::V6(bits, len) => Self::V6(
                Gaps::new((bits, bits | !mask6(len)), reach(minus.v6, bits)),
                Split::DONE,
            ),
        }
    }
}

impl Iterator for Remainder<'_> {
    type Item = Prefix;

    fn next(&mut self) -> Option<Prefix> {
        match self {
            Self::V4(gaps, split) => {
                next_block(gaps, split).map(|(bits, len)| Prefix::V4(bits, len))
            }
            Self::V6(gaps, split) => {
                next_block(gaps, split).map(|(bits, len)| Prefix::V6(bits, len))
            }
        }
    }
}

fn next_block<A: Address>(
    gaps: &mut Gaps<'_, A>,
    split: &mut Split<A>,
) -> Option<(A, u8)> {
    loop {
        if let Some(block) = split.next() {
            return Some(block);
        }
        *split = Split::new(gaps.next()?);
    }
}
