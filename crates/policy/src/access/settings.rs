//! What the operator of the server may set about feeds; all have defaults.

use std::collections::BTreeSet;

use asgard_model::Prefix;
use serde::{Deserialize, Serialize};

use super::text;
use crate::feed::decision::DecisionParams;

/// What the operator of the server may set about feeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Addresses on which the server itself listens: never blocked.
    #[serde(with = "text")]
    pub own_addresses: Vec<Prefix>,
    /// Sets of the critical Internet that are switched off, by name
    /// ([`crate::feed::guard::critical::sets`]).
    pub critical_off: BTreeSet<Box<str>>,
    /// Sources whose terms forbid to pass their rows on, by name: no rule may
    /// select them.
    pub withheld_lists: BTreeSet<Box<str>>,
    /// Limits of the guards.
    pub limits: GuardLimits,
    /// How risk selectors decide.
    pub decision: DecisionParams,
}

/// Limits of the guards. Shares are of 2³² addresses, 0–1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardLimits {
    /// Shortest IPv4 prefix that a feed may name.
    pub min_prefix4: u8,
    /// Shortest IPv6 prefix that a feed may name.
    pub min_prefix6: u8,
    /// Share of one rule from which it is a warning.
    pub warn_share: f64,
    /// Share of one rule above which it needs a confirmation.
    pub confirm_share: f64,
    /// A confirmed rule may drift to this multiple of its confirmed share.
    pub drift: f64,
    /// Share of the whole feed above which it is not served.
    pub feed_share: f64,
    /// Growth by data alone that is held: 0.5 is half as much again.
    pub growth: f64,
    /// Shrinking by data alone that is held: 0.2 is a fifth.
    pub shrink: f64,
    /// Feeds with fewer entries may grow and shrink as they like.
    pub exempt_entries: usize,
    /// Days for which a selector that resolves to nothing keeps its last set.
    pub memory_days: u16,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self {
            min_prefix4: 8,
            min_prefix6: 19,
            warn_share: 0.005,
            confirm_share: 0.10,
            drift: 1.5,
            feed_share: 0.5,
            growth: 0.5,
            shrink: 0.2,
            exempt_entries: 100,
            memory_days: 7,
        }
    }
}
