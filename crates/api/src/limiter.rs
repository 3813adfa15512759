//! The rate limiter: a fixed window for each client, exact to the request.
//!
//! A window opens with the first request of a client and lasts 60 seconds, so
//! `Reset` is a promise. Memory is bounded: see
//! [`limits::TRACKED_CLIENTS`](crate::limits::TRACKED_CLIENTS). Inside, a
//! request costs two halves, so that one that was cheap can cost one.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, BuildHasherDefault, Hash, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use asgard_store::KeyId;
use rustc_hash::FxHasher;

use crate::{
    client_address::Network,
    limits::{RATE_WINDOW_SECONDS, TRACKED_CLIENTS},
};

/// Halves of a request.
const WHOLE: u64 = 2;

/// Whose window a request counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client<'a> {
    /// A valid key, and the class whose limit it has.
    Key(KeyId, Option<&'a str>),
    /// No key, or a bad one.
    Network(Network),
}

/// What the limiter says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    pub(crate) limit: u32,
    /// Requests left in the window.
    pub(crate) remaining: u32,
    /// When the window ends, in Unix seconds.
    pub(crate) reset: i64,
}

/// Counts requests.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Of everybody without a class; 0: no limit.
    limit: u32,
    /// Of each class.
    classes: Arc<BTreeMap<String, u32>>,
    /// A std lock: held for one look-up, never across an await. The maps are
    /// apart so that strange addresses cannot crowd keys out.
    keys: Mutex<Windows<KeyId, BuildHasherDefault<FxHasher>>>,
    /// See `keys`. The hasher is seeded, since clients choose addresses; nobody
    /// chooses a key.
    networks: Mutex<Windows<Network, RandomState>>,
}

impl Limiter {
    pub(crate) fn new(limit: u32, classes: Arc<BTreeMap<String, u32>>) -> Self {
        Self {
            limit,
            classes,
            keys: Mutex::new(Windows::new(TRACKED_CLIENTS)),
            networks: Mutex::new(Windows::new(TRACKED_CLIENTS)),
        }
    }

    /// Counts a request at `now` (Unix seconds).
    pub(crate) fn count(&self, client: Client<'_>, now: i64) -> Verdict {
        self.judge(client, now, Step::Take)
    }

    /// Gives half of a request back: what the client asked for cost little.
    pub(crate) fn give_half_back(
        &self,
        client: Client<'_>,
        now: i64,
    ) -> Verdict {
        self.judge(client, now, Step::GiveHalf)
    }

    /// What the next request would find; counts nothing.
    pub(crate) fn look(&self, client: Client<'_>, now: i64) -> Verdict {
        self.judge(client, now, Step::Look)
    }

    fn judge(&self, client: Client<'_>, now: i64, step: Step) -> Verdict {
        let limit = self.limit_of(client);
        if limit == 0 {
            return unlimited(now);
        }
        match client {
            Client::Key(id, _) => spend(&self.keys, id, now, step, limit),
            Client::Network(network) => {
                spend(&self.networks, network, now, step, limit)
            }
        }
    }

    /// A class that nobody has configured means nothing.
    fn limit_of(&self, client: Client<'_>) -> u32 {
        match client {
            Client::Key(_, Some(class)) => {
                self.classes.get(class).copied().unwrap_or(self.limit)
            }
            Client::Key(_, None) | Client::Network(_) => self.limit,
        }
    }
}

/// Without a limit the headers say the largest number, so that no client that
/// counts down ever waits.
fn unlimited(now: i64) -> Verdict {
    Verdict {
        allowed: true,
        limit: u32::MAX,
        remaining: u32::MAX,
        reset: now + RATE_WINDOW_SECONDS,
    }
}

/// What is done to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Look,
    Take,
    GiveHalf,
}

fn spend<C: Copy + Eq + Hash, S: BuildHasher + Default>(
    windows: &Mutex<Windows<C, S>>,
    client: C,
    now: i64,
    step: Step,
    limit: u32,
) -> Verdict {
    // A panic cannot leave a window half changed: take it as it is.
    let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
    windows.of(client, now).spend(now, step, limit)
}

#[derive(Clone, Copy, Debug)]
struct Window {
    start: i64,
    /// Halves of requests.
    used: u64,
}

impl Window {
    fn new(start: i64) -> Self {
        Self { start, used: 0 }
    }

    /// Over, or so far ahead that the clock must have been set back. A clock
    /// read by another thread may be a little behind: that is the same window.
    fn is_over(self, now: i64) -> bool {
        (now - self.start).abs() >= RATE_WINDOW_SECONDS
    }

    fn spend(&mut self, now: i64, step: Step, limit: u32) -> Verdict {
        if self.is_over(now) {
            *self = Self::new(now);
        }
        let most = u64::from(limit) * WHOLE;
        let room = self.used + WHOLE <= most;
        let allowed = match step {
            Step::Look => true,
            Step::Take if room => {
                self.used += WHOLE;
                true
            }
            Step::Take => false,
            Step::GiveHalf => {
                self.used = self.used.saturating_sub(1);
                true
            }
        };
        // The crowd shares one window under different limits.
        let left = most.saturating_sub(self.used) / WHOLE;
        Verdict {
            allowed,
            limit,
            remaining: u32::try_from(left).unwrap_or(limit),
            reset: self.start + RATE_WINDOW_SECONDS,
        }
    }
}

#[derive(Debug)]
struct Windows<C, S> {
    open: HashMap<C, Window, S>,
    capacity: usize,
    /// The window of everybody for whom there is no room.
    crowd: Window,
    /// When windows that are over were last removed.
    swept: i64,
}

impl<C: Copy + Eq + Hash, S: BuildHasher + Default> Windows<C, S> {
    fn new(capacity: usize) -> Self {
        Self {
            open: HashMap::default(),
            capacity,
            crowd: Window::new(i64::MIN / 2),
            swept: i64::MIN / 2,
        }
    }

    fn of(&mut self, client: C, now: i64) -> &mut Window {
        let known = self.open.contains_key(&client);
        if !known && self.open.len() >= self.capacity {
            self.sweep(now);
        }
        if known || self.open.len() < self.capacity {
            self.open.entry(client).or_insert_with(|| Window::new(now))
        } else {
            &mut self.crowd
        }
    }

    /// Walks all windows, hence at most once a second.
    fn sweep(&mut self, now: i64) {
        if self.swept != now {
            self.swept = now;
            self.open.retain(|_, window| !window.is_over(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use asgard_store::ApiKey;
    use proptest::prelude::*;

    use super::*;

    fn network(n: u32) -> Client<'static> {
        Client::Network(Network::V4(n))
    }

    fn limiter(limit: u32) -> Limiter {
        Limiter::new(limit, Arc::default())
    }

    fn key(n: u8, class: Option<&str>) -> Client<'_> {
        let key = ApiKey::from_entropy(&[n; ApiKey::ENTROPY]);
        Client::Key(key.id(), class)
    }

    #[test]
    fn a_key_is_counted_by_the_limit_of_its_class() {
        let classes = [("slow", 2), ("fast", 9), ("free", 0)];
        let classes = classes.map(|(name, limit)| (name.to_owned(), limit));
        let limiter = Limiter::new(4, Arc::new(classes.into()));
        for (n, class, limit) in [
            (1, Some("slow"), 2),
            (2, Some("fast"), 9),
            (3, Some("gone"), 4),
            (4, None, 4),
        ] {
            let client = key(n, class);
            assert_eq!(limiter.look(client, 0).limit, limit, "{class:?}");
            for _ in 0..limit {
                assert!(limiter.count(client, 0).allowed, "{class:?}");
            }
            assert!(!limiter.count(client, 0).allowed, "{class:?}");
        }
        let free = key(5, Some("free"));
        assert!((0..500).all(|_| limiter.count(free, 0).allowed));
    }

    #[test]
    fn a_class_has_its_limit_also_where_others_have_none() {
        let classes = [("slow".to_owned(), 1)];
        let limiter = Limiter::new(0, Arc::new(classes.into()));
        assert!(limiter.count(key(1, Some("slow")), 0).allowed);
        assert!(!limiter.count(key(1, Some("slow")), 0).allowed);
        assert!((0..500).all(|_| limiter.count(key(2, None), 0).allowed));
    }

    #[test]
    fn the_crowd_may_hold_clients_of_different_limits() {
        let mut windows = Windows::<_, RandomState>::new(0);
        let mut spend =
            |limit| windows.of(1, 0).spend(0, Step::Take, limit).remaining;
        assert_eq!([spend(9), spend(9), spend(9)], [8, 7, 6]);
        assert_eq!(spend(2), 0);
    }

    #[test]
    fn a_window_counts_down_to_zero_and_opens_again_at_its_reset() {
        let limiter = limiter(2);
        let count = |now| {
            let v = limiter.count(network(1), now);
            (v.allowed, v.remaining, v.reset)
        };
        assert_eq!(count(1000), (true, 1, 1060));
        assert_eq!(count(1030), (true, 0, 1060));
        assert_eq!(count(1059), (false, 0, 1060));
        assert_eq!(count(1060), (true, 1, 1120));
    }

    #[test]
    fn looking_costs_nothing() {
        let limiter = limiter(1);
        assert_eq!(limiter.look(network(1), 0).remaining, 1);
        assert!(limiter.count(network(1), 0).allowed);
        assert_eq!(limiter.look(network(1), 0).remaining, 0);
        assert!(!limiter.count(network(1), 0).allowed);
        assert!(limiter.count(network(2), 0).allowed);
    }

    #[test]
    fn half_of_a_request_can_be_given_back() {
        let limiter = limiter(2);
        for _ in 0..3 {
            assert!(limiter.count(network(1), 0).allowed);
            limiter.give_half_back(network(1), 0);
        }
        let last = limiter.look(network(1), 0);
        assert_eq!((last.remaining, last.limit), (0, 2), "three halves used");
        assert!(!limiter.count(network(1), 0).allowed);
    }

    #[test]
    fn without_a_limit_nothing_is_ever_refused() {
        let limiter = limiter(0);
        let verdicts = (0..500).map(|_| limiter.count(network(1), 7));
        assert!(verdicts.into_iter().all(|v| v.allowed && v.remaining > 0));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lock_clients_out() {
        let limiter = limiter(1);
        assert!(limiter.count(network(1), 100_000).allowed);
        assert!(!limiter.count(network(1), 99_999).allowed);
        assert!(limiter.count(network(1), 5).allowed);
    }

    #[test]
    fn clients_beyond_the_capacity_share_one_window() {
        let mut windows = Windows::<_, RandomState>::new(2);
        let mut spend = |client: u32, now| {
            windows.of(client, now).spend(now, Step::Take, 2).allowed
        };
        assert!(spend(1, 0) && spend(2, 0), "the tracked two");
        assert!(spend(3, 0) && spend(4, 0), "the crowd has a limit of two");
        assert!(!spend(5, 0), "and it is used up");
        assert!(spend(1, 0), "the tracked keep their own");
        assert!(spend(5, 60) && spend(6, 60), "old windows make room");
        assert_eq!(windows.open.len(), 2);
    }

    proptest! {
        #[test]
        fn no_client_ever_gets_more_than_the_limit_in_a_window(
            limit in 1u32..6,
            steps in prop::collection::vec((0u32..3, 0i64..25), 1..200),
        ) {
            let limiter = limiter(limit);
            let mut now = 0;
            let mut granted = HashMap::<(u32, i64), u32>::new();
            for (client, pause) in steps {
                now += pause;
                let verdict = limiter.count(network(client), now);
                prop_assert!(verdict.reset > now);
                prop_assert!(verdict.reset <= now + RATE_WINDOW_SECONDS);
                let used = granted.entry((client, verdict.reset)).or_default();
                *used += u32::from(verdict.allowed);
                prop_assert_eq!(verdict.remaining, limit - *used);
                prop_assert!(verdict.allowed || *used == limit);
            }
        }
    }
}
