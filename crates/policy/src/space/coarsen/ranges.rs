//! Joining ranges: the smallest gaps are closed.
//!
//! What a gap costs does not depend on what was joined before, so all gaps of
//! both families are sorted once.

use super::{AddressSet, Cost, Counted, Extra, Purse, Task, widest};
use crate::space::interval::{Interval, overlaps};

/// Returns the gaps that were closed, with what lies beside them.
pub(super) fn join(task: &Task<'_>, allowed: Extra) -> AddressSet {
    let mut v4 =
        Row::new(task.set.v4(), task.keep_out.v4(), task.limits.min_prefix4);
    let mut v6 =
        Row::new(task.set.v6(), task.keep_out.v6(), task.limits.min_prefix6);
    let mut offers: Vec<(Cost, bool, usize)> = v4
        .offers()
        .map(|(cost, gap)| (cost, true, gap))
        .chain(v6.offers().map(|(cost, gap)| (cost, false, gap)))
        .collect();
    offers.sort_unstable();
    let mut entries = task.set.v4().len() + task.set.v6().len();
    let mut purse = Purse(allowed);
    for (cost, is_v4, gap) in offers {
        if entries <= task.budget {
            break;
        }
        let may = if is_v4 { v4.may_close(gap) } else { v6.may_close(gap) };
        if !may || !purse.pay(is_v4, cost) {
            continue;
        }
        if is_v4 {
            v4.close(gap);
        } else {
            v6.close(gap);
        }
        entries -= 1;
    }
    AddressSet::from_ranges(v4.closed, v6.closed)
}

/// The ranges of one family; gap `n` is after range `n`.
struct Row<'a, A> {
    ranges: &'a [Interval<A>],
    keep_out: &'a [Interval<A>],
    shortest: u8,
    /// At the last range of a joined run: the first one.
    first_of: Vec<usize>,
    /// At the first range of a joined run: the last one.
    last_of: Vec<usize>,
    closed: Vec<Interval<A>>,
}

impl<'a, A: Counted> Row<'a, A> {
    fn new(
        ranges: &'a [Interval<A>],
        keep_out: &'a [Interval<A>],
        shortest: u8,
    ) -> Self {
        let alone: Vec<usize> = (0..ranges.len()).collect();
        Self {
            ranges,
            keep_out,
            shortest,
            first_of: alone.clone(),
            last_of: alone,
            closed: Vec::new(),
        }
    }

    /// Every gap that holds nothing to be kept out, with what it costs.
    fn offers(&self) -> impl Iterator<Item = (Cost, usize)> + '_ {
        self.ranges.windows(2).enumerate().filter_map(|(gap, pair)| {
            let (end, start) = (pair[0].1, pair[1].0);
            if overlaps(self.keep_out, (end, start)) {
                return None;
            }
            Some((A::cost((end, start), (end, end), (start, start)), gap))
        })
    }

    /// Whether the run that closing a gap makes has no prefix that is shorter
    /// than allowed.
    fn may_close(&self, gap: usize) -> bool {
        let (from, to) = (self.first_of[gap], self.last_of[gap + 1]);
        widest((self.ranges[from].0, self.ranges[to].1)) >= self.shortest
    }

    fn close(&mut self, gap: usize) {
        let (from, to) = (self.first_of[gap], self.last_of[gap + 1]);
        self.last_of[from] = to;
        self.first_of[to] = from;
        self.closed.push((self.ranges[gap].1, self.ranges[gap + 1].0));
    }
}
