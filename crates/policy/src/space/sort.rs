//! Sorting intervals by their first address.

use super::interval::Interval;

/// Sorts IPv4 intervals by their first address.
pub(super) fn sort_v4(ranges: &mut [Interval<u32>]) {
    ranges.sort_unstable();
}

/// Sorts IPv6 intervals by their first address.
pub(super) fn sort_v6(ranges: &mut [Interval<u128>]) {
    ranges.sort_unstable();
}
