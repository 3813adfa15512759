//! Large arrays in pages of their own, which the system has back the moment
//! they are dropped.
//!
//! A table of the Internet is some tens of megabytes for the second in which
//! it is read, and a dozen afterwards. An allocator keeps what it was given
//! back for the next one who asks, which a gateway never does: it would stand
//! at its peak for good. So whatever grows with the size of a table lies here:
//! files, borders, records, texts, and the indexes that find equal ones while a
//! table is made. Pages that nobody has written to take no memory, so nothing
//! is ever shrunk.

use std::{
    fmt,
    io::{self, Write},
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use memmap2::MmapMut;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Room of a first mapping, in bytes: one page nearly everywhere.
const FIRST: usize = 4096;

/// Values that are nothing but their bytes.
pub trait Plain:
    FromBytes + IntoBytes + Immutable + KnownLayout + Copy
{
}

impl<T: FromBytes + IntoBytes + Immutable + KnownLayout + Copy> Plain for T {}

/// A growing array in pages of its own.
///
/// # Panics
/// When it must grow and the system has no memory, where a `Vec` would end the
/// process.
pub struct Pages<T> {
    map: Option<MmapMut>,
    /// In values.
    len: usize,
    values: PhantomData<T>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { map: None, len: 0, values: PhantomData }
    }
}

impl<T: Plain> Pages<T> {
    /// An empty array with room for so many values.
    pub fn with_capacity(values: usize) -> Self {
        let mut pages = Self::default();
        pages.reserve(values);
        pages
    }

    /// So many values of zero bytes, which take no memory until written to.
    pub fn zeroed(values: usize) -> Self {
        let mut pages = Self::with_capacity(values);
        pages.len = values;
        pages
    }

    /// Adds a value.
    pub fn push(&mut self, value: T) {
        self.extend_from_slice(&[value]);
    }

    /// Adds values.
    pub fn extend_from_slice(&mut self, values: &[T]) {
        self.reserve(values.len());
        let start = self.len * size_of::<T>();
        if let Some(map) = &mut self.map {
            let bytes = values.as_bytes();
            map[start..start + bytes.len()].copy_from_slice(bytes);
            self.len += values.len();
        }
    }

    /// Takes the last value away.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.last().copied()?;
        self.len -= 1;
        Some(last)
    }

    /// Bytes of the values.
    pub fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }

    fn reserve(&mut self, more: usize) {
        let needed = self.len.saturating_add(more);
        let needed = needed.saturating_mul(size_of::<T>());
        let room = self.map.as_ref().map_or(0, |map| map.len());
        if needed <= room {
            return;
        }
        let room = needed.max(room.saturating_mul(2)).max(FIRST);
        let mut larger =
            MmapMut::map_anon(room).expect("the system has memory for a table");
        let used = self.bytes();
        if let Some(map) = &self.map {
            larger[..used].copy_from_slice(&map[..used]);
        }
        self.map = Some(larger);
    }
}

impl<T: Plain> Deref for Pages<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        let Some(map) = &self.map else { return &[] };
        // Mappings begin at a page, and the length is that of whole values.
        <[T]>::ref_from_bytes(&map[..self.bytes()]).unwrap_or_default()
    }
}

impl<T: Plain> DerefMut for Pages<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let used = self.bytes();
        let Some(map) = &mut self.map else { return &mut [] };
        <[T]>::mut_from_bytes(&mut map[..used]).unwrap_or_default()
    }
}

impl<T: Plain> Clone for Pages<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::with_capacity(self.len);
        copy.extend_from_slice(self);
        copy
    }
}

impl<T: Plain> From<&[T]> for Pages<T> {
    fn from(values: &[T]) -> Self {
        let mut pages = Self::with_capacity(values.len());
        pages.extend_from_slice(values);
        pages
    }
}

impl<T: Plain + PartialEq> PartialEq for Pages<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} values]", self.len)
    }
}

impl Write for Pages<u8> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Finds equal things among many that are numbered from 0: a hash table of
/// their numbers.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Number + 1; 0 is free. A power of two long, at most half full.
    slots: Pages<u32>,
    used: usize,
}

impl Index {
    /// The number of the thing that `is_it` recognises among those of a hash.
    pub(crate) fn find(
        &self,
        hash: u64,
        is_it: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let slots: &[u32] = &self.slots;
        let mask = slots.len().checked_sub(1)?;
        let mut at = start(hash, mask);
        loop {
            let number = slots[at].checked_sub(1)?;
            if is_it(number) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a number that is not there; `hash_of` is asked for those that are.
    /// The largest number of all, which has no place, is not found again.
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        number: u32,
        hash_of: impl Fn(u32) -> u64,
    ) {
        if (self.used + 1) * 2 > self.slots.len() {
            let larger = Pages::zeroed((self.slots.len() * 2).max(1024));
            let smaller = std::mem::replace(&mut self.slots, larger);
            for number in smaller.iter().filter_map(|slot| slot.checked_sub(1))
            {
                self.put(hash_of(number), number);
            }
        }
        self.put(hash, number);
        self.used += 1;
    }

    fn put(&mut self, hash: u64, number: u32) {
        let slots: &mut [u32] = &mut self.slots;
        let mask = slots.len() - 1;
        let mut at = start(hash, mask);
        while slots[at] != 0 {
            at = (at + 1) & mask;
        }
        slots[at] = number.wrapping_add(1);
    }
}

/// Hashes of ours are good in their high bits.
fn start(hash: u64, mask: usize) -> usize {
    usize::try_from(hash >> 32).unwrap_or(0) & mask
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, hash::BuildHasher};

    use super::*;

    #[test]
    fn an_array_grows_and_keeps_what_it_holds() {
        let mut pages = Pages::<[u32; 2]>::default();
        assert!(pages.is_empty() && pages.pop().is_none());
        for n in 0..10_000 {
            pages.push([n, !n]);
        }
        let copy = pages.clone();
        assert_eq!(pages.pop(), Some([9_999, !9_999]));
        assert_eq!((pages.len(), copy.len()), (9_999, 10_000));
        assert!(copy.iter().zip(0..).all(|(&pair, n)| pair == [n, !n]));
        pages[7] = [0, 0];
        assert_eq!((pages[7], copy[7]), ([0, 0], [7, !7]));
        assert_eq!(pages.bytes(), 79_992);
    }

    #[test]
    fn room_that_was_not_written_to_is_zero() {
        let pages = Pages::<u128>::zeroed(100_000);
        assert!(pages.iter().all(|&value| value == 0));
        let mut text = Pages::<u8>::with_capacity(3);
        text.write_all(b"abc").unwrap();
        text.write_all(b"def").unwrap();
        assert_eq!(&*text, b"abcdef");
    }

    #[test]
    fn an_index_finds_what_a_map_finds() {
        let hasher = rustc_hash::FxBuildHasher;
        let mut things: Vec<u64> = Vec::new();
        let (mut index, mut map) = (Index::default(), BTreeMap::new());
        for n in 0..20_000u64 {
            let thing = n * n % 7_919;
            let hash = hasher.hash_one(thing);
            let found = index.find(hash, |at| things[at as usize] == thing);
            assert_eq!(found, map.get(&thing).copied(), "{thing}");
            if found.is_none() {
                let number = u32::try_from(things.len()).unwrap();
                things.push(thing);
                map.insert(thing, number);
                index.insert(hash, number, |at| {
                    hasher.hash_one(things[at as usize])
                });
            }
        }
    }
}
