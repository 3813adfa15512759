//! What all decisions of one moment share: who is large, what is announced,
//! which blocks hold servers of abusers.

use asgard_model::{
    Asn, Class, Day, Prefix, Profile, World,
    named::{Mention, Said},
    prefix::{mask4, mask6},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Ground;
use crate::{AddressSet, feed::guard::critical};

/// Networks that are protected for their size.
const LARGEST: usize = 1_000;
/// But never a network with less space than this, in /24s: in a small world
/// being among the largest means nothing.
const LARGE_FROM: f64 = 256.0;
/// Servers of abusers that make a block bad.
const BAD_FROM: f64 = 3.0;

/// What all decisions of one moment share.
pub(super) struct Survey {
    /// Announced IPv4 addresses, without default routes and special space.
    pub(super) announced_v4: u64,
    /// Space from which a network is one of the largest, in /24s.
    pub(super) large_from: f64,
    /// Networks in which critical Internet stands.
    pub(super) critical: FxHashSet<Asn>,
    /// Bad blocks with the effective number of servers, ascending.
    pub(super) hosting: Vec<(Prefix, f64)>,
}

impl Survey {
    pub(super) fn new(ground: Ground<'_>) -> Self {
        let world = &ground.snapshot.world;
        Self {
            announced_v4: announced_v4(world),
            large_from: large_from(world),
            critical: critical_networks(ground),
            hosting: hosting_blocks(ground),
        }
    }
}

fn announced_v4(world: &World) -> u64 {
    let routes = (0..world.table.len_v4())
        .filter_map(|index| world.table.route(index))
        .filter(|route| route.prefix.len() > 0);
    let announced = AddressSet::from_prefixes(routes.map(|r| r.prefix));
    announced.subtract(&crate::feed::guard::shield::special()).addresses_v4()
}

fn large_from(world: &World) -> f64 {
    let mut sizes: Vec<f64> =
        world.signals.iter().map(|s| s.exposure.v4).collect();
    if sizes.len() > LARGEST {
        let descending = |a: &f64, b: &f64| b.total_cmp(a);
        sizes.select_nth_unstable_by(LARGEST - 1, descending);
        return sizes[LARGEST - 1].max(LARGE_FROM);
    }
    LARGE_FROM
}

fn critical_networks(ground: Ground<'_>) -> FxHashSet<Asn> {
    let off = &ground.settings.critical_off;
    critical::sets()
        .iter()
        .filter(|set| !off.contains(set.name.as_str()))
        .flat_map(|set| &set.prefixes)
        .filter_map(|p| ground.snapshot.world.table.lookup(p.network()))
        .filter(|route| route.prefix.len() > 0)
        .flat_map(|route| route.origins)
        .copied()
        .collect()
}

/// Classes of networks that look bad and are not.
fn is_benign(class: Class) -> bool {
    class.is_false_entry()
        || matches!(
            class,
            Class::Scanner
                | Class::Tor
                | Class::Sinkhole
                | Class::DdosMitigation
                | Class::Anycast
        )
}

/// Whether most routes of a network are known to be benign.
pub(super) fn mostly_benign(world: &World, profile: &Profile<'_>) -> bool {
    let Some(node) = profile.node else { return false };
    let (mut benign, mut all) = (0usize, 0usize);
    for route in world.routes_of(node) {
        all += 1;
        let classes = world.landmarks.classes(route.prefix.network());
        benign += usize::from(classes.iter().any(is_benign));
    }
    benign * 2 > all
}

/// Blocks with at least [`BAD_FROM`] effective servers. An address counts by
/// the trust in the list that names it, halved with every half-life since that
/// list last did, as it does for the score.
fn hosting_blocks(ground: Ground<'_>) -> Vec<(Prefix, f64)> {
    let world = &ground.snapshot.world;
    let mut sums: FxHashMap<Prefix, f64> = FxHashMap::default();
    for mention in world.named.all() {
        let weight = weight(&mention, ground);
        if weight > 0.0
            && let Some(block) = block_of(mention.prefix)
        {
            *sums.entry(block).or_default() += weight;
        }
    }
    let mut bad: Vec<(Prefix, f64)> =
        sums.into_iter().filter(|(_, sum)| *sum >= BAD_FROM).collect();
    bad.sort_unstable_by_key(|(block, _)| *block);
    bad
}

fn weight(mention: &Mention<'_>, ground: Ground<'_>) -> f64 {
    let snapshot = ground.snapshot;
    let world = &snapshot.world;
    let hosting = mention.said.iter();
    let hosting = hosting.filter(|said| said.namer.category.is_hosting());
    let strongest = hosting
        .map(|&Said { namer, last }| {
            let age = Day::of(world.as_of).days_since(last);
            let half_life = snapshot.model.half_life(namer.category);
            world.named.weight(namer.source)
                * asgard_model::scoring::exp2(-f64::from(age) / half_life)
        })
        .fold(0.0, f64::max);
    if strongest <= 0.0 {
        return 0.0;
    }
    let classes = world.landmarks.classes(mention.prefix.network());
    let innocent = classes.iter().any(is_benign);
    if innocent { 0.0 } else { strongest }
}

/// The /24 or /48 around an address; `None` for what is wider.
fn block_of(prefix: Prefix) -> Option<Prefix> {
    match prefix {
        Prefix::V4(bits, 24..) => Some(Prefix::V4(bits & mask4(24), 24)),
        Prefix::V6(bits, 48..) => Some(Prefix::V6(bits & mask6(48), 48)),
        _ => None,
    }
}
