//! The ruleset while events are worked on: what was there, what each event
//! left, and what is to be written in the end.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use asgard_model::Prefix;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::{
    AddressSet,
    access::{
        Change, Facts, MadeBy, Protected, ProtectedSource, Rule, Ruleset,
        Selector, Target, check::space_of,
    },
    feed::{compile::AllowMode, guard::shield::Shield},
};

/// The ruleset while events are worked on.
pub(super) struct Desk<'a> {
    ruleset: &'a Ruleset,
    pub(super) facts: &'a Facts<'a>,
    pub(super) now: Timestamp,
    ids: &'a mut dyn FnMut() -> Uuid,
    /// Everything that protects but exceptions of signals, which come and go.
    pub(super) shield: Shield,
    put_rules: BTreeMap<Uuid, Rule>,
    removed_rules: BTreeSet<Uuid>,
    put_protected: BTreeMap<Uuid, Protected>,
    removed_protected: BTreeSet<Uuid>,
    /// Rules that a signal made, by what they select.
    made: FxHashMap<Selector, Vec<Uuid>>,
    /// Space of selectors that are dear to resolve; no event changes it.
    spaces: RefCell<BTreeMap<Selector, AddressSet>>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        ruleset: &'a Ruleset,
        facts: &'a Facts<'a>,
        ids: &'a mut dyn FnMut() -> Uuid,
        now: Timestamp,
    ) -> Self {
        let lasting = Ruleset {
            org: String::new(),
            version: 0,
            rules: Vec::new(),
            protected: ruleset
                .protected
                .iter()
                .filter(|entry| entry.source != ProtectedSource::Unblock)
                .cloned()
                .collect(),
        };
        let mut made: FxHashMap<Selector, Vec<Uuid>> = FxHashMap::default();
        for rule in &ruleset.rules {
            if let Some(selector) = signalled(rule) {
                made.entry(selector).or_default().push(rule.id);
            }
        }
        Self {
            ruleset,
            facts,
            now,
            ids,
            shield: Shield::new(&lasting, facts, AllowMode::Ignore, now),
            put_rules: BTreeMap::new(),
            removed_rules: BTreeSet::new(),
            put_protected: BTreeMap::new(),
            removed_protected: BTreeSet::new(),
            made,
            spaces: RefCell::default(),
        }
    }

    pub(super) fn id(&mut self) -> Uuid {
        (self.ids)()
    }

    /// All rules as they are now.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        let old = self.ruleset.rules.iter().filter(|rule| {
            !self.removed_rules.contains(&rule.id)
                && !self.put_rules.contains_key(&rule.id)
        });
        old.chain(self.put_rules.values())
    }

    pub(super) fn rule_count(&self) -> usize {
        self.rules().count()
    }

    /// Rules that a signal made and that select exactly this.
    pub(super) fn made(&self, selector: &Selector) -> Vec<Rule> {
        let ids = self.made.get(selector).map_or(&[] as &[Uuid], |ids| ids);
        let find = |id: &Uuid| {
            let new = self.put_rules.get(id);
            new.or_else(|| self.ruleset.rule(*id)).cloned()
        };
        ids.iter().filter_map(find).collect()
    }

    pub(super) fn put_rule(&mut self, rule: Rule) {
        self.removed_rules.remove(&rule.id);
        if let Some(selector) = signalled(&rule) {
            let ids = self.made.entry(selector).or_default();
            if !ids.contains(&rule.id) {
                ids.push(rule.id);
            }
        }
        self.put_rules.insert(rule.id, rule);
    }

    pub(super) fn remove_rule(&mut self, rule: &Rule) {
        self.put_rules.remove(&rule.id);
        if self.ruleset.rule(rule.id).is_some() {
            self.removed_rules.insert(rule.id);
        }
        if let Some(selector) = signalled(rule)
            && let Some(ids) = self.made.get_mut(&selector)
        {
            ids.retain(|id| *id != rule.id);
        }
    }

    /// Exceptions that signals made and that stand.
    pub(super) fn exceptions(&self) -> Vec<(Prefix, Protected)> {
        let old = self.ruleset.protected.iter().filter(|entry| {
            !self.removed_protected.contains(&entry.id)
                && !self.put_protected.contains_key(&entry.id)
        });
        old.chain(self.put_protected.values())
            .filter(|entry| entry.source == ProtectedSource::Unblock)
            .filter(|entry| entry.is_in_force(self.now))
            .filter_map(|entry| match entry.target {
                Target::Ip(prefix) => Some((prefix, entry.clone())),
                Target::Asn(_) | Target::Country(_) => None,
            })
            .collect()
    }

    pub(super) fn put_protected(&mut self, entry: Protected) {
        self.removed_protected.remove(&entry.id);
        self.put_protected.insert(entry.id, entry);
    }

    pub(super) fn remove_protected(&mut self, entry: &Protected) {
        self.put_protected.remove(&entry.id);
        let mut old = self.ruleset.protected.iter();
        if old.any(|known| known.id == entry.id) {
            self.removed_protected.insert(entry.id);
        }
    }

    /// Rules in force that select any address of a prefix.
    pub(super) fn blocking(
        &self,
        prefix: Prefix,
    ) -> impl Iterator<Item = &Rule> {
        self.rules().filter(move |rule| {
            rule.is_in_force(self.now)
                && rule.block.selectors().any(|s| self.meets(&s, prefix))
        })
    }

    fn meets(&self, selector: &Selector, prefix: Prefix) -> bool {
        match selector {
            Selector::Ip(own) => own.covers(prefix) || prefix.covers(*own),
            Selector::Asn(asn) => self.facts.atlas.asn(*asn).overlaps(prefix),
            Selector::Country(code) => {
                self.facts.atlas.country(*code).overlaps(prefix)
            }
            Selector::Risk(_) | Selector::List(_) => {
                let resolve = || space_of(selector, self.facts, self.now);
                let mut spaces = self.spaces.borrow_mut();
                let space =
                    spaces.entry(selector.clone()).or_insert_with(resolve);
                space.overlaps(prefix)
            }
        }
    }

    /// What is to be written.
    pub(super) fn change(self) -> Change {
        Change {
            put_rules: self.put_rules.into_values().collect(),
            remove_rules: self.removed_rules.into_iter().collect(),
            put_protected: self.put_protected.into_values().collect(),
            remove_protected: self.removed_protected.into_iter().collect(),
        }
    }
}

/// The one selector of a rule that a signal made.
fn signalled(rule: &Rule) -> Option<Selector> {
    (rule.made_by == MadeBy::Signal).then(|| rule.block.sole())?
}
