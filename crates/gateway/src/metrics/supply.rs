//! How databases and lists are doing, as gauges.

use prometheus::{IntGaugeVec, Opts, Registry};

use crate::supply::{Status, What};

/// Gauges of databases (label `db`) and of lists and feeds (label `list`).
#[derive(Debug)]
pub(super) struct DataMetrics {
    build: IntGaugeVec,
    age: IntGaugeVec,
    stale: IntGaugeVec,
    success: IntGaugeVec,
    networks: IntGaugeVec,
    failures: IntGaugeVec,
    list_entries: IntGaugeVec,
    list_success: IntGaugeVec,
}

impl DataMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauges = |name: &str, help: &str, label: &str| {
            let made = IntGaugeVec::new(Opts::new(name, help), &[label])
                .expect("the name is a constant and valid");
            registry
                .register(Box::new(made.clone()))
                .expect("each name is registered once");
            made
        };
        Self {
            build: gauges(
                "db_build_timestamp_seconds",
                "When the database in use was made.",
                "db",
            ),
            age: gauges(
                "db_age_seconds",
                "How old the database in use is.",
                "db",
            ),
            stale: gauges(
                "db_stale",
                "Whether the database in use is older than its max_age.",
                "db",
            ),
            success: gauges(
                "db_last_success_timestamp_seconds",
                "When the database was last found current.",
                "db",
            ),
            networks: gauges(
                "db_networks",
                "Networks of the database in use.",
                "db",
            ),
            failures: gauges(
                "data_failed_refreshes",
                "Attempts to refresh databases, lists and feeds that failed.",
                "subject",
            ),
            list_entries: gauges(
                "list_entries",
                "Entries of a list or feed in use.",
                "list",
            ),
            list_success: gauges(
                "list_last_success_timestamp_seconds",
                "When a list or feed was last found current.",
                "list",
            ),
        }
    }

    /// Takes over the state of now; what the configuration no longer names is
    /// dropped.
    pub(super) fn set(&self, all: &[Status], now: u64) {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for gauges in [
            &self.build,
            &self.age,
            &self.stale,
            &self.success,
            &self.networks,
            &self.failures,
            &self.list_entries,
            &self.list_success,
        ] {
            gauges.reset();
        }
        for status in all {
            let name = status.name.as_str();
            let put = |gauges: &IntGaugeVec, label: &str, value: u64| {
                gauges.with_label_values(&[label]).set(number(value));
            };
            put(&self.failures, name, status.failures);
            let db = match status.what {
                What::Networks => "asn",
                What::Places => "geoip",
                What::List(_) | What::Feed(_) => {
                    put(&self.list_entries, name, status.entries);
                    put(&self.list_success, name, status.last_success);
                    continue;
                }
            };
            put(&self.success, db, status.last_success);
            put(&self.networks, db, status.entries);
            put(&self.stale, db, status.stale.into());
            if status.build_epoch > 0 {
                put(&self.build, db, status.build_epoch);
                put(&self.age, db, now.saturating_sub(status.build_epoch));
            }
        }
    }
}
