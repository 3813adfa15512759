//! How large a world, from which seed, on which day; and how many of each kind
//! it holds. Nothing here draws random numbers.

use asgard_model::Day;

/// What to generate. Equal plans give equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Start of every stream of random numbers.
    pub seed: u64,
    /// Number of ASNs; fewer than [`Plan::SMALLEST`] are rounded up to it.
    pub ases: usize,
    /// The day of the newest file, 1972 or later; no file is newer.
    pub as_of: Day,
}

impl Plan {
    /// Below this number of ASNs not every planted case would exist.
    pub const SMALLEST: usize = 60;

    /// The world of `asgard serve --demo`: 2,000 ASNs.
    pub fn demo(as_of: Day) -> Self {
        Self { seed: 64_496, ases: 2_000, as_of }
    }

    /// The smallest world with every planted case, for fast tests: 60 ASNs.
    pub fn tiny(as_of: Day) -> Self {
        Self { seed: 64_496, ases: Self::SMALLEST, as_of }
    }

    /// The number of ASNs that will exist.
    pub fn size(&self) -> usize {
        self.ases.max(Self::SMALLEST)
    }

    /// One of every `every` ASNs, but at least `least`.
    pub(crate) fn share(&self, every: usize, least: usize) -> usize {
        (self.size() / every).max(least)
    }

    /// The day `days` before the newest file.
    pub(crate) fn back(&self, days: u16) -> Day {
        Day(self.as_of.0.saturating_sub(days))
    }
}
