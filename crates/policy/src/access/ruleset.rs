//! All rules and protected entries of one organisation at one version, and
//! what a write does to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Protected, Rule};

/// Most rules of an organisation.
pub const MAX_RULES: usize = 100_000;
/// Most protected entries of an organisation.
pub const MAX_PROTECTED: usize = 20_000;

/// All rules and protected entries of one organisation at one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ruleset {
    /// The organisation; empty for lists that belong to nobody.
    pub org: String,
    /// Grows by one with every write.
    pub version: u64,
    /// By id.
    pub rules: Vec<Rule>,
    /// Entries that are kept; what is built in, whitelisted or derived from
    /// pollers may be among them or come from [`super::Settings`].
    pub protected: Vec<Protected>,
}

/// What a write does to a ruleset, at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Rules that are new, or take the place of one with their id.
    pub put_rules: Vec<Rule>,
    /// Rules that go.
    pub remove_rules: Vec<Uuid>,
    /// Protected entries that are new, or take the place of one.
    pub put_protected: Vec<Protected>,
    /// Protected entries that go.
    pub remove_protected: Vec<Uuid>,
}

impl Change {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.put_rules.is_empty()
            && self.remove_rules.is_empty()
            && self.put_protected.is_empty()
            && self.remove_protected.is_empty()
    }
}

impl Ruleset {
    /// The rule with an id.
    pub fn rule(&self, id: Uuid) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Rules that select something at a moment.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.is_in_force(now))
    }

    /// The ruleset after a write, with the next version.
    #[must_use]
    pub fn with(&self, change: &Change) -> Self {
        let rules = merged(
            &self.rules,
            |rule| rule.id,
            &change.put_rules,
            &change.remove_rules,
        );
        let protected = merged(
            &self.protected,
            |entry| entry.id,
            &change.put_protected,
            &change.remove_protected,
        );
        let org = self.org.clone();
        Self { org, version: self.version + 1, rules, protected }
    }

    /// The next moment after `now` at which a rule or a protected entry ends.
    pub fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let rules = self.rules.iter().filter(|rule| rule.is_active);
        let rules = rules.filter_map(|rule| rule.expires_at);
        let protected = self.protected.iter().filter_map(|p| p.expires_at);
        rules.chain(protected).filter(|&expiry| expiry > now).min()
    }
}

/// Things by id, without those that go, with those that come.
fn merged<T: Clone>(
    old: &[T],
    id: impl Fn(&T) -> Uuid,
    put: &[T],
    remove: &[Uuid],
) -> Vec<T> {
    let mut all: BTreeMap<Uuid, &T> =
        old.iter().map(|thing| (id(thing), thing)).collect();
    for gone in remove {
        all.remove(gone);
    }
    all.extend(put.iter().map(|thing| (id(thing), thing)));
    all.into_values().cloned().collect()
}
