//! The counters of each kind of answer, found by one look-up.
//!
//! The registry finds a series by hashing its labels byte for byte, twice a
//! request; here a request asks once, by its route. There are as many kinds as
//! routes, methods and statuses: none of them is chosen by clients.

use std::sync::{PoisonError, RwLock};

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
// A std lock: written when a kind is first seen, else read.
pub(super) struct SeriesByKind(RwLock<ByRoute>);

type ByRoute = FxHashMap<Box<str>, Vec<(&'static str, u16, Series)>>;

impl SeriesByKind {
    /// The series of a kind of answer; `find` asks the registry, once.
    pub(super) fn of(
        &self,
        method: &'static str,
        route: &str,
        status: u16,
        find: impl FnOnce() -> Series,
    ) -> Series {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let kinds = known.get(route).map_or(&[][..], Vec::as_slice);
        let same =
            |kind: &&(&str, u16, Series)| kind.1 == status && kind.0 == method;
        if let Some((.., series)) = kinds.iter().find(same) {
            return series.clone();
        }
        drop(known);
        let series = find();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let kinds = known.entry(route.into()).or_default();
        kinds.push((method, status, series.clone()));
        series
    }
}
