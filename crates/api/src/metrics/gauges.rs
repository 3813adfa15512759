//! What is read when somebody scrapes: Snapshot, sources, live stream.

use asgard_model::{Level, SourceStatus};
use prometheus::{Gauge, IntCounter, IntGauge, IntGaugeVec, Opts, Registry};

use super::{DISTINCT, counter, keep, sessions::SessionGauges};
use crate::{Live, published::Published, view};

/// Gauges, and counters that others count.
pub(super) struct Gauges {
    web_sockets: IntGauge,
    connections: IntGaugeVec,
    events: IntCounter,
    overflows: IntCounter,
    created: IntGauge,
    as_of: IntGauge,
    networks: IntGaugeVec,
    prefixes: IntGauge,
    whitelisted: IntGauge,
    coverage: Gauge,
    source_success: IntGaugeVec,
    source_rows: IntGaugeVec,
    source_up: IntGaugeVec,
    sessions: SessionGauges,
}

impl Gauges {
    pub(super) fn new(registry: &Registry) -> Self {
        let one = |name: &str, help: &str| {
            keep(registry, IntGauge::new(name, help).expect(DISTINCT))
        };
        let by = |name: &str, help: &str, label: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &[label]);
            keep(registry, gauge.expect(DISTINCT))
        };
        let count =
            |name: &str, help: &str| keep(registry, counter(name, help));
        let ratio = |name: &str, help: &str| {
            keep(registry, Gauge::new(name, help).expect(DISTINCT))
        };
        by("asgard_build_info", "The version that runs.", "version")
            .with_label_values(&[view::VERSION])
            .set(1);
        Self {
            web_sockets: one(
                "asn_api_active_websocket_connections",
                "WebSockets that are open now.",
            ),
            connections: by(
                "asgard_stream_connections",
                "Watchers of the live stream.",
                "transport",
            ),
            events: count(
                "asgard_stream_events_total",
                "Score changes passed on to the live stream.",
            ),
            overflows: count(
                "asgard_stream_overflows_total",
                "Watchers closed because they did not read.",
            ),
            created: one(
                "asgard_snapshot_created_timestamp_seconds",
                "When the scores that are served were computed.",
            ),
            as_of: one(
                "asgard_snapshot_as_of_timestamp_seconds",
                "The moment to which evidence was aged.",
            ),
            networks: by(
                "asgard_snapshot_networks",
                "Scored networks.",
                "level",
            ),
            prefixes: one(
                "asgard_snapshot_prefixes",
                "Prefixes in the routing table.",
            ),
            whitelisted: one(
                "asgard_whitelist_entries",
                "Networks on the whitelist.",
            ),
            coverage: ratio(
                "asgard_snapshot_coverage_ratio",
                "Weighted share of sources that are fresh.",
            ),
            source_success: by(
                "asgard_source_last_success_timestamp_seconds",
                "When a source was last read with success.",
                "source",
            ),
            source_rows: by(
                "asgard_source_rows",
                "Rows of the version of a source that is in use.",
                "source",
            ),
            source_up: by(
                "asgard_source_up",
                "1 if the last attempt at a source succeeded.",
                "source",
            ),
            sessions: SessionGauges::new(registry),
        }
    }

    /// Takes over what is published now.
    pub(super) fn read(&self, live: &Live) {
        let stream = live.hub().stats();
        let sockets = whole(stream.web_sockets as u64);
        self.web_sockets.set(sockets);
        let transport = |name| self.connections.with_label_values(&[name]);
        transport("websocket").set(sockets);
        transport("sse").set(whole(stream.server_sent as u64));
        advance(&self.events, stream.released);
        advance(&self.overflows, stream.overflows);
        if let Some(published) = live.published() {
            self.read_snapshot(&published);
        }
        for source in live.sources().iter().filter(|source| source.enabled) {
            self.read_source(source);
        }
        self.sessions.read(&live.sessions());
    }

    fn read_snapshot(&self, published: &Published) {
        let snapshot = &published.snapshot;
        let world = &snapshot.world;
        self.created.set(snapshot.created.as_second());
        self.as_of.set(world.as_of.as_second());
        self.prefixes.set(whole(world.table.len() as u64));
        self.whitelisted.set(whole(snapshot.whitelist.len() as u64));
        self.coverage.set(world.health.coverage);
        for (level, name) in Level::VALUES {
            let count = published.networks[level as usize];
            self.networks.with_label_values(&[name]).set(whole(count));
        }
    }

    fn read_source(&self, source: &SourceStatus) {
        let label = &[&*source.name];
        if let Some(at) = source.last_success {
            let gauge = self.source_success.with_label_values(label);
            gauge.set(at.as_second());
        }
        if let Some(rows) = source.rows {
            self.source_rows.with_label_values(label).set(whole(rows));
        }
        let up = source.last_success.is_some() && source.last_error.is_none();
        self.source_up.with_label_values(label).set(i64::from(up));
    }
}

pub(super) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Moves a counter to what another one says.
pub(super) fn advance(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}
