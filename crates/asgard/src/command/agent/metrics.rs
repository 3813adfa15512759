//! Metrics of an agent, as a file for the textfile collector of `node_exporter`
//! (<https://github.com/prometheus/node_exporter#textfile-collector>).
//!
//! The file is replaced whole after every round. Times are those of the last
//! round; an alarm should look at `asgard_agent_last_success_timestamp_seconds`,
//! which also grows old when the agent itself is gone.

use std::os::unix::fs::OpenOptionsExt;
use std::{fmt::Write, fs::OpenOptions, io, path::Path};

use jiff::Timestamp;

use super::{
    kept::replace,
    trouble::{Kind, Trouble},
};

/// What is counted and measured.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    target: String,
    good: u64,
    failed: [u64; Kind::ALL.len()],
    stale: Option<u64>,
    confirmed: Option<Timestamp>,
    received: Option<Timestamp>,
    counts: [usize; 2],
}

impl Metrics {
    pub(super) fn new(target: String) -> Self {
        Self {
            target,
            good: 0,
            failed: [0; Kind::ALL.len()],
            stale: None,
            confirmed: None,
            received: None,
            counts: [0, 0],
        }
    }

    /// Notes since when the server can make no new list; whether that began or
    /// ended.
    pub(super) fn stale(&mut self, seconds: Option<u64>) -> bool {
        let was = self.stale.is_some();
        self.stale = seconds;
        was != seconds.is_some()
    }

    /// Notes a round.
    pub(super) fn note(
        &mut self,
        trouble: Option<&Trouble>,
        confirmed: Option<Timestamp>,
        received: Option<Timestamp>,
        counts: [usize; 2],
    ) {
        match trouble.map(|trouble| trouble.kind) {
            None => self.good += 1,
            Some(kind) => {
                let counted = Kind::ALL.into_iter().zip(&mut self.failed);
                for (_, count) in counted.filter(|(k, _)| *k == kind) {
                    *count += 1;
                }
            }
        }
        self.confirmed = confirmed;
        self.received = received;
        self.counts = counts;
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// The disk refuses; the old file stays.
    pub(super) fn write(&self, file: &Path, now: Timestamp) -> io::Result<()> {
        let mut how = OpenOptions::new();
        // Another user collects it.
        how.write(true).create(true).truncate(true).mode(0o644);
        replace(file, &how, &[self.text(now).as_bytes()])
    }

    fn text(&self, now: Timestamp) -> String {
        let mut text = String::new();
        let target = &self.target;
        let mut gauge = |name: &str, help: &str, rows: &[(String, f64)]| {
            let kind =
                if name.ends_with("_total") { "counter" } else { "gauge" };
            // Writing into a String cannot fail.
            let _ = writeln!(
                text,
                "# HELP asgard_agent_{name} {help}\n\
                 # TYPE asgard_agent_{name} {kind}"
            );
            for (labels, value) in rows {
                let _ = writeln!(
                    text,
                    "asgard_agent_{name}{{target=\"{target}\"{labels}}} {value}"
                );
            }
        };
        let one = |value: f64| vec![(String::new(), value)];
        let seconds = |at: Option<Timestamp>| {
            at.map_or(0.0, |at| at.as_duration().as_secs_f64().floor())
        };
        let age = self.confirmed.map_or(f64::NAN, |at| {
            now.duration_since(at).as_secs_f64().max(0.0).floor()
        });
        gauge(
            "last_success_timestamp_seconds",
            "When the server last said that its list is the one in force.",
            &one(seconds(self.confirmed)),
        );
        gauge(
            "list_timestamp_seconds",
            "When the list in force was received.",
            &one(seconds(self.received)),
        );
        gauge(
            "age_seconds",
            "Since the last success, at the last round.",
            &one(age),
        );
        gauge(
            "feed_stale_seconds",
            "Since the server could make a new list; 0 if it can.",
            &one(as_f64(self.stale.unwrap_or(0))),
        );
        let families = ["ipv4", "ipv6"].into_iter().zip(self.counts);
        let families: Vec<_> = families
            .map(|(family, count)| {
                let count = as_f64(u64::try_from(count).unwrap_or(u64::MAX));
                (format!(",family=\"{family}\""), count)
            })
            .collect();
        gauge("entries", "Prefixes in force.", &families);
        let failed = Kind::ALL.into_iter().map(Kind::word).zip(self.failed);
        let rounds: Vec<_> = std::iter::once(("ok", self.good))
            .chain(failed)
            .map(|(word, count)| (format!(",result=\"{word}\""), as_f64(count)))
            .collect();
        gauge(
            "rounds_total",
            "Rounds since the start, by how they ended.",
            &rounds,
        );
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_is_counted_by_how_it_ended() {
        let mut metrics = Metrics::new("nft-asgard".to_owned());
        let at = Timestamp::from_second(1_000).unwrap();
        metrics.note(None, Some(at), Some(at), [7, 2]);
        let away = Trouble::away("x");
        metrics.note(Some(&away), Some(at), Some(at), [7, 2]);
        metrics.note(Some(&away), Some(at), Some(at), [7, 2]);
        let text = metrics.text(Timestamp::from_second(1_060).unwrap());
        for line in [
            "last_success_timestamp_seconds{target=\"nft-asgard\"} 1000",
            "age_seconds{target=\"nft-asgard\"} 60",
            "entries{target=\"nft-asgard\",family=\"ipv4\"} 7",
            "rounds_total{target=\"nft-asgard\",result=\"ok\"} 1",
            "rounds_total{target=\"nft-asgard\",result=\"away\"} 2",
            "rounds_total{target=\"nft-asgard\",result=\"refused\"} 0",
        ] {
            assert!(text.contains(&format!("asgard_agent_{line}\n")), "{text}");
        }
    }

    #[test]
    fn a_server_in_trouble_is_told_once() {
        let mut metrics = Metrics::new("nft-asgard".to_owned());
        assert!(!metrics.stale(None));
        assert!(metrics.stale(Some(9)));
        assert!(!metrics.stale(Some(69)));
        let text = metrics.text(Timestamp::UNIX_EPOCH);
        assert!(
            text.contains("feed_stale_seconds{target=\"nft-asgard\"} 69\n")
        );
        assert!(text.contains("age_seconds{target=\"nft-asgard\"} NaN\n"));
        assert!(metrics.stale(None));
    }
}
