//! The log of decisions: one line a request that was not simply allowed, and of
//! the others one in a hundred.
//!
//! No cookie, no key, no query: a log is read by more people than a request.
//! Under attack it is bounded to a thousand lines a second and worker; what is
//! left out is counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use asgard_policy::Policy;

use crate::{
    clock,
    decide::Record,
    metrics::{Kind, Metrics},
};

pub mod recent;

use recent::{Recent, Remembered};

/// Of allowed requests, one in so many is logged.
const SAMPLE: u32 = 100;
/// Lines a second and worker.
const MAX_LINES: u32 = 1000;

/// Which decisions are logged.
#[derive(Debug)]
pub struct DecisionLog {
    allowed: AtomicU32,
    second: AtomicU64,
    lines: AtomicU32,
    recent: Arc<Recent>,
}

impl DecisionLog {
    /// What is not allowed is remembered in `recent`, too.
    #[must_use]
    pub fn new(recent: Arc<Recent>) -> Self {
        Self {
            allowed: AtomicU32::default(),
            second: AtomicU64::default(),
            lines: AtomicU32::default(),
            recent,
        }
    }

    /// Whether a request of this kind will be logged.
    pub(crate) fn wants(&self, kind: Kind) -> bool {
        kind != Kind::Allow
            || self.allowed.fetch_add(1, Relaxed).is_multiple_of(SAMPLE)
    }

    /// Writes the line of a request that ended.
    pub(crate) fn write(
        &self,
        record: &Record,
        policy: &Policy,
        metrics: &Metrics,
        (status, taken): (u16, Duration),
        second: u64,
    ) {
        let Some(line) = &record.line else { return };
        let rule = record.rule.map_or("", |rule| policy.rule_name(rule));
        if record.kind != Kind::Allow {
            self.recent.push(Remembered {
                record: Record { line: None, ..record.clone() },
                line: Arc::clone(line),
                rule: rule.into(),
                status,
                at: clock::seconds(),
            });
        }
        if self.second.swap(second, Relaxed) != second {
            self.lines.store(0, Relaxed);
        }
        if self.lines.fetch_add(1, Relaxed) >= MAX_LINES {
            metrics.log_dropped.inc();
            return;
        }
        tracing::info!(
            target: "asgard::decision",
            request_id = record.id.as_str(),
            client = %record.client,
            asn = record.asn.map_or(0, |asn| asn.0),
            action = kind_name(record.kind),
            intended = line.intended.as_str(),
            rule,
            weight = line.weight,
            status,
            duration_ms = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX),
            method = line.method,
            host = line.host,
            path = line.path,
            user_agent = line.user_agent,
            "decision"
        );
    }
}

/// The word for a log.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Allow => "ALLOW",
        Kind::Deny => "DENY",
        Kind::Challenge => "CHALLENGE",
        Kind::Malformed => "MALFORMED",
    }
}
