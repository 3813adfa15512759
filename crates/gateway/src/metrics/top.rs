//! Requests by network, for the networks that send most of them.
//!
//! There are 80,000 networks, and a label for each would burden whoever
//! scrapes. Fifty have a series of their own; the others are `other`. Who else
//! becomes large is found by a bounded sketch (space-saving, Metwally et al.
//! 2005): a network that has sent clearly more than the smallest of the fifty
//! takes its place, and what that one had counted moves to `other`, so that the
//! sum never shrinks.

use std::sync::{Mutex, PoisonError};

use asgard_model::Asn;
use prometheus::{
    Registry,
    core::{Collector, Desc},
    proto,
};
use rustc_hash::FxHashMap;

use super::{KINDS, Kind};

/// Series of their own.
const SHOWN: usize = 50;
/// Networks that are watched beside them.
const WATCHED: usize = 256;
/// Of the requests of those that are not shown, one in so many is looked at: a
/// prime, so that no rhythm of clients hides from it.
const SAMPLE: u64 = 17;

/// Counts by network.
#[derive(Debug)]
pub struct TopNetworks(std::sync::Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    shown: FxHashMap<Asn, [u64; KINDS.len()]>,
    other: [u64; KINDS.len()],
    /// Least count of those shown, or a little less.
    least: u64,
    watched: FxHashMap<Asn, u64>,
    unshown: u64,
}

impl TopNetworks {
    pub(super) fn new(registry: &Registry) -> Self {
        let counts = std::sync::Arc::<Mutex<Counts>>::default();
        let series = Series {
            counts: std::sync::Arc::clone(&counts),
            desc: description(),
        };
        registry
            .register(Box::new(series))
            .expect("the name is registered once");
        Self(counts)
    }

    /// Counts a request of a network.
    pub fn count(&self, asn: Asn, kind: Kind) {
        // A std lock: held for one or two look-ups.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.count(asn, kind as usize);
    }
}

impl Counts {
    fn count(&mut self, asn: Asn, kind: usize) {
        if let Some(counts) = self.shown.get_mut(&asn) {
            counts[kind] += 1;
            return;
        }
        if self.shown.len() < SHOWN {
            self.shown.entry(asn).or_default()[kind] += 1;
            return;
        }
        self.other[kind] += 1;
        self.unshown += 1;
        if !self.unshown.is_multiple_of(SAMPLE) {
            return;
        }
        let estimate = self.watch(asn);
        // Twice as many, so that two of a size do not change places for ever.
        if estimate > self.least.saturating_mul(2) + 4 * SAMPLE {
            self.promote(asn, estimate);
        }
    }

    fn watch(&mut self, asn: Asn) -> u64 {
        if let Some(count) = self.watched.get_mut(&asn) {
            *count += SAMPLE;
            return *count;
        }
        let mut count = SAMPLE;
        if self.watched.len() >= WATCHED {
            let least = self.watched.iter().min_by_key(|(_, count)| **count);
            if let Some((&asn, &least)) = least {
                self.watched.remove(&asn);
                count += least;
            }
        }
        self.watched.insert(asn, count);
        count
    }

    fn promote(&mut self, asn: Asn, estimate: u64) {
        let sum = |counts: &[u64; KINDS.len()]| counts.iter().sum::<u64>();
        let smallest = self.shown.iter().min_by_key(|(_, c)| sum(c));
        let Some((&small, counts)) = smallest else { return };
        self.least = sum(counts);
        if estimate <= self.least.saturating_mul(2) + 4 * SAMPLE {
            return;
        }
        for (other, count) in self.other.iter_mut().zip(*counts) {
            *other += count;
        }
        self.shown.remove(&small);
        self.shown.insert(asn, [0; KINDS.len()]);
        self.watched.remove(&asn);
    }
}

/// Without the prefix, which the registry puts before all of its names.
const NAME: &str = "asn_requests_total";

fn description() -> Desc {
    Desc::new(
        NAME.into(),
        "Requests by network, for the fifty that send most.".into(),
        vec!["asn".into(), "action".into()],
        std::collections::HashMap::new(),
    )
    .expect("the name is a constant and valid")
}

/// Shows the counts to a registry.
struct Series {
    counts: std::sync::Arc<Mutex<Counts>>,
    desc: Desc,
}

impl Collector for Series {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let vec = prometheus::IntCounterVec::new(
            prometheus::Opts::new(NAME, self.desc.help.clone()),
            &["asn", "action"],
        )
        .expect("the name is a constant and valid");
        let put = |asn: &str, counts: &[u64; KINDS.len()]| {
            for (kind, &count) in KINDS.iter().zip(counts) {
                if count > 0 {
                    vec.with_label_values(&[asn, kind]).inc_by(count);
                }
            }
        };
        for (asn, counts) in &counts.shown {
            put(&asn.0.to_string(), counts);
        }
        put("other", &counts.other);
        vec.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_networks_have_fifty_one_series_and_the_largest_show()
    {
        let registry = Registry::new();
        let top = TopNetworks::new(&registry);
        for round in 0..3_u32 {
            for asn in 0..100_000_u32 {
                top.count(Asn(asn + 1_000_000), Kind::Allow);
                if asn % 3 == 0 {
                    top.count(Asn(64_500 + asn % 5), Kind::Deny);
                }
            }
            assert!(round < 3);
        }
        let families = registry.gather();
        let metrics = families[0].get_metric();
        assert!(metrics.len() <= 2 * SHOWN + 2, "{}", metrics.len());
        let label = |m: &proto::Metric| {
            m.get_label().iter().any(|l| l.value() == "64503")
        };
        assert!(metrics.iter().any(label), "a large network is shown");
        let sum: f64 =
            metrics.iter().map(|m| m.get_counter().get_value()).sum();
        assert!((sum - 400_002.0).abs() < 0.5, "{sum}");
    }
}
