//! One selector → the prefixes that the present data give it, before anything
//! protected is taken out.

use std::sync::Arc;

use asgard_model::{
    Asn, Prefix, Route, RpkiState, SourceId, World, named::Mention,
};
use jiff::Timestamp;

use super::{Expand, Piece};
use crate::{
    AddressSet,
    access::{Facts, RiskSelector, Selector},
    feed::decision::{BadBlock, Decision, Ground},
};

/// What a selector resolves to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolution {
    pub(crate) pieces: Vec<Piece>,
    /// Prefixes that are too short to be blocked on anybody's word.
    pub(crate) too_short: Vec<Prefix>,
}

/// Resolves a selector. An explicit prefix is itself.
pub(crate) fn resolve(
    selector: &Selector,
    facts: &Facts<'_>,
    expand: Expand,
    now: Timestamp,
) -> Resolution {
    let none = Resolution::default();
    match selector {
        Selector::Ip(prefix) => {
            Resolution { pieces: vec![piece(None, vec![*prefix])], ..none }
        }
        Selector::Asn(asn) => network(*asn, facts, expand),
        Selector::Country(code) => {
            let space = facts.atlas.country(*code).to_set();
            let prefixes = bounded(&space, facts);
            Resolution { pieces: vec![piece(None, prefixes)], ..none }
        }
        Selector::Risk(risk) => risky(risk, facts, expand, now),
        Selector::List(name) => list(name, facts),
    }
}

fn piece(asn: Option<Asn>, prefixes: Vec<Prefix>) -> Piece {
    Piece { asn, score: None, whole: false, prefixes: prefixes.into() }
}

fn network(asn: Asn, facts: &Facts<'_>, expand: Expand) -> Resolution {
    let ground = facts.ground();
    let prefixes = match expand {
        Expand::Effective => {
            bounded(&own_space(asn, ground, is_long_enough), facts)
        }
        Expand::Announced => announced(asn, ground, is_long_enough),
    };
    let too_short =
        too_short_of(asn, ground).map(|(prefix, _)| prefix).collect();
    let score = score(asn, facts);
    let whole = Piece { score, whole: true, ..piece(Some(asn), prefixes) };
    Resolution { pieces: vec![whole], too_short }
}

fn score(asn: Asn, facts: &Facts<'_>) -> Option<u8> {
    facts.snapshot.profile(asn).map(|profile| profile.assessment.score)
}

fn risky(
    risk: &RiskSelector,
    facts: &Facts<'_>,
    expand: Expand,
    now: Timestamp,
) -> Resolution {
    let decision: Arc<Decision> = facts.decision(risk, now);
    let ground = facts.ground();
    let (blocks, short): (Vec<&BadBlock>, Vec<&BadBlock>) =
        decision.blocks.iter().partition(|b| may_be_named(b.prefix, ground));
    let mut too_short: Vec<Prefix> = short.iter().map(|b| b.prefix).collect();
    for listed in &decision.listed {
        let short = too_short_of(listed.asn, ground);
        let sound = short.filter(|(_, state)| *state != RpkiState::Invalid);
        too_short.extend(sound.map(|(prefix, _)| prefix));
    }
    let listed = decision.listed.iter().map(|listed| {
        let prefixes = match expand {
            Expand::Effective => {
                bounded(&sound_space(listed.asn, ground), facts)
            }
            Expand::Announced => announced(listed.asn, ground, is_sound),
        };
        let score = Some(listed.score);
        Piece { score, whole: true, ..piece(Some(listed.asn), prefixes) }
    });
    let blocks = blocks.into_iter().map(|block| {
        let score = block.asn.and_then(|asn| score(asn, facts));
        Piece { score, ..piece(block.asn, vec![block.prefix]) }
    });
    let pieces = listed.chain(blocks).collect();
    Resolution { pieces, too_short }
}

/// Routes of a network with the RPKI verdict about it.
fn routes(
    asn: Asn,
    world: &World,
) -> impl Iterator<Item = (Route<'_>, RpkiState)> {
    let node = world.node(asn);
    let routes = node.into_iter().flat_map(|node| world.routes_of(node));
    routes.map(move |route| {
        let mut own = route.origins.iter().zip(route.rpki);
        let state = own.find(|(origin, _)| **origin == asn);
        (route, state.map_or(RpkiState::NotFound, |(_, state)| *state))
    })
}

fn shortest(prefix: Prefix, ground: Ground<'_>) -> u8 {
    let limits = &ground.settings.limits;
    let set =
        if prefix.is_v4() { limits.min_prefix4 } else { limits.min_prefix6 };
    set.max(1)
}

fn may_be_named(prefix: Prefix, ground: Ground<'_>) -> bool {
    prefix.len() >= shortest(prefix, ground)
}

/// A route that is no default route, nor close to one.
fn is_long_enough(route: &Route<'_>, _: RpkiState, ground: Ground<'_>) -> bool {
    may_be_named(route.prefix, ground)
}

/// And that nobody's ROA contradicts: an invalid route is somebody else's
/// space, and its owner must not pay for the network that announces it.
fn is_sound(route: &Route<'_>, state: RpkiState, ground: Ground<'_>) -> bool {
    state != RpkiState::Invalid && is_long_enough(route, state, ground)
}

/// Routes of a network that are not long enough.
fn too_short_of(
    asn: Asn,
    ground: Ground<'_>,
) -> impl Iterator<Item = (Prefix, RpkiState)> {
    let routes = routes(asn, &ground.snapshot.world);
    let short = routes.filter(move |(r, _)| !may_be_named(r.prefix, ground));
    short.map(|(route, state)| (route.prefix, state))
}

type Accept = fn(&Route<'_>, RpkiState, Ground<'_>) -> bool;

fn announced(asn: Asn, ground: Ground<'_>, accept: Accept) -> Vec<Prefix> {
    let good = routes(asn, &ground.snapshot.world)
        .filter(|(route, state)| accept(route, *state, ground));
    let mut prefixes: Vec<Prefix> = good.map(|(r, _)| r.prefix).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// Effective space of a network, as far as it comes from acceptable routes.
fn own_space(asn: Asn, ground: Ground<'_>, accept: Accept) -> AddressSet {
    let effective = ground.atlas.asn(asn);
    let all_good = routes(asn, &ground.snapshot.world)
        .all(|(route, state)| accept(&route, state, ground));
    match all_good {
        true => effective.to_set(),
        false => {
            let good = announced(asn, ground, accept);
            effective.intersect(AddressSet::from_prefixes(good).view())
        }
    }
}

/// Effective space of a network without what ROAs contradict.
pub(crate) fn sound_space(asn: Asn, ground: Ground<'_>) -> AddressSet {
    own_space(asn, ground, is_sound)
}

/// The fewest prefixes of a set; two neighbours that are long enough must not
/// become one that is too short.
fn bounded(space: &AddressSet, facts: &Facts<'_>) -> Vec<Prefix> {
    let limits = &facts.settings.limits;
    let (least4, least6) = (limits.min_prefix4, limits.min_prefix6);
    space.view().prefixes_from(least4, least6).collect()
}

/// What a threat list names now. An address that its newest version no longer
/// has is gone; entries on landmarks (resolvers, crawlers, delivery networks)
/// are false, whoever lists them.
fn list(name: &str, facts: &Facts<'_>) -> Resolution {
    let mut resolution = Resolution::default();
    if facts.settings.withheld_lists.contains(name) {
        return resolution;
    }
    let world = &facts.snapshot.world;
    let sources = sources_named(name, world);
    let mut prefixes: Vec<Prefix> = world
        .named
        .blocks()
        .iter()
        .filter(|block| sources.contains(&block.source))
        .map(|block| block.prefix)
        .collect();
    let by_it = |m: &Mention<'_>| {
        let mut said = m.said.iter();
        said.any(|s| sources.contains(&s.namer.source) && world.named.stands(s))
            && !world.landmarks.classes(m.prefix.network()).is_false_entry()
    };
    prefixes.extend(world.named.all().filter(by_it).map(|m| m.prefix));
    prefixes.sort_unstable();
    prefixes.dedup();
    let ground = facts.ground();
    let (good, short) =
        prefixes.into_iter().partition(|p| may_be_named(*p, ground));
    resolution.pieces.push(piece(None, good));
    resolution.too_short = short;
    resolution
}

/// Whether a list of this name has said anything.
pub(crate) fn knows_list(name: &str, facts: &Facts<'_>) -> bool {
    !facts.settings.withheld_lists.contains(name)
        && !sources_named(name, &facts.snapshot.world).is_empty()
}

fn sources_named(name: &str, world: &World) -> Vec<SourceId> {
    let ids = (0u16..).zip(&world.sources);
    let ids = ids.filter(|(_, known)| known.eq_ignore_ascii_case(name));
    ids.map(|(id, _)| SourceId(id)).collect()
}
