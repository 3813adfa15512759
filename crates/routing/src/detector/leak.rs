//! Route leaks (RFC 7908): by relationships, by marks (RFC 9234), by ASPA.

use asgard_model::{Asn, IncidentKind};
use rustc_hash::FxHashMap;

use crate::{
    path::PathId,
    table::{PrefixId, Table, Transition},
};

use super::{
    Detector, Findings, Scene, aspa,
    cases::Cases,
    otc,
    remembered::Remembered,
    valley::{self, Customers, Leak},
    watch::{Episode, Watch, Witness},
};

/// Seconds that a leak must last.
pub(super) const LASTING: u32 = 300;
/// Seconds after which a way that leaks no longer is an accident: the two
/// networks have agreed on more than one relationship ("hybrid").
const STABLE: u32 = 30 * 86_400;

/// Seconds after which a way that is gone counts as new: sessions are reset, and
/// lines are cut for a while.
const ABSENT: u32 = 86_400;
/// Ways remembered; beyond them those that are gone are forgotten.
const MOST_WAYS: usize = 1 << 18;

/// Watches for leaks.
#[derive(Clone, Debug)]
pub(super) struct Leaks {
    marks: otc::Marks,
    /// Once relationships are known.
    customers: Option<Customers>,
    paths: Remembered<Fault>,
    watch: Watch<(Asn, PrefixId)>,
    /// Those of them that ASPA excludes.
    excluded: Watch<(Asn, PrefixId)>,
    ways: FxHashMap<Way, Shown>,
    cases: Cases,
}

/// What is wrong with a path.
#[derive(Clone, Debug)]
struct Fault {
    /// At most one of each leaker; what relationships say goes before marks,
    /// and marks before ASPA.
    leaks: Box<[Leak]>,
    /// Who is at fault that ASPA excludes it.
    excluded: Option<Asn>,
}

/// From whom, by whom, to whom.
type Way = (Asn, Asn, Asn);

#[derive(Clone, Copy, Debug)]
struct Shown {
    routes: u32,
    since: u32,
    /// When the last route was gone, if there is none.
    gone: u32,
}

impl Default for Leaks {
    fn default() -> Self {
        Self {
            marks: otc::Marks::default(),
            customers: None,
            paths: Remembered::default(),
            watch: Watch::lasting(LASTING),
            excluded: Watch::lasting(LASTING),
            ways: FxHashMap::default(),
            cases: Cases::new(IncidentKind::Leak),
        }
    }
}

impl Leaks {
    /// Notes what only attributes tell.
    pub(super) fn note(&mut self, table: &Table, t: &Transition<'_>) {
        self.marks.note(table, t);
    }

    fn fault(&mut self, scene: &Scene<'_>, path: PathId) -> Option<Fault> {
        let customers = self
            .customers
            .get_or_insert_with(|| Customers::of(scene.relations));
        let marks = &self.marks;
        let work_out = || judge(scene, path, marks.of(path), customers);
        self.paths.get(path.index(), work_out).cloned()
    }

    fn show(&mut self, scene: &Scene<'_>, t: &Transition<'_>, path: PathId) {
        if self.ways.len() > MOST_WAYS {
            self.ways.retain(|_, shown| shown.routes > 0);
        }
        let Some(fault) = self.fault(scene, path) else { return };
        let k = scene.threshold(scene.table.prefix(t.prefix));
        let witness = Witness::of(t, path);
        for leak in &fault.leaks {
            let new = Shown { routes: 0, since: t.since, gone: t.at };
            let shown = self.ways.entry(way(leak)).or_insert(new);
            if shown.routes == 0 && t.at.saturating_sub(shown.gone) > ABSENT {
                *shown = new;
            }
            shown.routes += 1;
            shown.since = shown.since.min(t.since);
            self.watch.show((leak.by, t.prefix), k, witness);
        }
        if let Some(by) = fault.excluded {
            self.excluded.show((by, t.prefix), k, witness);
        }
    }

    fn hide(&mut self, scene: &Scene<'_>, t: &Transition<'_>, path: PathId) {
        let Some(fault) = self.fault(scene, path) else { return };
        let k = scene.threshold(scene.table.prefix(t.prefix));
        for leak in &fault.leaks {
            let ended = self.watch.hide((leak.by, t.prefix), k, t.at);
            if let Some(episode) = ended {
                self.close(&episode, t.at);
            }
            if let Some(shown) = self.ways.get_mut(&way(leak)) {
                shown.routes -= 1;
                shown.gone = t.at;
            }
        }
        if let Some(by) = fault.excluded {
            self.excluded.hide((by, t.prefix), k, t.at);
        }
    }

    fn close(&mut self, episode: &Episode<(Asn, PrefixId)>, now: u32) {
        if let Some(leak) = self.accident(episode, now) {
            let others = [leak.from, leak.to];
            self.cases.add(leak.by, leak.subtype, &others, episode);
        }
    }

    /// The leak of an episode, unless its way is there to stay.
    fn accident(
        &self,
        episode: &Episode<(Asn, PrefixId)>,
        now: u32,
    ) -> Option<Leak> {
        let fault = self.paths.known(episode.witness.path.index())?;
        let leak = fault.leaks.iter().find(|l| l.by == episode.key.0)?;
        let since = self.ways.get(&way(leak)).map(|shown| shown.since);
        let stable =
            since.is_some_and(|since| now.saturating_sub(since) > STABLE);
        (!stable).then_some(*leak)
    }
}

impl Detector for Leaks {
    fn transition(&mut self, scene: &Scene<'_>, t: &Transition<'_>) {
        self.note(scene.table, t);
        if t.before == t.after {
            return;
        }
        // The new first: what both show goes on.
        if let Some(path) = t.after {
            self.show(scene, t, path);
        }
        if let Some(path) = t.before {
            self.hide(scene, t, path);
        }
    }

    fn finish(&self, scene: &Scene<'_>, now: u32, out: &mut Findings) {
        let mut cases = self.cases.clone();
        for episode in self.watch.open(now) {
            if let Some(leak) = self.accident(&episode, now) {
                let others = [leak.from, leak.to];
                cases.add(leak.by, leak.subtype, &others, &episode);
            }
        }
        for incident in cases.incidents(scene.table, now, weight) {
            out.of(incident.asn).route_leak_weight +=
                incident.weight_at(now, scene.half_life_days);
            out.incidents.push(incident);
        }
        for episode in self.excluded.open(now) {
            out.of(episode.key.0).aspa_invalid_routes += 1;
        }
    }
}

fn way(leak: &Leak) -> Way {
    (leak.from, leak.by, leak.to)
}

fn judge(
    scene: &Scene<'_>,
    path: PathId,
    mark: Option<Asn>,
    customers: &Customers,
) -> Option<Fault> {
    let relations = scene.relations;
    let hops = valley::hops(scene.table.path(path), relations)?;
    let mut leaks = valley::leaks(&hops, relations, customers);
    leaks.extend(mark.and_then(|mark| otc::leak(&hops, mark, relations)));
    let mut excluded = None;
    let verdict = aspa::verify(&hops, &scene.rpki.aspas, relations);
    if let aspa::Verdict::Invalid(Some(leak)) = verdict {
        excluded = Some(leak.by);
        leaks.push(leak);
    }
    let mut seen: Vec<Asn> = Vec::new();
    leaks.retain(|leak| {
        let new = !seen.contains(&leak.by);
        seen.push(leak.by);
        new
    });
    (!leaks.is_empty())
        .then(|| Fault { leaks: leaks.into_boxed_slice(), excluded })
}

/// After the MANRS Observatory: an incident below half an hour counts half, one
/// of less than a day once, and once more for each further day.
pub(super) fn weight(seconds: u32) -> f64 {
    match seconds {
        0..1_800 => 0.5,
        _ => 1.0 + f64::from(seconds / 86_400),
    }
}
