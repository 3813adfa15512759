//! Space that somebody else announces: hijacks and unexplained multiple
//! origins, by who was there first, origin validation and relationships.
//!
//! | what the newcomer does | RPKI Invalid | RPKI `NotFound` |
//! |---|---|---|
//! | announces exactly another's prefix | hijack | hijack up to two days, then multiple origins |
//! | announces a part of it | hijack | hijack up to two days, then leased space |
//!
//! Nobody is accused who holds a valid ROA, who announces more of the same
//! space (traffic engineering, a ROA that is too short), who is of the same
//! organisation or the other's provider or customer, whose route the other
//! carries, or who does this by trade (mitigation, anycast). What RPKI does not
//! judge and has stood for thirty days is an arrangement.

use asgard_model::{Asn, IncidentKind, Prefix, RpkiState, Subtype};
use rustc_hash::FxHashMap;

use crate::table::{Cause, PrefixId, Span, Transition};

use super::{
    Detector, Findings, Scene,
    cases::Cases,
    is_global,
    watch::{Episode, Witness},
};

/// Seconds that a conflict must last.
const LASTING: u32 = 300;
/// Seconds by which the other must have been there first.
const EARLIER: u32 = 3_600;
/// Seconds after which a conflict that RPKI does not judge is no attack.
const LONGEST: u32 = 2 * 86_400;
/// Seconds after which a conflict is an arrangement, unless RPKI says otherwise.
const SETTLED: u32 = 30 * 86_400;
/// The shortest prefixes that are looked for around another.
const SHORTEST: [u8; 2] = [8, 16];

/// Watches for conflicts about space.
#[derive(Clone, Debug)]
pub(super) struct Hijacks {
    open: FxHashMap<(PrefixId, Asn), Conflict>,
    hijacks: Cases,
    moas: Cases,
    /// The last that a dump showed and nothing was wrong with: twenty peers
    /// show it one after the other.
    clear: Option<(PrefixId, Asn)>,
}

#[derive(Clone, Debug)]
struct Conflict {
    since: u32,
    most: u16,
    claim: Claim,
    witness: Witness,
}

/// What speaks against an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    subtype: Subtype,
    invalid: bool,
    /// The others were there clearly earlier.
    late: bool,
    /// When the origin first announced the prefix.
    first: u32,
    victims: Vec<Asn>,
}

impl Default for Hijacks {
    fn default() -> Self {
        Self {
            open: FxHashMap::default(),
            hijacks: Cases::new(IncidentKind::Hijack),
            moas: Cases::new(IncidentKind::Moas),
            clear: None,
        }
    }
}

impl Hijacks {
    fn look(&mut self, scene: &Scene<'_>, t: &Transition<'_>, span: &Span) {
        let prefix = scene.table.prefix(t.prefix);
        let key = (t.prefix, span.origin);
        let seen = span.peers >= scene.threshold(prefix);
        let claim = seen.then(|| self.claim(scene, t.prefix, span)).flatten();
        let Some(claim) = claim else {
            self.end(scene, key, t.at);
            return;
        };
        if let Some(conflict) = self.open.get_mut(&key) {
            conflict.most = conflict.most.max(span.peers);
            return;
        }
        let Some(witness) = witness(scene, t, span.origin) else { return };
        let path = scene.table.path(witness.path).asns();
        if claim.victims.iter().any(|victim| path.contains(victim)) {
            return;
        }
        let since = if t.cause == Cause::Table { t.since } else { t.at };
        let conflict = Conflict { since, most: span.peers, claim, witness };
        self.open.insert(key, conflict);
    }

    /// Ends a conflict, and with it those inside that lasted because of it:
    /// when all space of a network moves to another one, the parts may have
    /// moved before the whole.
    fn end(&mut self, scene: &Scene<'_>, key: (PrefixId, Asn), at: u32) {
        let Some(conflict) = self.open.remove(&key) else { return };
        self.close(key, &conflict, at);
        let (whole, origin) = (scene.table.prefix(key.0), key.1);
        let mut inside: Vec<(Prefix, PrefixId)> = self
            .open
            .keys()
            .filter(|(_, of)| *of == origin)
            .map(|&(id, _)| (scene.table.prefix(id), id))
            .filter(|(part, _)| whole.covers(*part))
            .collect();
        inside.sort_unstable();
        for (_, id) in inside {
            let mut spans = scene.table.spans(id).copied();
            let span = spans.find(|span| span.origin == origin);
            let lasts =
                span.is_some_and(|s| self.claim(scene, id, &s).is_some());
            if !lasts && let Some(conflict) = self.open.remove(&(id, origin)) {
                self.close((id, origin), &conflict, at);
            }
        }
    }

    /// What speaks against an origin of a prefix, if anything does.
    fn claim(
        &self,
        scene: &Scene<'_>,
        id: PrefixId,
        span: &Span,
    ) -> Option<Claim> {
        let origin = span.origin;
        // Who uses a reserved number is not its holder: that is a bogon.
        if scene.exempt.contains(&origin) || scene.bogons.is_reserved(origin) {
            return None;
        }
        let prefix = scene.table.prefix(id);
        let rivals: Vec<Span> = scene
            .table
            .spans(id)
            .filter(|other| other.origin != origin && other.peers > 0)
            .copied()
            .collect();
        let (subtype, owners) = match rivals.is_empty() {
            false => {
                (Subtype::Exact, self.better(scene, prefix, span, &rivals)?)
            }
            true => (Subtype::SubPrefix, self.around(scene, prefix, origin)?),
        };
        if owners.iter().any(|owner| scene.are_kin(origin, owner.origin)) {
            return None;
        }
        let invalid = match scene.rpki.vrps.state(prefix, Some(origin)) {
            RpkiState::Valid => return None,
            RpkiState::NotFound => false,
            RpkiState::Invalid => true,
        };
        // A ROA for it that is too short, or that of somebody close.
        let excused = |vrp: asgard_model::rpki::Vrp| {
            vrp.asn != Asn(0) && scene.are_kin(origin, vrp.asn)
        };
        if invalid && scene.rpki.vrps.covering(prefix).any(excused) {
            return None;
        }
        let late = owners
            .iter()
            .all(|owner| owner.first.saturating_add(EARLIER) <= span.first);
        if subtype == Subtype::SubPrefix && !invalid && !late {
            return None;
        }
        let mut victims: Vec<Asn> = owners.iter().map(|o| o.origin).collect();
        victims.sort_unstable();
        Some(Claim { subtype, invalid, late, first: span.first, victims })
    }

    /// The rivals that have the better right to a prefix; `None` if there is
    /// none, or if the origin announces more of the space.
    fn better(
        &self,
        scene: &Scene<'_>,
        prefix: Prefix,
        span: &Span,
        rivals: &[Span],
    ) -> Option<Vec<Span>> {
        let right = |span: &Span| {
            let state = scene.rpki.vrps.state(prefix, Some(span.origin));
            let rank = match state {
                RpkiState::Valid => 0,
                RpkiState::NotFound => 1,
                RpkiState::Invalid => 2,
            };
            (rank, span.first, span.origin)
        };
        let own = right(span);
        let better: Vec<Span> =
            rivals.iter().filter(|rival| right(rival) < own).copied().collect();
        let none = better.is_empty()
            || self.covering(scene, prefix, span.origin).is_none();
        (!none).then_some(better)
    }

    /// Who announces the space around a prefix most closely; `None` if nobody
    /// does, or if the origin itself announces some of it.
    fn around(
        &self,
        scene: &Scene<'_>,
        prefix: Prefix,
        origin: Asn,
    ) -> Option<Vec<Span>> {
        let owners = self.covering(scene, prefix, origin)?;
        (!owners.is_empty()).then_some(owners)
    }

    /// Others that announce the closest prefix around one; `None` if the origin
    /// announces one of them, and not only because it attacks that too.
    fn covering(
        &self,
        scene: &Scene<'_>,
        prefix: Prefix,
        origin: Asn,
    ) -> Option<Vec<Span>> {
        let mut closest = Vec::new();
        for (id, mut spans) in covering(scene, prefix) {
            if let Some(conflict) = self.open.get(&(id, origin)) {
                let victims = &conflict.claim.victims;
                let all = scene.table.spans(id).copied();
                spans = all.filter(|s| victims.contains(&s.origin)).collect();
            } else if spans.iter().any(|span| span.origin == origin) {
                return None;
            }
            if closest.is_empty() {
                closest = spans;
            }
        }
        Some(closest)
    }

    fn close(&mut self, key: (PrefixId, Asn), conflict: &Conflict, at: u32) {
        let cases = (&mut self.hijacks, &mut self.moas);
        conflict.enter(key, at, Some(at), cases);
    }
}

impl Conflict {
    /// Enters what it amounts to at a moment, if anything.
    fn enter(
        &self,
        key: (PrefixId, Asn),
        now: u32,
        end: Option<u32>,
        (hijacks, moas): (&mut Cases, &mut Cases),
    ) {
        let Claim { subtype, invalid, late, first, ref victims } = self.claim;
        let lasted = now.saturating_sub(self.since);
        let age = now.saturating_sub(first.min(self.since));
        if lasted <= LASTING || (age > SETTLED && !invalid) {
            return;
        }
        let episode = Episode {
            key,
            start: self.since,
            end,
            peers: self.most,
            witness: self.witness,
        };
        if invalid || (late && lasted <= LONGEST) {
            hijacks.add(key.1, subtype, victims, &episode);
        } else if subtype == Subtype::Exact {
            moas.add(key.1, Subtype::MultipleOrigins, victims, &episode);
        }
    }
}

impl Detector for Hijacks {
    fn transition(&mut self, scene: &Scene<'_>, t: &Transition<'_>) {
        let paths = scene.table.paths();
        let old = t.before.and_then(|path| paths.origin(path));
        let new = t.after.and_then(|path| paths.origin(path));
        if old == new || !is_global(scene.table.prefix(t.prefix)) {
            return;
        }
        let dumped = new.filter(|_| t.cause == Cause::Table);
        let dumped = dumped.map(|origin| (t.prefix, origin));
        if dumped.is_some() && dumped == self.clear {
            return;
        }
        let before = self.open.len();
        for span in scene.table.spans(t.prefix) {
            self.look(scene, t, span);
        }
        let seen = |span: &Span| {
            span.peers >= scene.threshold(scene.table.prefix(t.prefix))
        };
        let all_seen = scene.table.spans(t.prefix).all(seen);
        self.clear = dumped.filter(|_| all_seen && self.open.len() == before);
    }

    fn finish(&self, scene: &Scene<'_>, now: u32, out: &mut Findings) {
        let mut hijacks = self.hijacks.clone();
        let mut moas = self.moas.clone();
        for (&key, conflict) in &self.open {
            conflict.enter(key, now, None, (&mut hijacks, &mut moas));
        }
        out.incidents.extend(hijacks.incidents(scene.table, now, |_| 0.0));
        out.incidents.extend(moas.incidents(scene.table, now, |_| 0.0));
    }
}

/// A route of an origin, the one just seen if it is of it.
fn witness(
    scene: &Scene<'_>,
    t: &Transition<'_>,
    origin: Asn,
) -> Option<Witness> {
    let of = |path| scene.table.paths().origin(path) == Some(origin);
    if let Some(path) = t.after.filter(|&path| of(path)) {
        return Some(Witness::of(t, path));
    }
    let mut routes = scene.table.routes(t.prefix);
    let (peer, path) = routes.find(|route| of(route.1))?;
    Some(Witness { at: t.at, peer, prefix: t.prefix, path })
}

/// Spans of the visible prefixes around a prefix, the closest first.
fn covering(
    scene: &Scene<'_>,
    prefix: Prefix,
) -> impl Iterator<Item = (PrefixId, Vec<Span>)> {
    let shortest = SHORTEST[usize::from(!prefix.is_v4())];
    let k = scene.threshold(prefix);
    (shortest..prefix.len()).rev().filter_map(move |len| {
        let wider = Prefix::new(prefix.network(), len)?;
        let id = scene.table.find(wider)?;
        let spans: Vec<Span> = scene
            .table
            .spans(id)
            .filter(|span| span.peers >= k)
            .copied()
            .collect();
        (!spans.is_empty()).then_some((id, spans))
    })
}
