//! Prefixes that change hands, and networks that change providers.
//!
//! A change counts when it has lasted for an hour, once for the network that
//! gains and once for the one that loses. That a network has several providers
//! is no change, nor is one path instead of another.

use asgard_model::Asn;
use rustc_hash::FxHashMap;

use crate::{
    path::{PathId, PathView},
    relationships::Relation,
    table::{Cause, PrefixId, Transition},
};

use super::{Detector, Findings, Scene, is_global, remembered::Remembered};

/// Seconds that a change must last.
const LASTING: u32 = 3_600;
/// Seconds for which changes are counted.
const WINDOW: u32 = 90 * 86_400;
/// Changes remembered; beyond them the oldest are forgotten.
const MOST: usize = 1 << 20;

/// Watches for changes of origins and providers.
#[derive(Clone, Debug, Default)]
pub(super) struct Churn {
    /// By prefix: the origin that most peers see; AS0 for none yet.
    leads: Vec<Asn>,
    moved: FxHashMap<PrefixId, Move>,
    /// By path: its origin and the next one.
    ends: Remembered<(Asn, Asn)>,
    links: FxHashMap<(Asn, Asn), Link>,
    /// Links in use, by origin.
    used: FxHashMap<Asn, u32>,
    /// Changes that lasted: when, of whom.
    origins: Vec<(u32, Asn)>,
    upstreams: Vec<(u32, Asn)>,
}

/// A prefix that has another origin than before.
#[derive(Clone, Copy, Debug)]
struct Move {
    from: Asn,
    to: Asn,
    at: u32,
}

/// A network and the next one on the way to it.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// Routes over it, of all peers.
    routes: u32,
    /// Whether it was in use, as far as that has lasted.
    used: bool,
    /// Since when that is different.
    turned: Option<u32>,
}

impl Churn {
    fn lead(&mut self, scene: &Scene<'_>, t: &Transition<'_>) {
        let k = scene.threshold(scene.table.prefix(t.prefix));
        let spans = scene.table.spans(t.prefix);
        let most = spans
            .filter(|span| span.peers >= k)
            .max_by_key(|span| (span.peers, std::cmp::Reverse(span.origin)));
        // Without an origin the last one stays: it may come back.
        let Some(now) = most.map(|span| span.origin) else { return };
        let index = t.prefix.index();
        if index >= self.leads.len() {
            self.leads.resize(index + 1, Asn(0));
        }
        let before = std::mem::replace(&mut self.leads[index], now);
        if before == now || before == Asn(0) {
            return;
        }
        match self.moved.remove(&t.prefix) {
            Some(old) if t.at.saturating_sub(old.at) > LASTING => {
                note_move(&mut self.origins, old);
            }
            Some(old) if old.from == now => return,
            Some(old) => {
                let back = Move { from: old.from, to: now, at: t.at };
                self.moved.insert(t.prefix, back);
                return;
            }
            None => {}
        }
        let moved = Move { from: before, to: now, at: t.at };
        self.moved.insert(t.prefix, moved);
    }

    /// A route over a link comes (`1`) or goes (`-1`).
    fn link(&mut self, key: (Asn, Asn), by: i32, k: u32, t: &Transition<'_>) {
        let Self { links, used, upstreams, .. } = self;
        let link = links.entry(key).or_default();
        if let Some(at) = link.matured(t.at) {
            link.turn(key.0, at, used, upstreams);
        }
        link.routes = link.routes.saturating_add_signed(by);
        let is_used = link.routes >= k;
        if is_used == link.used {
            link.turned = None;
        } else if t.cause == Cause::Table && is_used {
            link.turned = None;
            link.used = true;
            *used.entry(key.0).or_default() += 1;
        } else if t.cause == Cause::Update {
            link.turned.get_or_insert(t.at);
        }
        if link.routes == 0 && !link.used && link.turned.is_none() {
            links.remove(&key);
        }
    }
}

impl Link {
    /// When it turned, if that has lasted.
    fn matured(&self, now: u32) -> Option<u32> {
        self.turned.filter(|&at| now.saturating_sub(at) > LASTING)
    }

    /// It has turned for good. The first link of a network is no change.
    fn turn(
        &mut self,
        origin: Asn,
        at: u32,
        used: &mut FxHashMap<Asn, u32>,
        upstreams: &mut Vec<(u32, Asn)>,
    ) {
        self.turned = None;
        self.used = !self.used;
        let used = used.entry(origin).or_default();
        let first = self.used && *used == 0;
        *used = used.saturating_add_signed(if self.used { 1 } else { -1 });
        if !first {
            note(upstreams, at, origin);
        }
    }
}

impl Detector for Churn {
    fn transition(&mut self, scene: &Scene<'_>, t: &Transition<'_>) {
        let prefix = scene.table.prefix(t.prefix);
        if t.before == t.after || !is_global(prefix) {
            return;
        }
        let paths = scene.table.paths();
        let origin = |path| paths.origin(path);
        if t.before.and_then(origin) != t.after.and_then(origin) {
            self.lead(scene, t);
        }
        let ends = &mut self.ends;
        let mut last = |path: PathId| {
            let work_out = || last_link(scene, scene.table.path(path));
            ends.get(path.index(), work_out).copied()
        };
        let before = t.before.and_then(&mut last);
        let after = t.after.and_then(last);
        if before == after {
            return;
        }
        let k = u32::from(scene.threshold(prefix));
        if let Some(link) = after {
            self.link(link, 1, k, t);
        }
        if let Some(link) = before {
            self.link(link, -1, k, t);
        }
    }

    fn finish(&self, _: &Scene<'_>, now: u32, out: &mut Findings) {
        let mut origins = self.origins.clone();
        let lasted = self
            .moved
            .values()
            .filter(|moved| now.saturating_sub(moved.at) > LASTING);
        lasted.for_each(|moved| note_move(&mut origins, *moved));
        let mut upstreams = self.upstreams.clone();
        let mut used = self.used.clone();
        let mut late: Vec<(u32, (Asn, Asn))> = Vec::new();
        for (&key, link) in &self.links {
            late.extend(link.matured(now).map(|at| (at, key)));
        }
        // The order of a map is no order.
        late.sort_unstable();
        for (at, key) in late {
            let mut link = self.links[&key];
            link.turn(key.0, at, &mut used, &mut upstreams);
        }
        let kept = now.saturating_sub(WINDOW);
        for (_, asn) in origins.iter().filter(|change| change.0 >= kept) {
            out.of(*asn).origin_changes += 1;
        }
        for (_, asn) in upstreams.iter().filter(|change| change.0 >= kept) {
            out.of(*asn).upstream_changes += 1;
        }
    }
}

/// The origin of a path and its neighbour, which may be its provider.
fn last_link(scene: &Scene<'_>, path: PathView<'_>) -> Option<(Asn, Asn)> {
    let origin = path.origin()?;
    let mut back = path.asns().iter().rev();
    let next = *back.find(|asn| **asn != origin)?;
    let known = scene.relations.between(origin, next);
    let provider = known.is_none_or(|k| k.0 == Relation::Provider);
    provider.then_some((origin, next))
}

/// A prefix has moved for good: a change for both networks.
fn note_move(changes: &mut Vec<(u32, Asn)>, moved: Move) {
    note(changes, moved.at, moved.from);
    note(changes, moved.at, moved.to);
}

fn note(changes: &mut Vec<(u32, Asn)>, at: u32, asn: Asn) {
    if changes.len() >= MOST {
        changes.sort_unstable();
        changes.drain(..MOST / 2);
    }
    changes.push((at, asn));
}
