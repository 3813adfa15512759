//! Address → number, for the hot path: sorted ranges, nothing else.
//!
//! The whole of IPv4 and of IPv6 is cut into ranges of one value each; a
//! look-up finds the last range that begins at or before the address. An index
//! by the first 16 bits leaves a handful of IPv4 ranges to search. It takes no
//! lock and allocates nothing.

mod overlay;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{
    Prefix,
    pages::{Pages, Plain},
    prefix::{mask4, mask6},
};

pub(crate) use overlay::{Range, Ranges};

/// No value.
const NONE: u32 = u32::MAX;
/// Entries of the index: one for each value of the first 16 bits, and an end.
const INDEX: usize = (1 << 16) + 1;

/// Values of addresses, immutable.
#[derive(Debug)]
pub struct FlatTable {
    /// First address and value of each IPv4 range; the first begins at 0.
    v4: Pages<[u32; 2]>,
    /// For the first 16 bits of an address, the first range that begins there
    /// or later.
    index: Pages<u32>,
    /// First address of each IPv6 range; the first is 0.
    v6: Pages<u128>,
    /// Value of each IPv6 range.
    v6_values: Pages<u32>,
}

impl FlatTable {
    /// The value of an address; an IPv4-mapped one is its IPv4 address.
    pub fn get(&self, address: IpAddr) -> Option<u32> {
        let value = match address.to_canonical() {
            IpAddr::V4(v4) => self.v4[self.range4(v4.to_bits())][1],
            IpAddr::V6(v6) => self.v6_values[self.range6(v6.to_bits())],
        };
        (value != NONE).then_some(value)
    }

    /// The longest prefix around an address whose addresses all have its value,
    /// and lie in its range. Neighbouring networks of one value are one range,
    /// so it may be shorter than what was announced.
    pub fn prefix(&self, address: IpAddr) -> Prefix {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let (bits, at) = (v4.to_bits(), self.range4(v4.to_bits()));
                let [first, _] = self.v4[at];
                let last = match self.v4.get(at + 1) {
                    Some([next, _]) => next - 1,
                    None => u32::MAX,
                };
                let len = (0..=32)
                    .find(|&len| {
                        bits & mask4(len) >= first && bits | !mask4(len) <= last
                    })
                    .unwrap_or(32);
                Prefix::V4(bits & mask4(len), len)
            }
            IpAddr::V6(v6) => {
                let (bits, at) = (v6.to_bits(), self.range6(v6.to_bits()));
                let first = self.v6[at];
                let last = match self.v6.get(at + 1) {
                    Some(next) => next - 1,
                    None => u128::MAX,
                };
                let len = (0..=128)
                    .find(|&len| {
                        bits & mask6(len) >= first && bits | !mask6(len) <= last
                    })
                    .unwrap_or(128);
                Prefix::V6(bits & mask6(len), len)
            }
        }
    }

    /// Every range that has a value: first and last address, and the value.
    pub fn ranges(
        &self,
    ) -> impl Iterator<Item = (IpAddr, IpAddr, u32)> + use<'_> {
        let v4 = self.v4.iter().enumerate().map(|(at, &[first, value])| {
            let last = self.v4.get(at + 1).map_or(u32::MAX, |next| next[0] - 1);
            let ip = |bits| IpAddr::V4(Ipv4Addr::from_bits(bits));
            (ip(first), ip(last), value)
        });
        let v6 = self.v6.iter().zip(self.v6_values.iter()).enumerate().map(
            |(at, (&first, &value))| {
                let last =
                    self.v6.get(at + 1).map_or(u128::MAX, |next| next - 1);
                let ip = |bits| IpAddr::V6(Ipv6Addr::from_bits(bits));
                (ip(first), ip(last), value)
            },
        );
        v4.chain(v6).filter(|&(_, _, value)| value != NONE)
    }

    /// Number of ranges, those without a value included.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether no address has a value.
    pub fn is_empty(&self) -> bool {
        self.ranges().next().is_none()
    }

    /// Bytes of memory.
    pub fn heap_bytes(&self) -> usize {
        self.v4.bytes()
            + self.index.bytes()
            + self.v6.bytes()
            + self.v6_values.bytes()
    }

    fn range4(&self, bits: u32) -> usize {
        let high = (bits >> 16) as usize;
        let (from, to) =
            (self.index[high] as usize, self.index[high + 1] as usize);
        let within =
            self.v4[from..to].partition_point(|&[first, _]| first <= bits);
        // Range 0 begins at address 0, so there is always one before.
        from + within - 1
    }

    fn range6(&self, bits: u128) -> usize {
        self.v6.partition_point(|&first| first <= bits) - 1
    }
}

/// Builds a [`FlatTable`] from prefixes in their order ([`Prefix`]: covering
/// prefixes first). Of those that cover each other the longest wins.
#[derive(Debug, Default)]
pub struct FlatTableBuilder {
    v4: Sweep<u32>,
    v6: Sweep<u128>,
}

impl FlatTableBuilder {
    /// Gives a prefix a value, which is not `u32::MAX`.
    ///
    /// # Panics
    /// In debug builds if prefixes do not come in order.
    pub fn push(&mut self, prefix: Prefix, value: u32) {
        match prefix {
            Prefix::V4(bits, len) => {
                self.v4.push(bits, bits | !mask4(len), value);
            }
            Prefix::V6(bits, len) => {
                self.v6.push(bits, bits | !mask6(len), value);
            }
        }
    }

    /// The table.
    pub fn build(self) -> FlatTable {
        let v4 = self.v4.finish();
        let Borders6 { at: v6, values: v6_values } = self.v6.finish();
        FlatTable { index: index_of(&v4), v4, v6, v6_values }
    }
}

/// For the first 16 bits of an address, the first border there or later.
fn index_of(v4: &[[u32; 2]]) -> Pages<u32> {
    let mut index = Pages::with_capacity(INDEX);
    let mut at = 0;
    for high in 0..=u32::from(u16::MAX) {
        while v4.get(at).is_some_and(|&[first, _]| first < high << 16) {
            at += 1;
        }
        index.push(position(at));
    }
    index.push(position(v4.len()));
    index
}

fn position(at: usize) -> u32 {
    // Ranges begin at distinct IPv4 addresses.
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What a sweep needs of an address.
trait Bits: Plain + Ord + Default + fmt::Debug {
    /// Where borders of such addresses are kept.
    type Borders: Borders<Self>;
    /// The last address.
    const LAST: Self;

    fn after(self) -> Option<Self>;
    /// The address before, of one that is not the first.
    fn before(self) -> Self;
}

impl Bits for u32 {
    type Borders = Pages<[Self; 2]>;

    const LAST: Self = Self::MAX;

    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }
}

impl Bits for u128 {
    type Borders = Borders6;

    const LAST: Self = Self::MAX;

    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }
}

/// Addresses at which another value begins, with the values.
trait Borders<T>: Default + fmt::Debug {
    fn push(&mut self, at: T, value: u32);
    fn pop(&mut self);
    fn last(&self) -> Option<(T, u32)>;

    /// From here on another value, unless it is the one before.
    fn begin(&mut self, at: T, value: u32)
    where
        T: PartialEq,
    {
        if self.last().is_some_and(|(last, _)| last == at) {
            self.pop();
        }
        if self.last().is_none_or(|(_, last)| last != value) {
            self.push(at, value);
        }
    }
}

impl Borders<u32> for Pages<[u32; 2]> {
    fn push(&mut self, at: u32, value: u32) {
        Self::push(self, [at, value]);
    }

    fn pop(&mut self) {
        Self::pop(self);
    }

    fn last(&self) -> Option<(u32, u32)> {
        <[_]>::last(self).map(|&[at, value]| (at, value))
    }
}

/// A pair of both would be a third padding.
#[derive(Debug, Default)]
struct Borders6 {
    at: Pages<u128>,
    values: Pages<u32>,
}

impl Borders<u128> for Borders6 {
    fn push(&mut self, at: u128, value: u32) {
        self.at.push(at);
        self.values.push(value);
    }

    fn pop(&mut self) {
        self.at.pop();
        self.values.pop();
    }

    fn last(&self) -> Option<(u128, u32)> {
        self.at.last().copied().zip(self.values.last().copied())
    }
}

/// Goes through nested ranges from left to right and keeps the borders.
#[derive(Debug)]
struct Sweep<T: Bits> {
    borders: T::Borders,
    /// Ranges that are open here: their ends and values, innermost last.
    open: Vec<(T, u32)>,
}

impl<T: Bits> Default for Sweep<T> {
    fn default() -> Self {
        let mut borders = T::Borders::default();
        borders.push(T::default(), NONE);
        Self { borders, open: Vec::new() }
    }
}

impl<T: Bits> Sweep<T> {
    fn push(&mut self, first: T, last: T, value: u32) {
        debug_assert!(value != NONE, "the value that means none");
        while self.open.last().is_some_and(|&(end, _)| end < first) {
            self.close();
        }
        debug_assert!(
            self.borders.last().is_none_or(|(at, _)| at <= first),
            "prefixes out of order"
        );
        self.borders.begin(first, value);
        self.open.push((last, value));
    }

    fn close(&mut self) {
        let Some((last, _)) = self.open.pop() else { return };
        if let Some(next) = last.after() {
            let value = self.open.last().map_or(NONE, |&(_, value)| value);
            self.borders.begin(next, value);
        }
    }

    fn finish(mut self) -> T::Borders {
        while !self.open.is_empty() {
            self.close();
        }
        self.borders
    }
}
