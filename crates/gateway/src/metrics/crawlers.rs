//! How the proofs of crawlers by name are doing.

use prometheus::{IntCounterVec, IntGauge, Registry};

use super::Make;
use crate::crawler::reverse::ReverseCache;

#[derive(Debug)]
pub(super) struct CrawlerMetrics {
    checks: IntCounterVec,
    kept: IntGauge,
}

impl CrawlerMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let make = Make { registry };
        Self {
            checks: make.counters(
                "crawler_checks_total",
                "Addresses whose names were asked for, by what came of it.",
                &["result"],
            ),
            kept: make.gauge(
                "crawler_cache_entries",
                "Addresses whose confirmed names are kept.",
            ),
        }
    }

    /// The cache counts by itself, and outlives reloads.
    pub(super) fn set(&self, names: &ReverseCache) {
        for (result, count) in names.counts() {
            let counter = self.checks.with_label_values(&[result]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
        self.kept.set(i64::try_from(names.len()).unwrap_or(i64::MAX));
    }
}
