//! What PeeringDB has answered, and what it is being asked.
//!
//! Both are bounded. A question under way is held weakly: it belongs to those
//! who wait for it, and ends when the last of them has left.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use asgard_model::Asn;
use futures_util::{
    FutureExt,
    future::{Shared, WeakShared},
};
use jiff::Timestamp;

use super::{Answer, Flight, Found};
use crate::limits;

/// No panic can leave it half changed: it is taken as it is.
pub(super) fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was answered, and what is being asked.
#[derive(Default)]
pub(super) struct Memory {
    kept: HashMap<Asn, (Timestamp, Found)>,
    flights: HashMap<Asn, WeakShared<Flight>>,
}

fn is_fresh(asked: Timestamp, now: Timestamp) -> bool {
    now.duration_since(asked) < limits::PEERINGDB_KEPT
}

impl Memory {
    /// An answer that is not a day old yet.
    pub(super) fn recall(&self, asn: Asn, now: Timestamp) -> Option<Found> {
        let (asked, found) = self.kept.get(&asn)?;
        is_fresh(*asked, now).then(|| found.clone())
    }

    /// The question has been answered.
    pub(super) fn land(&mut self, asn: Asn, now: Timestamp, answer: &Answer) {
        self.flights.remove(&asn);
        if let Ok(found) = answer {
            self.keep(asn, now, found.clone());
        }
    }

    fn keep(&mut self, asn: Asn, now: Timestamp, found: Found) {
        if self.kept.len() >= limits::PEERINGDB_ENTRIES {
            self.make_room(now);
        }
        self.kept.insert(asn, (now, found));
    }

    fn make_room(&mut self, now: Timestamp) {
        self.kept.retain(|_, (asked, _)| is_fresh(*asked, now));
        if self.kept.len() >= limits::PEERINGDB_ENTRIES {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.0);
            if let Some(asn) = oldest.map(|(asn, _)| *asn) {
                self.kept.remove(&asn);
            }
        }
    }

    /// The question that is under way, or a new one; `None` if there are too
    /// many.
    pub(super) fn join(
        &mut self,
        asn: Asn,
        take_off: impl FnOnce() -> Flight,
    ) -> Option<Shared<Flight>> {
        if let Some(flight) =
            self.flights.get(&asn).and_then(WeakShared::upgrade)
        {
            return Some(flight);
        }
        if self.flights.len() >= limits::PEERINGDB_FLIGHTS {
            // Questions for which nobody waits any more.
            self.flights.retain(|_, flight| flight.upgrade().is_some());
        }
        if self.flights.len() >= limits::PEERINGDB_FLIGHTS {
            return None;
        }
        let flight = take_off().shared();
        self.flights.insert(asn, flight.downgrade()?);
        Some(flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest() {
        let mut memory = Memory::default();
        let entries = u32::try_from(limits::PEERINGDB_ENTRIES).unwrap();
        for n in 1..=entries + 5 {
            memory.keep(Asn(n), at(i64::from(n)), None);
        }
        let now = at(i64::from(entries));
        assert_eq!(memory.kept.len(), limits::PEERINGDB_ENTRIES);
        assert_eq!(memory.recall(Asn(5), now), None);
        assert_eq!(memory.recall(Asn(6), now), Some(None));
    }

    #[test]
    fn what_is_a_day_old_makes_room_first() {
        let mut memory = Memory::default();
        let entries = u32::try_from(limits::PEERINGDB_ENTRIES).unwrap();
        for n in 1..=entries {
            memory.keep(Asn(n), at(0), None);
        }
        memory.keep(Asn(entries + 1), at(86_400), None);
        assert_eq!(memory.kept.len(), 1);
    }

    #[test]
    fn an_answer_is_fresh_for_a_day() {
        let mut memory = Memory::default();
        memory.keep(Asn(1), at(0), None);
        assert_eq!(memory.recall(Asn(1), at(86_399)), Some(None));
        assert_eq!(memory.recall(Asn(1), at(86_400)), None);
        assert_eq!(memory.recall(Asn(2), at(0)), None);
    }

    #[test]
    fn questions_for_which_nobody_waits_do_not_count() {
        let mut memory = Memory::default();
        let never = || std::future::pending().boxed();
        let limit = u32::try_from(limits::PEERINGDB_FLIGHTS).unwrap();
        for n in 1..=limit {
            assert!(memory.join(Asn(n), never).is_some());
        }
        let waiting: Vec<_> =
            (1..=limit).filter_map(|n| memory.join(Asn(n), never)).collect();
        assert!(memory.join(Asn(limit + 1), never).is_none());
        assert!(memory.join(Asn(1), never).is_some());
        drop(waiting);
        assert!(memory.join(Asn(limit + 1), never).is_some());
    }
}
