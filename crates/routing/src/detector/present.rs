//! What each network announces at this moment: how much, in which pieces, how
//! prepended, how well seen.
//!
//! A prefix counts for an origin if enough peers carry it. These are states, not
//! events: a stream and a dump that lead to the same table give the same.

use asgard_model::{Asn, Prefix, RpkiState};
use rustc_hash::FxHashMap;

use crate::{path::PathView, table::PrefixId};

use super::{
    Findings, Scene, is_global,
    size_group::{Groups, count},
};

/// Repetitions of the origin in a row that are excessive: a quarter of all
/// prefixes is prepended a little.
const MANY_PREPENDS: usize = 5;
/// Of IPv6, /48s counted for one network.
const MOST_V6: f64 = 256.0;

/// A prefix, and one of its origins.
#[derive(Clone, Debug)]
pub(super) struct Announced {
    pub(super) prefix: Prefix,
    pub(super) origin: Asn,
    /// Peers that carry it, as a share of the full feeds, up to 1.
    pub(super) seen: f64,
    /// Other origins have it too.
    pub(super) shared: bool,
    id: PrefixId,
    peers: usize,
    /// Peers at which the origin repeats itself too often.
    prepended: usize,
}

/// Everything that is announced, by prefix.
pub(super) fn announced(scene: &Scene<'_>) -> Vec<Announced> {
    let mut all: Vec<Announced> = Vec::new();
    for id in scene.table.prefix_ids() {
        let prefix = scene.table.prefix(id);
        if is_global(prefix) {
            all.extend(of_prefix(scene, id, prefix));
        }
    }
    all.sort_unstable_by_key(|a| (a.prefix, a.origin));
    all
}

fn of_prefix(
    scene: &Scene<'_>,
    id: PrefixId,
    prefix: Prefix,
) -> Vec<Announced> {
    let k = usize::from(scene.threshold(prefix));
    let feeds = count(scene.table.full_feeds(prefix.is_v4()).max(1));
    let mut found: Vec<Announced> = Vec::new();
    for (_, path) in scene.table.routes(id) {
        let Some(origin) = scene.table.paths().origin(path) else { continue };
        let at = found.iter().position(|a| a.origin == origin);
        let at = at.unwrap_or_else(|| {
            found.push(Announced {
                prefix,
                origin,
                seen: 0.0,
                shared: false,
                id,
                peers: 0,
                prepended: 0,
            });
            found.len() - 1
        });
        let many = prepends(scene.table.path(path)) > MANY_PREPENDS;
        found[at].peers += 1;
        found[at].prepended += usize::from(many);
    }
    found.retain(|a| a.peers >= k);
    let shared = found.len() > 1;
    for a in &mut found {
        a.shared = shared;
        a.seen = (count(a.peers) / feeds).min(1.0);
    }
    found
}

/// Enters sizes, granularity and prepending.
pub(super) fn measure(
    scene: &Scene<'_>,
    announced: &[Announced],
    out: &mut Findings,
) {
    let mut outer: FxHashMap<Asn, Vec<&Announced>> = FxHashMap::default();
    let mut pieces: FxHashMap<Asn, u32> = FxHashMap::default();
    for a in announced {
        let stack = outer.entry(a.origin).or_default();
        while stack.last().is_some_and(|o| !o.prefix.covers(a.prefix)) {
            stack.pop();
        }
        let measures = out.of(a.origin);
        measures.prefixes += 1;
        match stack.last() {
            Some(wider) if goes_along(scene, wider, a) => {
                *pieces.entry(a.origin).or_default() += 1;
            }
            Some(_) => {}
            None => measures.size += size(a.prefix),
        }
        if a.prepended * 2 > a.peers {
            measures.excessive_prepending_count += 1;
        }
        stack.push(a);
    }
    for (asn, measures) in &mut out.measures {
        if measures.prefixes > 0 {
            let pieces = pieces.get(asn).copied().unwrap_or(0);
            let share = f64::from(pieces) / f64::from(measures.prefixes);
            measures.prefix_granularity = Some(100.0 * share);
        }
    }
}

/// Space in /24s and /48s.
fn size(prefix: Prefix) -> f64 {
    let unit = if prefix.is_v4() { 24 } else { 48 };
    let size = libm::exp2(f64::from(unit - i32::from(prefix.len())));
    if prefix.is_v4() { size } else { size.min(MOST_V6) }
}

/// Whether a prefix inside another takes the same way at most peers: then it
/// steers nothing.
fn goes_along(scene: &Scene<'_>, wider: &Announced, piece: &Announced) -> bool {
    let origin = |path| scene.table.paths().origin(path);
    let mut both = 0_usize;
    let mut same = 0_usize;
    for (peer, path) in scene.table.routes(piece.id) {
        let other = scene.table.route(peer, wider.id);
        if origin(path) == Some(piece.origin) && other.is_some() {
            both += 1;
            same += usize::from(other == Some(path));
        }
    }
    both > 0 && same * 2 > both
}

/// How often the origin is repeated after the first time.
fn prepends(path: PathView<'_>) -> usize {
    let Some(origin) = path.origin() else { return 0 };
    let back = path.asns().iter().rev();
    back.take_while(|asn| **asn == origin).count() - 1
}

/// Enters what a network is compared with.
pub(super) fn compare(out: &mut Findings) {
    let mut granularity = Groups::default();
    let mut prepending = Groups::default();
    let mut flaps = Groups::default();
    let mut churn = Groups::default();
    let announcing = |out: &Findings| -> Vec<Asn> {
        let all = out.measures.iter().filter(|(_, m)| m.prefixes > 0);
        all.map(|(asn, _)| *asn).collect()
    };
    let announcing = announcing(out);
    for asn in &announcing {
        let m = &out.measures[asn];
        granularity.add(m.size, m.prefix_granularity.unwrap_or(0.0));
        prepending.add(m.size, f64::from(m.excessive_prepending_count));
        flaps.add(m.size, m.flap_rate);
        churn.add(m.size, changes(m));
    }
    let granularity = granularity.quantiles(0.95);
    let prepending = prepending.quantiles(0.95);
    let flaps = flaps.quantiles(0.5);
    let churn = churn.quantiles(0.95);
    for asn in &announcing {
        let m = out.of(*asn);
        m.granularity_p95 = Some(granularity.of(m.size));
        m.prepending_p95 = Some(prepending.of(m.size));
        m.flap_ratio = Some(m.flap_rate / flaps.of(m.size).max(FEWEST_FLAPS));
        m.churn_ratio = Some(changes(m) / churn.of(m.size).max(1.0));
    }
}

/// Comings and goings per prefix and day that are nothing to compare with: in
/// most groups the median network is quiet for weeks.
const FEWEST_FLAPS: f64 = 0.1;

fn changes(m: &super::Measures) -> f64 {
    f64::from(m.origin_changes) + f64::from(m.upstream_changes)
}

/// Whether the route of an origin is RPKI-valid.
pub(super) fn is_valid(scene: &Scene<'_>, a: &Announced) -> bool {
    let state = scene.rpki.vrps.state(a.prefix, Some(a.origin));
    state == RpkiState::Valid
}
