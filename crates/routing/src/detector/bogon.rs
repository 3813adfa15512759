//! Space and AS numbers that nobody may announce.
//!
//! What registries have not given to anybody changes every day, and their files
//! are hours older than the first announcement of what they gave. So that space
//! is not unallocated for which somebody has a ROA, or which another registry
//! says it gave; and what was given meanwhile is told no more.

use asgard_model::{
    Asn, IncidentKind, Prefix, Subtype, as_path::SegmentKind,
    special_purpose::SpecialPurpose,
};

use crate::{
    path::{PathId, PathView},
    table::{PrefixId, Transition},
};

use super::{
    Detector, Findings, Scene,
    blocks::Blocks,
    cases::Cases,
    is_global,
    remembered::Remembered,
    watch::{Episode, Watch, Witness},
};

/// Seconds that a bogon must last: what is quickly corrected is no habit.
const LASTING: u32 = 3_600;

/// Why nobody may announce a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bogon {
    /// By a registry of IANA.
    Special,
    /// No registry has given it to anybody.
    Unallocated,
    /// It was given to somebody within the last year: shown, not counted.
    Administrative,
}

/// What nobody may announce.
#[derive(Clone, Debug, Default)]
pub struct Bogons {
    special: SpecialPurpose,
    unallocated: Blocks,
    /// Of these, space that somebody held within the last year.
    administrative: Blocks,
    stand_ins: bool,
}

impl Bogons {
    /// Special-purpose space; space that registries called "available" or
    /// "reserved" on two consecutive days; and which of it somebody held within
    /// the last year.
    pub fn new(
        special: SpecialPurpose,
        unallocated: Vec<Prefix>,
        administrative: Vec<Prefix>,
    ) -> Self {
        Self {
            special,
            unallocated: Blocks::new(unallocated),
            administrative: Blocks::new(administrative),
            stand_ins: false,
        }
    }

    /// In an invented world, reserved numbers stand in for ordinary ones.
    #[must_use]
    pub fn with_stand_ins(self) -> Self {
        Self { stand_ins: true, ..self }
    }

    /// Whether nobody may use an AS number.
    pub(super) fn is_reserved(&self, asn: Asn) -> bool {
        !self.stand_ins && asn.is_reserved()
    }

    /// The same without what registries say: when they cannot be right.
    #[must_use]
    pub fn without_registries(&self) -> Self {
        let (special, stand_ins) = (self.special.clone(), self.stand_ins);
        Self { special, stand_ins, ..Self::default() }
    }

    /// Whether registries say that nobody holds any of a prefix that others
    /// would accept.
    pub fn is_unallocated(&self, prefix: Prefix) -> bool {
        is_global(prefix) && self.unallocated.cover(prefix)
    }

    fn of(&self, prefix: Prefix) -> Option<Bogon> {
        if !is_global(prefix) {
            return None;
        }
        if self.special.is_bogon_route(prefix) {
            return Some(Bogon::Special);
        }
        if !self.unallocated.cover(prefix) {
            return None;
        }
        match self.administrative.touch(prefix) {
            true => Some(Bogon::Administrative),
            false => Some(Bogon::Unallocated),
        }
    }
}

/// Why nobody may announce a prefix, if nothing shows that somebody holds it: a
/// ROA, for which its registry had to certify the space (AS0 says that nobody
/// may announce it), or another registry that gave it.
fn bogon(scene: &Scene<'_>, prefix: Prefix) -> Option<Bogon> {
    let bogon = scene.bogons.of(prefix)?;
    let is_held = || {
        let mut vrps = scene.rpki.vrps.covering(prefix);
        vrps.any(|vrp| vrp.asn != Asn(0)) || (scene.rir)(prefix).is_some()
    };
    (bogon == Bogon::Special || !is_held()).then_some(bogon)
}

/// A network, and the reserved number next to it.
type Neighbour = (Asn, Asn);

/// Watches for bogons.
#[derive(Clone, Debug)]
pub(super) struct BogonRoutes {
    prefixes: Remembered<Bogon>,
    paths: Remembered<Box<[Neighbour]>>,
    space: Watch<(Asn, PrefixId)>,
    numbers: Watch<(Asn, PrefixId)>,
    /// Those that count, and those that are only shown.
    counted: Cases,
    shown: Cases,
}

impl Default for BogonRoutes {
    fn default() -> Self {
        Self {
            prefixes: Remembered::default(),
            paths: Remembered::default(),
            space: Watch::lasting(LASTING),
            numbers: Watch::lasting(LASTING),
            counted: Cases::new(IncidentKind::Bogon),
            shown: Cases::new(IncidentKind::Bogon),
        }
    }
}

impl BogonRoutes {
    /// Who announces bogon space by a path.
    fn announcer(
        &mut self,
        scene: &Scene<'_>,
        t: &Transition<'_>,
        path: PathId,
    ) -> Option<Asn> {
        let why = || bogon(scene, scene.table.prefix(t.prefix));
        self.prefixes.get(t.prefix.index(), why)?;
        let path = scene.table.path(path);
        let origin = path.origin()?;
        match scene.bogons.is_reserved(origin) {
            false => Some(origin),
            true => neighbours(path, scene.bogons).last().map(|n| n.0),
        }
    }

    fn neighbours(&mut self, scene: &Scene<'_>, path: PathId) -> Vec<Asn> {
        let work_out = || {
            let all = neighbours(scene.table.path(path), scene.bogons);
            (!all.is_empty()).then(|| all.into_boxed_slice())
        };
        let all = self.paths.get(path.index(), work_out);
        all.map_or_else(Vec::new, |all| all.iter().map(|n| n.0).collect())
    }

    fn show(&mut self, scene: &Scene<'_>, t: &Transition<'_>, path: PathId) {
        let k = scene.threshold(scene.table.prefix(t.prefix));
        let witness = Witness::of(t, path);
        if let Some(asn) = self.announcer(scene, t, path) {
            self.space.show((asn, t.prefix), k, witness);
        }
        for asn in self.neighbours(scene, path) {
            self.numbers.show((asn, t.prefix), k, witness);
        }
    }

    fn hide(&mut self, scene: &Scene<'_>, t: &Transition<'_>, path: PathId) {
        let k = scene.threshold(scene.table.prefix(t.prefix));
        if let Some(asn) = self.announcer(scene, t, path) {
            let ended = self.space.hide((asn, t.prefix), k, t.at);
            if let Some(episode) = ended {
                let subtype = self.subtype(&episode);
                self.cases_of(&episode).add(asn, subtype, &[], &episode);
            }
        }
        for asn in self.neighbours(scene, path) {
            let ended = self.numbers.hide((asn, t.prefix), k, t.at);
            if let Some(episode) = ended {
                let others = self.numbers_of(&episode);
                self.counted.add(asn, Subtype::Asn, &others, &episode);
            }
        }
    }

    fn counts(&self, episode: &Episode<(Asn, PrefixId)>) -> bool {
        let bogon = self.prefixes.known(episode.key.1.index());
        bogon != Some(&Bogon::Administrative)
    }

    fn subtype(&self, episode: &Episode<(Asn, PrefixId)>) -> Subtype {
        match self.prefixes.known(episode.key.1.index()) {
            Some(Bogon::Unallocated | Bogon::Administrative) => {
                Subtype::Unallocated
            }
            _ => Subtype::Prefix,
        }
    }

    fn cases_of(&mut self, episode: &Episode<(Asn, PrefixId)>) -> &mut Cases {
        match self.counts(episode) {
            true => &mut self.counted,
            false => &mut self.shown,
        }
    }

    /// The reserved numbers of an episode.
    fn numbers_of(&self, episode: &Episode<(Asn, PrefixId)>) -> Vec<Asn> {
        let all = self.paths.known(episode.witness.path.index());
        let of = |n: &&Neighbour| n.0 == episode.key.0;
        all.map_or_else(Vec::new, |all| {
            all.iter().filter(of).map(|n| n.1).collect()
        })
    }
}

impl Detector for BogonRoutes {
    fn transition(&mut self, scene: &Scene<'_>, t: &Transition<'_>) {
        if t.before == t.after || !is_global(scene.table.prefix(t.prefix)) {
            return;
        }
        if let Some(path) = t.after {
            self.show(scene, t, path);
        }
        if let Some(path) = t.before {
            self.hide(scene, t, path);
        }
    }

    fn finish(&self, scene: &Scene<'_>, now: u32, out: &mut Findings) {
        let mut counted = self.counted.clone();
        let mut shown = self.shown.clone();
        for episode in self.space.open(now) {
            let asn = episode.key.0;
            // Registries may have given it since it was first seen.
            if bogon(scene, scene.table.prefix(episode.key.1)).is_none() {
                continue;
            }
            let counts = self.counts(&episode);
            let cases = if counts { &mut counted } else { &mut shown };
            cases.add(asn, self.subtype(&episode), &[], &episode);
            out.of(asn).bogon_ads |= counts;
        }
        for episode in self.numbers.open(now) {
            let asn = episode.key.0;
            let others = self.numbers_of(&episode);
            counted.add(asn, Subtype::Asn, &others, &episode);
            out.of(asn).bogon_ads = true;
        }
        out.incidents.extend(counted.incidents(scene.table, now, |_| 1.0));
        out.incidents.extend(shown.incidents(scene.table, now, |_| 0.0));
    }
}

/// Networks that carry a reserved number next to them towards the peer: they
/// could have refused or removed it.
fn neighbours(path: PathView<'_>, bogons: &Bogons) -> Vec<Neighbour> {
    let mut found: Vec<Neighbour> = Vec::new();
    let mut last = None;
    for segment in path.segments() {
        if !matches!(segment.kind, SegmentKind::Sequence | SegmentKind::Set) {
            continue;
        }
        for &asn in segment.asns {
            match (bogons.is_reserved(asn), last) {
                (true, Some(by)) if !found.contains(&(by, asn)) => {
                    found.push((by, asn));
                }
                (false, _) if segment.kind == SegmentKind::Sequence => {
                    last = Some(asn);
                }
                _ => {}
            }
        }
    }
    found
}
