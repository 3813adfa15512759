//! Networks that begin to carry for several strangers at once: leaks over
//! peerings that were on no path before.
//!
//! Most peerings of small networks are seen by nobody until something leaks over
//! them. One stranger behind a network may be a new customer. But nobody gains
//! three customers within the hour, and more than it had, all of whom buy from
//! others already and are still reached through them: it hands on what it has
//! from its peers. (Where all peers see the new way only, customers may have moved
//! with a data centre.)

use asgard_model::{Asn, Incident, IncidentKind, Subtype};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::table::{PrefixId, Transition};

use super::{
    Findings, Scene,
    cases::Cases,
    leak,
    valley::Customers,
    watch::{Episode, Watch, Witness},
};

/// Who has more customers is not watched: it would have to gain more than these.
pub(super) const MOST_CUSTOMERS: u32 = 16;
/// So many of them within [`TOGETHER`] seconds are no customers.
const MANY: usize = 3;
const TOGETHER: u32 = 3_600;
/// Episodes remembered of one network.
const MOST_EPISODES: usize = 4_096;
/// Seconds for which they are remembered.
const KEPT: u32 = 90 * 86_400;

/// A network between two others, of which nobody knows what the second is to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Carried {
    pub(super) by: Asn,
    /// From whom it has the route.
    pub(super) from: Asn,
    /// To whom it hands it.
    pub(super) to: Asn,
}

type Key = (Carried, PrefixId);

/// What networks carry for others that buy from somebody else.
#[derive(Clone, Debug)]
pub(super) struct Strangers {
    watch: Watch<Key>,
    /// What has ended, by who carried.
    ended: FxHashMap<Asn, Vec<Episode<Key>>>,
}

impl Default for Strangers {
    fn default() -> Self {
        let watch = Watch::lasting(leak::LASTING);
        Self { watch, ended: FxHashMap::default() }
    }
}

impl Strangers {
    pub(super) fn show(
        &mut self,
        carried: Carried,
        k: u16,
        t: &Transition<'_>,
        witness: Witness,
    ) {
        self.watch.show((carried, t.prefix), k, witness);
    }

    pub(super) fn hide(
        &mut self,
        carried: Carried,
        k: u16,
        t: &Transition<'_>,
    ) {
        let Some(episode) = self.watch.hide((carried, t.prefix), k, t.at)
        else {
            return;
        };
        let ended = self.ended.entry(carried.by).or_default();
        let kept = t.at.saturating_sub(KEPT);
        if ended.len() >= MOST_EPISODES {
            ended.retain(|one| one.end.is_none_or(|end| end >= kept));
        }
        if ended.len() < MOST_EPISODES {
            ended.push(episode);
        }
    }

    /// Tells leaks that nothing else has told.
    pub(super) fn finish(
        &self,
        scene: &Scene<'_>,
        customers: &Customers,
        now: u32,
        out: &mut Findings,
    ) {
        let mut by: FxHashMap<Asn, Vec<Episode<Key>>> = self.ended.clone();
        for episode in self.watch.open(now) {
            by.entry(episode.key.0.by).or_default().push(episode);
        }
        let mut cases = Cases::new(IncidentKind::Leak);
        for (by, mut episodes) in by {
            episodes.retain(|one| goes_other_ways(scene, one));
            episodes.sort_unstable_by_key(|one| (one.start, one.key));
            let known = usize::try_from(customers.count(by));
            let many = MANY.max(known.unwrap_or(usize::MAX).saturating_add(1));
            for episode in at_once(&episodes, many) {
                let Carried { from, to, .. } = episode.key.0;
                let subtype = subtype(scene, by, to);
                cases.add(by, subtype, &[from, to], episode);
            }
        }
        let mut leaks = cases.incidents(scene.table, now, leak::weight);
        leaks.retain(|one| !out.incidents.iter().any(|l| overlap(l, one)));
        for one in leaks {
            out.of(one.asn).route_leak_weight +=
                one.weight_at(now, scene.half_life_days);
            out.incidents.push(one);
        }
    }
}

/// Whether some peer reaches the prefix by another way.
fn goes_other_ways(scene: &Scene<'_>, episode: &Episode<Key>) -> bool {
    let spans = scene.table.spans(episode.key.1);
    let all: u32 = spans.map(|span| u32::from(span.peers)).sum();
    all > u32::from(episode.peers)
}

/// Of episodes of one network, in order of their beginning, those that began
/// together with others, of so many strangers in all.
fn at_once(episodes: &[Episode<Key>], many: usize) -> Vec<&Episode<Key>> {
    let mut found = Vec::new();
    let mut taken = 0;
    for (first, episode) in episodes.iter().enumerate() {
        let until = episode.start.saturating_add(TOGETHER);
        let after = episodes.partition_point(|one| one.start <= until);
        let together = &episodes[first..after];
        let strangers: FxHashSet<Asn> =
            together.iter().map(|one| one.key.0.from).collect();
        if strangers.len() >= many {
            found.extend(&episodes[first.max(taken)..after]);
            taken = after;
        }
    }
    found
}

fn subtype(scene: &Scene<'_>, by: Asn, to: Asn) -> Subtype {
    use crate::relationships::Relation::Peer;
    match scene.relations.between(by, to) {
        Some((Peer, _)) => Subtype::Type2,
        _ => Subtype::Type4,
    }
}

/// Whether a leak is known already.
fn overlap(known: &Incident, new: &Incident) -> bool {
    known.kind == IncidentKind::Leak
        && known.asn == new.asn
        && known.end.is_none_or(|end| new.start <= end.saturating_add(TOGETHER))
        && new.end.is_none_or(|end| known.start <= end.saturating_add(TOGETHER))
}
