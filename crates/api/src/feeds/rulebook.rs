//! What an organisation blocks at one version, as feeds are made from it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use asgard_policy::access::{Protected, Ruleset};
use asgard_store::OrgRules;
use jiff::Timestamp;

use super::documents::{self, Release};

/// What an organisation blocks at one version; never changes.
#[derive(Debug)]
pub struct Rulebook {
    /// The name of this value among all that the process ever made: what was
    /// made from it is good as long as it is the present one.
    pub(crate) edition: u64,
    /// Rules and protected entries as they are stored.
    pub stored: Ruleset,
    /// The same with addresses that poll the feed: what feeds are made from.
    pub(crate) effective: Ruleset,
    /// When the version was written.
    pub(crate) at: Timestamp,
    /// When this became what is in force, pollers included.
    pub(crate) changed: Timestamp,
    pub(crate) release: Release,
    /// Every moment at which something ends, ascending.
    expiries: Vec<Timestamp>,
}

impl Rulebook {
    /// Reads what the store holds.
    pub fn new(rules: &OrgRules, pollers: &[Protected]) -> Self {
        let contents = documents::read(&rules.org, &rules.documents);
        let stored = Ruleset {
            org: rules.org.clone(),
            version: rules.version,
            rules: contents.rules,
            protected: contents.protected,
        };
        Self::of(stored, rules.at, contents.release, pollers)
    }

    /// A ruleset, written at a moment.
    pub(crate) fn of(
        stored: Ruleset,
        at: Timestamp,
        release: Release,
        pollers: &[Protected],
    ) -> Self {
        static EDITIONS: AtomicU64 = AtomicU64::new(1);
        let mut effective = stored.clone();
        effective.protected.extend(pollers.iter().cloned());
        let rules = effective.rules.iter().filter(|rule| rule.is_active);
        let rules = rules.filter_map(|rule| rule.expires_at);
        let protected = effective.protected.iter();
        let protected = protected.filter_map(|entry| entry.expires_at);
        let mut expiries: Vec<Timestamp> = rules.chain(protected).collect();
        expiries.sort_unstable();
        expiries.dedup();
        Self {
            edition: EDITIONS.fetch_add(1, Ordering::Relaxed),
            stored,
            effective,
            at,
            changed: at,
            release,
            expiries,
        }
    }

    /// The same rules with other pollers, from a moment on.
    pub(crate) fn with_pollers(
        &self,
        pollers: &[Protected],
        now: Timestamp,
    ) -> Self {
        let (at, release) = (self.at, self.release);
        let same = Self::of(self.stored.clone(), at, release, pollers);
        same.changed_at(self.changed.max(now))
    }

    /// The same, in force since a moment.
    pub(crate) fn changed_at(self, changed: Timestamp) -> Self {
        Self { changed, ..self }
    }

    /// An organisation that has never written.
    pub(crate) fn empty(org: &str, pollers: &[Protected]) -> Self {
        let stored = Ruleset { org: org.to_owned(), ..Ruleset::default() };
        let never = Timestamp::UNIX_EPOCH;
        Self::of(stored, never, Release::default(), pollers)
    }

    /// The next moment at which something ends.
    pub(crate) fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let past = self.expiries.partition_point(|&expiry| expiry <= now);
        self.expiries.get(past).copied()
    }

    /// The last moment at which something ended.
    pub(crate) fn last_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let past = self.expiries.partition_point(|&expiry| expiry <= now);
        past.checked_sub(1).map(|at| self.expiries[at])
    }
}

/// A rulebook that readers share.
pub(crate) type Shared = Arc<Rulebook>;
