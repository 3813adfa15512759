//! Seeds that have been redeemed, so that none counts twice. Bounded: when it
//! is full the oldest is forgotten, and counted.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use super::SEED_LIFE;

/// Most seeds remembered.
pub(super) const MOST: usize = 65_536;

/// Shared by all configurations that follow each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Redeemed {
    /// Locked only while a challenge is redeemed, never for other requests.
    set: Arc<Mutex<Set>>,
}

#[derive(Debug, Default)]
struct Set {
    known: HashSet<[u8; 16]>,
    /// In order of redemption, with its moment.
    order: VecDeque<([u8; 16], u64)>,
    forgotten: u64,
}

impl Redeemed {
    /// Notes a seed; `false` if it was noted before.
    pub(super) fn insert(&self, id: [u8; 16], now_ms: u64) -> bool {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        // Seeds older than their life are refused without us.
        while let Some(&(old, at)) = set.order.front()
            && now_ms.saturating_sub(at) > SEED_LIFE
        {
            set.order.pop_front();
            set.known.remove(&old);
        }
        if !set.known.insert(id) {
            return false;
        }
        set.order.push_back((id, now_ms));
        if set.order.len() > MOST
            && let Some((oldest, _)) = set.order.pop_front()
        {
            set.known.remove(&oldest);
            set.forgotten += 1;
        }
        true
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> [u8; 16] {
        (n as u128).to_be_bytes()
    }

    #[test]
    fn the_set_is_bounded_and_forgets_the_oldest() {
        let set = Redeemed::default();
        for n in 0..MOST {
            assert!(set.insert(id(n), 1));
        }
        assert!(!set.insert(id(0), 1));
        assert!(set.insert(id(MOST), 1));
        assert_eq!(set.forgotten(), 1);
        assert!(set.insert(id(0), 1), "forgotten");
        assert!(!set.insert(id(MOST), 1));
    }

    #[test]
    fn seeds_past_their_life_make_room() {
        let set = Redeemed::default();
        assert!(set.insert(id(1), 0));
        assert!(set.insert(id(2), SEED_LIFE + 1));
        assert_eq!(set.set.lock().unwrap().order.len(), 1);
        assert_eq!(set.forgotten(), 0);
    }
}
