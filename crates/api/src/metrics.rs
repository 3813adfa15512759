//! What a monitoring system may count: the registry behind `/metrics`.
//!
//! Counters of requests are moved where requests pass. What the process
//! publishes (Snapshot, sources, stream) is read when somebody scrapes, so
//! nobody has to remember to update it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
    TextEncoder, core::Collector, process_collector::ProcessCollector,
};

use axum::http::StatusCode;

use crate::Live;

mod gauges;
mod series;
mod sessions;

use gauges::Gauges;
use series::{Series, SeriesByKind};

/// Upper bounds of request durations, in seconds.
const BUCKETS: [f64; 13] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25,
    1.0, 2.5, 10.0,
];

/// Everything that is counted. The five names that begin with `asn_api_` are a
/// contract; ours begin with `asgard_`, those of the process with `process_`.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    series: SeriesByKind,
    cache_hits: IntCounter,
    limited: IntCounter,
    feeds_rendered: IntCounter,
    /// In the order of [`FeedState`].
    feed_polls: [IntCounter; 3],
    replaced_key_polls: IntCounter,
    panics: IntCounter,
    // A std lock: two scrapes must not mix their gauges. Held while a text is
    // written, by scrapes only.
    gauges: Mutex<Gauges>,
}

/// Where a rendered answer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// In this process.
    L1,
}

/// How good the list is that a poll got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedState {
    /// Of the present rules and data.
    Current,
    /// Of the present rules; a guard holds the newest data back.
    Held,
    /// The last good one, since none can be made.
    Stale,
}

impl Metrics {
    /// A registry of its own: two servers in one process share nothing.
    pub fn new() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            requests: keep(&registry, requests()),
            durations: keep(&registry, durations()),
            series: SeriesByKind::default(),
            cache_hits: cache_hits(&registry),
            limited: keep(
                &registry,
                counter(
                    "asn_api_rate_limit_hits_total",
                    "Requests refused because a limit was used up.",
                ),
            ),
            feeds_rendered: keep(
                &registry,
                counter(
                    "asgard_feeds_rendered_total",
                    "Feeds of organisations that were rendered.",
                ),
            ),
            feed_polls: feed_polls(&registry),
            replaced_key_polls: keep(
                &registry,
                counter(
                    "asgard_feeds_replaced_key_polls_total",
                    "Polls with a key that was rotated and will end.",
                ),
            ),
            panics: keep(
                &registry,
                counter(
                    "asgard_panics_total",
                    "Requests whose handler panicked.",
                ),
            ),
            gauges: Mutex::new(Gauges::new(&registry)),
            registry,
        };
        let process = ProcessCollector::for_self();
        metrics.registry.register(Box::new(process)).expect(DISTINCT);
        metrics
    }

    pub(crate) fn request(
        &self,
        method: &'static str,
        route: &str,
        status: StatusCode,
        took: Duration,
    ) {
        let find = || {
            let labels = [method, route, status.as_str()];
            Series {
                count: self.requests.with_label_values(&labels),
                durations: self.durations.with_label_values(&labels[..2]),
            }
        };
        let advance = |series: &Series| {
            series.count.inc();
            series.durations.observe(took.as_secs_f64());
        };
        self.series.with(method, route, status.as_u16(), find, advance);
    }

    pub(crate) fn cache_hit(&self, tier: Tier) {
        let Tier::L1 = tier;
        self.cache_hits.inc();
    }

    pub(crate) fn rate_limited(&self) {
        self.limited.inc();
    }

    pub(crate) fn feed_rendered(&self) {
        self.feeds_rendered.inc();
    }

    pub(crate) fn feed_polled(&self, state: FeedState) {
        self.feed_polls[state as usize].inc();
    }

    pub(crate) fn replaced_key_polled(&self) {
        self.replaced_key_polls.inc();
    }

    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    /// The text that is scraped (Prometheus exposition format, version 0.0.4).
    pub(crate) fn text(&self, live: &Live) -> String {
        let gauges = self.gauges.lock();
        let gauges = gauges.unwrap_or_else(PoisonError::into_inner);
        gauges.read(live);
        let families = self.registry.gather();
        let text = TextEncoder::new().encode_to_string(&families);
        text.unwrap_or_else(|error| {
            tracing::error!(%error, "metrics cannot be written");
            String::new()
        })
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

const DISTINCT: &str = "the names are distinct, valid and all in this folder";

/// Registers a metric and gives it back.
fn keep<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> C {
    registry.register(Box::new(metric.clone())).expect(DISTINCT);
    metric
}

fn counter(name: &str, help: &str) -> IntCounter {
    IntCounter::new(name, help).expect(DISTINCT)
}

fn requests() -> IntCounterVec {
    let help = "Requests answered.";
    let opts = Opts::new("asn_api_requests_total", help);
    IntCounterVec::new(opts, &["method", "path", "status"]).expect(DISTINCT)
}

fn durations() -> HistogramVec {
    let help = "Time from the head of a request to the head of its answer.";
    let opts = HistogramOpts::new("asn_api_request_duration_seconds", help)
        .buckets(BUCKETS.to_vec());
    HistogramVec::new(opts, &["method", "path"]).expect(DISTINCT)
}

/// Every state is there from the start, so that an alarm sees the first rise.
fn feed_polls(registry: &Registry) -> [IntCounter; 3] {
    let help = "Polls of feeds, by how good the list was that they got.";
    let opts = Opts::new("asgard_feeds_polls_total", help);
    let polls = IntCounterVec::new(opts, &["state"]).expect(DISTINCT);
    let polls = keep(registry, polls);
    ["current", "held", "stale"].map(|state| polls.with_label_values(&[state]))
}

/// Hits of the first tier. Both are there from the start; the second is a
/// shared cache, which one process alone has not.
fn cache_hits(registry: &Registry) -> IntCounter {
    let help = "Answers that were rendered before.";
    let opts = Opts::new("asn_api_cache_hits_total", help);
    let tiers = IntCounterVec::new(opts, &["tier"]).expect(DISTINCT);
    let tiers = keep(registry, tiers);
    tiers.with_label_values(&["l2"]);
    tiers.with_label_values(&["l1"])
}
