//! What the data say now, what they said when they were last good, and which of
//! the two a selector gets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use asgard_model::Prefix;
use jiff::{SignedDuration, Timestamp};

use super::{
    Expand, LastGood, Piece, Remembered,
    resolve::{Resolution, resolve},
};
use crate::{
    AddressSet,
    access::{Facts, GuardLimits, Ruleset, Selector},
    feed::guard::{
        GuardReport, Verdict,
        drift::{self, Volume},
    },
};

/// All derived selectors of a ruleset, resolved.
pub(super) struct Recall {
    serial: u64,
    pub(super) selectors: BTreeMap<Selector, Resolved>,
    /// Reports about selectors that resolve to nothing.
    pub(super) reports: Vec<GuardReport>,
    released: u64,
}

/// One selector on the present data and on the last good ones.
pub(super) struct Resolved {
    /// What the present data say; of before, if they say nothing at all.
    now: Arc<[Piece]>,
    seen_at: Timestamp,
    before: Option<Remembered>,
    pub(super) too_short: Vec<Prefix>,
    /// The present data say nothing, and the last set stands in for them.
    gone: bool,
}

impl Recall {
    pub(super) fn resolve(
        ruleset: &Ruleset,
        facts: &Facts<'_>,
        last_good: &LastGood,
        now: Timestamp,
    ) -> Self {
        let selectors: BTreeSet<Selector> = ruleset
            .in_force(now)
            .flat_map(|rule| rule.block.selectors())
            .filter(|selector| !matches!(selector, Selector::Ip(_)))
            .collect();
        let mut recall = Self {
            serial: facts.snapshot.serial,
            selectors: BTreeMap::new(),
            reports: Vec::new(),
            released: last_good.released,
        };
        for selector in selectors {
            let before = last_good.selectors.get(&selector.to_string());
            let resolved = recall.one(&selector, facts, before, now);
            recall.selectors.insert(selector, resolved);
        }
        recall
    }

    fn one(
        &mut self,
        selector: &Selector,
        facts: &Facts<'_>,
        before: Option<&Remembered>,
        now: Timestamp,
    ) -> Resolved {
        let known = before.filter(|b| b.serial == self.serial);
        let Resolution { pieces, too_short } = match known {
            // The same data say the same about what is dear to ask.
            Some(b) if matches!(selector, Selector::Country(_)) => {
                let pieces = b.pieces.to_vec();
                Resolution { pieces, too_short: Vec::new() }
            }
            _ => resolve(selector, facts, Expand::Effective, now),
        };
        let empty = pieces.iter().all(|piece| piece.prefixes.is_empty());
        let mut resolved = Resolved {
            now: pieces.into(),
            seen_at: now,
            before: before.cloned(),
            too_short,
            gone: false,
        };
        if empty {
            self.stand_in(selector, &mut resolved, facts, now);
        }
        resolved
    }

    /// A selector that had prefixes and has none keeps them for some days.
    fn stand_in(
        &mut self,
        selector: &Selector,
        resolved: &mut Resolved,
        facts: &Facts<'_>,
        now: Timestamp,
    ) {
        let Some(before) = &resolved.before else { return };
        let count: usize = count(&before.pieces);
        let released = self.serial <= self.released;
        if count == 0 || released || cleared(selector, facts) {
            return;
        }
        let age = now.duration_since(before.seen_at);
        let days = facts.settings.limits.memory_days;
        let fresh = age < SignedDuration::from_hours(24 * i64::from(days));
        self.reports.push(GuardReport {
            name: "empty",
            subject: selector.to_string(),
            verdict: if fresh { Verdict::Hold } else { Verdict::Warn },
            value: age.as_secs_f64() / 86_400.0,
            limit: f64::from(days),
        });
        if fresh {
            resolved.now = Arc::clone(&before.pieces);
            resolved.seen_at = before.seen_at;
            resolved.gone = true;
        }
    }

    /// Compares the volume of the feed on both sets of data: what both know,
    /// beside the explicit entries, without what is protected.
    pub(super) fn drift(
        &self,
        explicit: &AddressSet,
        shield: &AddressSet,
        limits: &GuardLimits,
    ) -> Vec<GuardReport> {
        let both: Vec<(&Resolved, &Remembered)> = self
            .selectors
            .values()
            .filter_map(|r| Some((r, r.before.as_ref()?)))
            .collect();
        if both.iter().all(|(_, before)| !self.is_old(before)) {
            return Vec::new();
        }
        let side = |pieces: &mut dyn Iterator<Item = &Piece>| {
            let derived: Vec<Prefix> =
                pieces.flat_map(|p| p.prefixes.iter().copied()).collect();
            let v4 = derived.iter().filter(|prefix| prefix.is_v4()).count();
            let space = AddressSet::from_prefixes(derived.iter().copied());
            Side {
                entries_v4: v4 + explicit.v4().len(),
                entries_v6: derived.len() - v4 + explicit.v6().len(),
                space: space.subtract(shield).union(explicit),
            }
        };
        let before = side(&mut both.iter().flat_map(|(_, b)| b.pieces.iter()));
        let after = side(&mut both.iter().flat_map(|(r, b)| {
            if self.is_old(b) { r.now.iter() } else { b.pieces.iter() }
        }));
        reports(&before, &after, limits)
    }

    /// Whether the present data have yet to prove themselves against these.
    fn is_old(&self, before: &Remembered) -> bool {
        before.serial != self.serial && self.serial > self.released
    }

    /// Selectors whose present data can be held back.
    pub(super) fn holdable(&self) -> BTreeSet<Selector> {
        let old = |r: &&Resolved| {
            r.before.as_ref().is_some_and(|b| {
                b.serial != self.serial && count(&b.pieces) > 0
            })
        };
        let held = self.selectors.iter().filter(|(_, r)| old(r));
        held.map(|(selector, _)| selector.clone()).collect()
    }

    /// The pieces of a selector: of the last good data if it is held.
    pub(super) fn pieces(
        &self,
        selector: &Selector,
        held: &BTreeSet<Selector>,
    ) -> &Arc<[Piece]> {
        let resolved = &self.selectors[selector];
        match &resolved.before {
            Some(before) if held.contains(selector) => &before.pieces,
            _ => &resolved.now,
        }
    }

    /// Whether the pieces of a selector are those of the present data.
    pub(super) fn is_present(
        &self,
        selector: &Selector,
        held: &BTreeSet<Selector>,
    ) -> bool {
        !held.contains(selector) && !self.selectors[selector].gone
    }

    /// What to remember: the present data, but of what is held the last good
    /// ones.
    pub(super) fn remember(self, held: &BTreeSet<Selector>) -> LastGood {
        let selectors = self.selectors.into_iter().map(|(selector, r)| {
            let name = selector.to_string();
            match r.before {
                Some(before) if held.contains(&selector) || r.gone => {
                    (name, before)
                }
                _ => {
                    let serial = self.serial;
                    let (seen_at, pieces) = (r.seen_at, r.now);
                    (name, Remembered { serial, seen_at, pieces })
                }
            }
        });
        let selectors = selectors.collect();
        LastGood { selectors, released: self.released }
    }
}

/// Whether a selector has nothing because somebody decided so: a network was
/// whitelisted, a list may not be passed on any more.
fn cleared(selector: &Selector, facts: &Facts<'_>) -> bool {
    match selector {
        Selector::List(name) => facts.settings.withheld_lists.contains(name),
        _ => false,
    }
}

fn count(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| piece.prefixes.len()).sum()
}

/// The feed on one set of data.
struct Side {
    entries_v4: usize,
    entries_v6: usize,
    space: AddressSet,
}

fn reports(
    before: &Side,
    after: &Side,
    limits: &GuardLimits,
) -> Vec<GuardReport> {
    #[expect(clippy::cast_precision_loss, reason = "at most 2³²: exact")]
    let v4 = |side: &Side| Volume {
        entries: side.entries_v4,
        addresses: side.space.addresses_v4() as f64,
    };
    let v6 = |side: &Side| Volume {
        entries: side.entries_v6,
        addresses: side.space.addresses_v6(),
    };
    let v4 = drift::of_family("v4", v4(before), v4(after), limits);
    let v6 = drift::of_family("v6", v6(before), v6(after), limits);
    v4.into_iter().chain(v6).collect()
}
