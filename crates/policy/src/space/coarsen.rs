//! Fewer entries than a set has, for a device that cannot hold them: neighbours
//! are joined, those first that add the fewest extra addresses.
//!
//! An entry is a prefix or a range, whatever the device loads. A join of
//! prefixes makes them their nearest common prefix; a join of ranges closes the
//! gap between them. What is added is counted exactly: IPv4 in addresses, IPv6
//! in /64 networks that were not touched before; one address and one /64 weigh
//! the same.
//!
//! Refused: to cover an address that must stay out and is not in the set
//! itself; to make a prefix shorter than allowed; to add more than allowed.
//! When that leaves too many entries, the answer is an error with the numbers.

mod ranges;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;

use super::{
    AddressSet,
    blocks::Split,
    interval::{Address, Interval},
};

/// What a device counts as one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryForm {
    /// A prefix that is not shorter than allowed.
    Prefixes,
    /// A range with both ends.
    Ranges,
}

/// What coarsening may not do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Shortest IPv4 prefix that a join may make.
    pub min_prefix4: u8,
    /// Shortest IPv6 prefix that a join may make.
    pub min_prefix6: u8,
    /// Most that may be added, as a share of what the set holds, in each
    /// family by itself: 0.01 is one per cent.
    pub max_extra: f64,
}

/// Addresses that are covered and were not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// IPv4 addresses.
    pub v4: u64,
    /// /64 networks of IPv6.
    pub v6_64: u64,
}

impl fmt::Display for Extra {
    /// The form of the header `X-Feed-Extra-Addresses`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v4={};v6_64={}", self.v4, self.v6_64)
    }
}

/// A set that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coarse {
    /// A superset of what was asked for.
    pub set: AddressSet,
    /// Number of its entries; at most the budget.
    pub entries: usize,
    /// What it holds beyond what was asked for.
    pub extra: Extra,
}

/// No set within the limits fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{before} entries are more than {budget}; within the limits they become \
     {reached}{}",
    needed_text(*.allowed, *.needed)
)]
pub struct CannotCoarsen {
    /// Entries of the set.
    pub before: usize,
    /// Entries that were allowed.
    pub budget: usize,
    /// Fewest entries within the limits.
    pub reached: usize,
    /// Most that might be added.
    pub allowed: Extra,
    /// What would have to be added to fit; `None` if no amount helps, because
    /// protected space and shortest prefixes stand between the entries.
    pub needed: Option<Extra>,
}

fn needed_text(allowed: Extra, needed: Option<Extra>) -> String {
    match needed {
        Some(needed) => format!(
            "; to fit, {needed} would have to be added, and {allowed} may be"
        ),
        None => ", whatever may be added: the rest is separated by protected \
                 space or needs prefixes shorter than allowed"
            .to_owned(),
    }
}

/// Joins entries of a set until there are at most `budget`. Of `keep_out`
/// nothing is covered but what the set itself holds.
///
/// # Errors
/// [`CannotCoarsen`] when the limits do not leave enough joins.
pub fn coarsen(
    set: &AddressSet,
    form: EntryForm,
    budget: usize,
    keep_out: &AddressSet,
    limits: Limits,
) -> Result<Coarse, CannotCoarsen> {
    let before = entries(set, form, limits);
    let allowed = Extra {
        v4: share(limits.max_extra, u128::from(set.addresses_v4())),
        v6_64: share(limits.max_extra, set.slash64s()),
    };
    let keep_out = keep_out.subtract(set);
    let task = Task { set, keep_out: &keep_out, limits, budget };
    let coarse = task.run(form, allowed);
    if coarse.entries <= budget {
        return Ok(coarse);
    }
    let reached = coarse.entries;
    let freely = task.run(form, Extra { v4: u64::MAX, v6_64: u64::MAX });
    let needed = (freely.entries <= budget).then_some(freely.extra);
    Err(CannotCoarsen { before, budget, reached, allowed, needed })
}

/// Number of entries that a set takes in a form.
pub fn entries(set: &AddressSet, form: EntryForm, limits: Limits) -> usize {
    match form {
        EntryForm::Prefixes => {
            set.view().prefix_count_from(limits.min_prefix4, limits.min_prefix6)
        }
        EntryForm::Ranges => set.v4().len() + set.v6().len(),
    }
}

/// A share of a count, rounded down.
fn share(share: f64, count: u128) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a limit; the cast saturates, and NaN is 0"
    )]
    let most = (share * count as f64) as u64;
    most
}

/// What to coarsen, and what for.
struct Task<'a> {
    set: &'a AddressSet,
    /// Without what the set holds.
    keep_out: &'a AddressSet,
    limits: Limits,
    budget: usize,
}

impl Task<'_> {
    fn run(&self, form: EntryForm, allowed: Extra) -> Coarse {
        let joined = match form {
            EntryForm::Prefixes => tree::join(self, allowed),
            EntryForm::Ranges => ranges::join(self, allowed),
        };
        let set = self.set.union(&joined);
        let new64 = set.slash64s() - self.set.slash64s();
        Coarse {
            entries: entries(&set, form, self.limits),
            extra: Extra {
                v4: set.addresses_v4() - self.set.addresses_v4(),
                v6_64: u64::try_from(new64).unwrap_or(u64::MAX),
            },
            set,
        }
    }
}

/// What a join adds: first in units that are reported, then in addresses, so
/// that joins inside one /64 begin with the smallest.
type Cost = (u64, u128);

/// Spends what may be added, family by family.
struct Purse(Extra);

impl Purse {
    /// Takes a cost out, if it is there.
    fn pay(&mut self, v4: bool, cost: Cost) -> bool {
        let left = if v4 { &mut self.0.v4 } else { &mut self.0.v6_64 };
        match left.checked_sub(cost.0) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }
}

/// Families differ in what is counted.
trait Counted: Address {
    /// Number of units that an interval touches: addresses of IPv4, /64
    /// networks of IPv6.
    fn units(range: Interval<Self>) -> u128;

    /// Whether two different addresses lie in one unit.
    fn share_unit(a: Self, b: Self) -> bool;

    /// What `whole` adds to two intervals that lie in it, one after the other.
    fn cost(
        whole: Interval<Self>,
        left: Interval<Self>,
        right: Interval<Self>,
    ) -> Cost {
        let shared = u128::from(Self::share_unit(left.1, right.0));
        let sides = Self::units(left) + Self::units(right) - shared;
        let units = Self::units(whole) - sides;
        let span = |(first, last): Interval<Self>| first.distance(last);
        let addresses = span(whole) - span(left) - span(right) - 1;
        (u64::try_from(units).unwrap_or(u64::MAX), addresses)
    }
}

impl Counted for u32 {
    fn units((first, last): Interval<Self>) -> u128 {
        u128::from(last - first) + 1
    }

    fn share_unit(_: Self, _: Self) -> bool {
        false
    }
}

impl Counted for u128 {
    fn units((first, last): Interval<Self>) -> u128 {
        (last >> 64) - (first >> 64) + 1
    }

    fn share_unit(a: Self, b: Self) -> bool {
        a >> 64 == b >> 64
    }
}

/// Length of the shortest prefix inside an interval.
fn widest<A: Address>(range: Interval<A>) -> u8 {
    let lengths = Split::new(range).map(|(_, len)| len);
    lengths.min().unwrap_or(A::WIDTH)
}
