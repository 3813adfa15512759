//! Sorting intervals by their first address: by counting digits, where that is
//! faster than comparing.
//!
//! IPv4 goes through three passes of eleven bits, the lowest first (Knuth,
//! *The Art of Computer Programming*, volume 3, algorithm 5.2.5R). IPv6 is
//! dealt once by the 16 bits that differ most between allocations, and each
//! heap, now short, is sorted by comparing. Short lists are sorted by
//! comparing at once.

use super::interval::Interval;

/// Below this number of intervals, comparing wins.
const FEW: usize = 1_500;

/// Bits of a digit of IPv4, and of the last, highest one.
const DIGIT: u32 = 11;
const DIGITS: usize = 1 << DIGIT;

/// Sorts IPv4 intervals by their first address.
pub(super) fn sort_v4(ranges: &mut [Interval<u32>]) {
    if ranges.len() < FEW {
        return ranges.sort_unstable();
    }
    let digit = |range: &Interval<u32>, pass: u32| {
        (range.0 >> (DIGIT * pass)) as usize % DIGITS
    };
    let mut places = [[0u32; DIGITS]; 3];
    for range in ranges.iter() {
        for (pass, places) in (0..).zip(&mut places) {
            places[digit(range, pass)] += 1;
        }
    }
    let mut spare = vec![(0, 0); ranges.len()];
    for (pass, places) in (0..).zip(&mut places) {
        begin(places);
        let (from, to): (&[_], &mut [_]) = match pass % 2 {
            0 => (ranges, &mut spare),
            _ => (&spare, ranges),
        };
        for range in from {
            let place = &mut places[digit(range, pass)];
            to[*place as usize] = *range;
            *place += 1;
        }
    }
    ranges.copy_from_slice(&spare);
}

/// Turns numbers of intervals into the places where each digit begins.
fn begin(places: &mut [u32]) {
    let mut next = 0;
    for place in places {
        next += std::mem::replace(place, next);
    }
}

/// The digit of IPv6: 16 bits behind `2000::/3`, which all public addresses
/// share.
const DEAL: u32 = 109;
const HEAPS: usize = 1 << 16;

/// Sorts IPv6 intervals by their first address.
pub(super) fn sort_v6(ranges: &mut [Interval<u128>]) {
    if ranges.len() < FEW {
        return ranges.sort_unstable();
    }
    // What lies outside 2000::/3 is wherever its own heap would not be.
    let digit = |range: &Interval<u128>| {
        let high = usize::try_from(range.0 >> DEAL).unwrap_or(usize::MAX);
        high.saturating_sub(HEAPS).min(HEAPS - 1)
    };
    let mut places = vec![0u32; HEAPS];
    for range in ranges.iter() {
        places[digit(range)] += 1;
    }
    begin(&mut places);
    let mut spare = vec![(0, 0); ranges.len()];
    for range in ranges.iter() {
        let place = &mut places[digit(range)];
        spare[*place as usize] = *range;
        *place += 1;
    }
    ranges.copy_from_slice(&spare);
    // Every place is now the end of its heap.
    let mut start = 0;
    for end in places {
        let end = end as usize;
        if end - start > 1 {
            ranges[start..end].sort_unstable_by_key(|range| range.0);
        }
        start = end;
    }
}
