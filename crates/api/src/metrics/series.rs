//! The counters of each kind of answer, found by one look-up.
//!
//! The registry finds a series by hashing its labels byte for byte, twice a
//! request; here a request asks once, by its route. There are as many kinds as
//! routes, methods and statuses: none of them is chosen by clients.
//!
//! A request changes nothing but the counters themselves: cores that answer the
//! same kind at once would take turns at every count of readers or owners.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use prometheus::{Histogram, IntCounter};
use rustc_hash::FxHashMap;

/// What moves with each answer of one kind.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) count: IntCounter,
    pub(super) durations: Histogram,
}

/// The series of every kind of answer that was given so far.
#[derive(Debug, Default)]
pub(super) struct SeriesByKind {
    known: ArcSwap<ByRoute>,
    // A std lock: held while a kind that was seen first is added.
    adding: Mutex<()>,
}

type ByRoute = FxHashMap<Box<str>, Vec<(&'static str, u16, Series)>>;

impl SeriesByKind {
    /// Moves the series of a kind of answer; `find` asks the registry for it,
    /// once.
    pub(super) fn with(
        &self,
        method: &'static str,
        route: &str,
        status: u16,
        find: impl FnOnce() -> Series,
        advance: impl FnOnce(&Series),
    ) {
        let known = self.known.load();
        match series(&known, method, route, status) {
            Some(series) => advance(series),
            None => advance(&self.add(method, route, status, find)),
        }
    }

    fn add(
        &self,
        method: &'static str,
        route: &str,
        status: u16,
        find: impl FnOnce() -> Series,
    ) -> Series {
        let alone = self.adding.lock();
        let _alone = alone.unwrap_or_else(PoisonError::into_inner);
        let known = self.known.load();
        // Another request may have been first.
        if let Some(series) = series(&known, method, route, status) {
            return series.clone();
        }
        let series = find();
        let mut more = ByRoute::clone(&known);
        let kinds = more.entry(route.into()).or_default();
        kinds.push((method, status, series.clone()));
        self.known.store(Arc::new(more));
        series
    }
}

fn series<'a>(
    known: &'a ByRoute,
    method: &str,
    route: &str,
    status: u16,
) -> Option<&'a Series> {
    let kinds = known.get(route)?;
    let mut kinds = kinds.iter();
    let found = kinds.find(|kind| kind.1 == status && kind.0 == method);
    found.map(|(.., series)| series)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use prometheus::HistogramOpts;

    use super::*;

    fn series() -> Series {
        Series {
            count: IntCounter::new("n", "n").unwrap(),
            durations: Histogram::with_opts(HistogramOpts::new("d", "d"))
                .unwrap(),
        }
    }

    #[test]
    fn each_kind_is_found_once_and_advances_alone() {
        let kinds = SeriesByKind::default();
        let found = Cell::new(0);
        let count = |method, route, status| {
            let find = || {
                found.set(found.get() + 1);
                series()
            };
            let now = Cell::new(0);
            kinds.with(method, route, status, find, |series| {
                series.count.inc();
                now.set(series.count.get());
            });
            now.get()
        };
        for round in 1..=3 {
            assert_eq!(count("GET", "/a", 200), round);
            assert_eq!(count("GET", "/a", 304), round);
            assert_eq!(count("HEAD", "/a", 200), round);
            assert_eq!(count("GET", "/b", 200), round);
        }
        assert_eq!(found.get(), 4);
    }
}
