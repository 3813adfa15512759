//! Sessions that come and go, so that nobody is blamed for their noise.
//!
//! A reset is known by the state that a collector records, and without one by
//! its effect: more than half of a peer's table changes within five minutes.
//! After a reset the table comes back, which is no news either.

use super::{PrefixId, routes::Marks};

/// Five minutes are seen as two halves: what changed in this half or the last.
const HALF_WINDOW: u32 = 150;
/// Fewer changed routes are no reset, however small the table.
const FEWEST: u32 = 100;
/// The table is back when it has this part, in percent, of its former size.
const BACK_PERCENT: u64 = 90;
/// Seconds after which a table is taken as back, whatever its size.
const LONGEST_RETURN: u32 = 3600;

/// What a session just did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Saying what is new.
    News,
    /// Coming back, or changing as a whole, since a moment.
    Reset {
        /// In seconds since 1970.
        since: u32,
    },
}

/// One peer's session.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// When the present half of the window began.
    half: u32,
    now: Marks,
    before: Marks,
    /// Routes changed in the half before; in both halves together.
    changed_now: u32,
    changed: u32,
    /// Size of the table when the window was last empty.
    size: u32,
    /// When the session ended, and the size of its table before.
    lost: Option<(u32, u32)>,
}

impl Session {
    /// The session ended with a table of a size.
    pub(super) fn end(&mut self, at: u32, size: u32) {
        let size = size.max(self.lost.map_or(0, |(_, size)| size));
        if size > 0 {
            self.lost = Some((at, size));
        }
        self.forget(at, 0);
    }

    /// A route changed or was said again; `size` is that of the table before.
    pub(super) fn change(
        &mut self,
        prefix: PrefixId,
        at: u32,
        size: u32,
    ) -> Doing {
        if let Some((since, former)) = self.lost {
            let back =
                u64::from(size) * 100 >= u64::from(former) * BACK_PERCENT;
            if !back && at.saturating_sub(since) <= LONGEST_RETURN {
                return Doing::Reset { since };
            }
            self.lost = None;
            self.forget(at, size);
        }
        self.turn(at, size);
        if self.now.insert(prefix) {
            self.changed_now += 1;
            self.changed += u32::from(!self.before.contains(prefix));
        }
        self.size = self.size.max(size);
        if self.changed >= FEWEST && self.changed > self.size / 2 {
            let since = self.half.saturating_sub(HALF_WINDOW);
            return Doing::Reset { since };
        }
        Doing::News
    }

    fn turn(&mut self, at: u32, size: u32) {
        let past = at.saturating_sub(self.half);
        if past < HALF_WINDOW {
            return;
        }
        if past >= 2 * HALF_WINDOW {
            self.forget(at, size);
            return;
        }
        std::mem::swap(&mut self.now, &mut self.before);
        self.now.clear();
        self.changed = self.changed_now;
        self.changed_now = 0;
        self.half += HALF_WINDOW;
        self.size = size;
    }

    fn forget(&mut self, at: u32, size: u32) {
        self.now.clear();
        self.before.clear();
        self.changed = 0;
        self.changed_now = 0;
        self.half = at;
        self.size = size;
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.now.heap_bytes() + self.before.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: usize) -> PrefixId {
        PrefixId::at(index).unwrap()
    }

    fn resets(session: &mut Session, routes: usize, every: usize) -> usize {
        let change = |index: usize| {
            let at = 10_000 + u32::try_from(index / every).unwrap();
            session.change(id(index), at, 1_000)
        };
        let all: Vec<Doing> = (0..routes).map(change).collect();
        all.iter().filter(|d| matches!(d, Doing::Reset { .. })).count()
    }

    #[test]
    fn half_of_a_table_within_five_minutes_is_a_reset() {
        // 600 of 1,000 routes in a minute, over the end of a half window.
        let mut session = Session::default();
        session.change(id(0), 9_900, 1_000);
        assert_eq!(resets(&mut session, 600, 10), 100);
        // The same in fifty minutes.
        assert_eq!(resets(&mut Session::default(), 600, 1), 0);
    }

    #[test]
    fn one_route_that_changes_a_thousand_times_is_no_reset() {
        let mut session = Session::default();
        for at in 0..1_000 {
            let doing = session.change(id(7), 10_000 + at / 10, 1_000);
            assert_eq!(doing, Doing::News);
        }
    }

    #[test]
    fn a_small_table_may_change_as_a_whole() {
        let mut session = Session::default();
        for index in 0..99 {
            assert_eq!(session.change(id(index), 10_000, 99), Doing::News);
        }
    }

    #[test]
    fn a_table_that_comes_back_is_no_news_until_it_is_there() {
        let mut session = Session::default();
        session.end(10_000, 1_000);
        for size in 0..900 {
            let doing = session.change(id(0), 10_100, size);
            assert_eq!(doing, Doing::Reset { since: 10_000 });
        }
        assert_eq!(session.change(id(0), 10_101, 900), Doing::News);
        session.end(20_000, 1_000);
        assert_eq!(session.change(id(0), 23_601, 10), Doing::News);
    }
}
