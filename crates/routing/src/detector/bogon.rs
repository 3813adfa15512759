//! Space and AS numbers that nobody may announce.

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
    /// Ascending, none inside another.
    unallocated: Vec<Prefix>,
    /// Of these, space that somebody held within the last year.
    administrative: Vec<Prefix>,
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
            unallocated: outermost(unallocated),
            administrative: outermost(administrative),
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

    fn of(&self, prefix: Prefix) -> Option<Bogon> {
        if !is_global(prefix) {
            return None;
        }
        if self.special.is_bogon_route(prefix) {
            return Some(Bogon::Special);
        }
        if !covered(&self.unallocated, prefix) {
            return None;
        }
        match covered(&self.administrative, prefix) {
            true => Some(Bogon::Administrative),
            false => Some(Bogon::Unallocated),
        }
    }
}

fn outermost(mut prefixes: Vec<Prefix>) -> Vec<Prefix> {
    prefixes.sort_unstable();
    // A covering prefix sorts before what it covers.
    prefixes.dedup_by(|next, kept| kept.covers(*next));
    prefixes
}

fn covered(outermost: &[Prefix], prefix: Prefix) -> bool {
    let after = outermost.partition_point(|p| *p <= prefix);
    let before = after.checked_sub(1).map(|at| outermost[at]);
    before.is_some_and(|p| p.covers(prefix))
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
        let prefix = || scene.bogons.of(scene.table.prefix(t.prefix));
        self.prefixes.get(t.prefix.index(), prefix)?;
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
                self.cases_of(&episode).add(
                    asn,
                    Subtype::Prefix,
                    &[],
                    &episode,
                );
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
            let counts = self.counts(&episode);
            let cases = if counts { &mut counted } else { &mut shown };
            cases.add(asn, Subtype::Prefix, &[], &episode);
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
