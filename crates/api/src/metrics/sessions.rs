//! Validators and the stream of BGP messages, as they are when somebody scrapes.

use asgard_model::{Sessions, StreamStatus, ValidatorState, ValidatorStatus};
use prometheus::{
    IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::{
    DISTINCT, counter,
    gauges::{advance, whole},
    keep,
};

/// Of validators those that are asked; of the stream zeros if there is none.
pub(super) struct SessionGauges {
    synced: IntGaugeVec,
    in_use: IntGaugeVec,
    serial: IntGaugeVec,
    vrps: IntGaugeVec,
    aspas: IntGaugeVec,
    age: IntGaugeVec,
    rtr_failures: IntCounterVec,
    connected: IntGauge,
    waiting: IntGauge,
    stale_since: IntGauge,
    newest: IntGauge,
    messages: IntCounter,
    events: IntCounter,
    lost: IntCounter,
    bad: IntCounter,
    gaps: IntCounter,
    resyncs: IntCounter,
    failures: IntCounter,
}

impl SessionGauges {
    pub(super) fn new(registry: &Registry) -> Self {
        let of_validator = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["validator"]);
            keep(registry, gauge.expect(DISTINCT))
        };
        let one = |name: &str, help: &str| {
            keep(registry, IntGauge::new(name, help).expect(DISTINCT))
        };
        let count =
            |name: &str, help: &str| keep(registry, counter(name, help));
        Self {
            synced: of_validator(
                "asgard_rtr_synced",
                "1 if what is known is what the validator knows.",
            ),
            in_use: of_validator(
                "asgard_rtr_in_use",
                "1 if validation follows the validator.",
            ),
            serial: of_validator(
                "asgard_rtr_serial",
                "Serial of its last answer.",
            ),
            vrps: of_validator("asgard_rtr_vrps", "VRPs that are good."),
            aspas: of_validator(
                "asgard_rtr_aspas",
                "Customers with ASPAs that are good.",
            ),
            age: of_validator(
                "asgard_rtr_age_seconds",
                "Time since its last answer; -1 if none is good.",
            ),
            rtr_failures: rtr_failures(registry),
            connected: one(
                "asgard_ris_live_connected",
                "1 if there is a connection.",
            ),
            waiting: one(
                "asgard_ris_live_waiting",
                "Messages that wait to be applied.",
            ),
            stale_since: one(
                "asgard_ris_live_stale_since_timestamp_seconds",
                "Since when routes may be known that are gone; 0 if not.",
            ),
            newest: one(
                "asgard_ris_live_newest_timestamp_seconds",
                "The latest event that was applied.",
            ),
            messages: count(
                "asgard_ris_live_messages_total",
                "Messages received.",
            ),
            events: count(
                "asgard_ris_live_events_total",
                "Routes and states applied to the table.",
            ),
            lost: count(
                "asgard_ris_live_lost_total",
                "Messages for which there was no room.",
            ),
            bad: count(
                "asgard_ris_live_bad_total",
                "Messages that could not be read.",
            ),
            gaps: count(
                "asgard_ris_live_gaps_total",
                "Holes: lost connections, and times without room.",
            ),
            resyncs: count(
                "asgard_ris_live_resyncs_total",
                "Tables that have filled holes.",
            ),
            failures: count(
                "asgard_ris_live_failures_total",
                "Connections that ended, or were not made.",
            ),
        }
    }

    /// Takes over how they are now.
    pub(super) fn read(&self, sessions: &Sessions) {
        sessions.rtr.iter().for_each(|status| self.validator(status));
        if let Some(status) = &sessions.ris_live {
            self.stream(status);
        }
    }

    fn validator(&self, status: &ValidatorStatus) {
        let label = &[&*status.address];
        let set = |gauge: &IntGaugeVec, value: i64| {
            gauge.with_label_values(label).set(value);
        };
        let is_synced = status.state == ValidatorState::Synced;
        set(&self.synced, i64::from(is_synced));
        set(&self.in_use, i64::from(status.in_use));
        let serial = status.serial.map_or(0, |(_, serial)| serial);
        set(&self.serial, i64::from(serial));
        set(&self.vrps, whole(status.vrps));
        set(&self.aspas, whole(status.aspas));
        set(&self.age, status.age_seconds.map_or(-1, whole));
        let failures = self.rtr_failures.with_label_values(label);
        advance(&failures, status.failures);
    }

    fn stream(&self, status: &StreamStatus) {
        self.connected.set(i64::from(status.connected));
        self.waiting.set(whole(status.waiting));
        self.stale_since.set(status.stale_since.map_or(0, i64::from));
        self.newest.set(status.newest.map_or(0, i64::from));
        advance(&self.messages, status.messages);
        advance(&self.events, status.events);
        advance(&self.lost, status.lost);
        advance(&self.bad, status.bad);
        advance(&self.gaps, status.gaps);
        advance(&self.resyncs, status.resyncs);
        advance(&self.failures, status.failures);
    }
}

fn rtr_failures(registry: &Registry) -> IntCounterVec {
    let help = "Connections to a validator that ended, or were not made.";
    let opts = Opts::new("asgard_rtr_failures_total", help);
    let counter = IntCounterVec::new(opts, &["validator"]);
    keep(registry, counter.expect(DISTINCT))
}
