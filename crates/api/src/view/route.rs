//! What BGP and RPKI say of an address, a prefix, or the prefixes of a network.

use std::net::IpAddr;

use asgard_model::{
    Asn, Level, Prefix, Route, RpkiState, Snapshot, World, rpki::Vrp,
    special_purpose::is_global_unicast,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type, schema::SchemaType},
};

use super::{NAMELESS, moment, number::hundredths};
use crate::limits;

/// An address: the route that carries it.
#[derive(Debug, Serialize, ToSchema)]
pub struct IpView<'a> {
    ip: String,
    prefix: Option<String>,
    #[schema(value_type = Vec<u32>)]
    origins: Vec<Asn>,
    #[schema(schema_with = state_schema)]
    rpki: Option<&'static str>,
    routes: Vec<OriginView<'a>>,
    country_code: Option<String>,
    known: Vec<&'static str>,
    special_purpose: bool,
    as_of: String,
}

/// A prefix: who announces exactly it, and what is around and inside it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PrefixView<'a> {
    prefix: String,
    origins: Vec<OriginView<'a>>,
    announced: bool,
    covering: Option<RouteView>,
    more_specifics: usize,
    roas: Vec<RoaView>,
    special_purpose: bool,
    as_of: String,
}

/// One origin of a route.
#[derive(Debug, Serialize, ToSchema)]
struct OriginView<'a> {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    #[schema(schema_with = state_schema)]
    rpki: Option<&'static str>,
    roas: Vec<RoaView>,
    peers: Option<u16>,
    visibility: Option<f64>,
    name: &'a str,
    risk_score: Option<u8>,
    #[schema(schema_with = maybe_level_schema)]
    risk_level: Option<&'static str>,
}

/// A validated ROA payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct RoaView {
    #[schema(value_type = u32)]
    asn: Asn,
    prefix: String,
    max_length: u8,
}

/// A route, in short.
#[derive(Debug, Serialize, ToSchema)]
struct RouteView {
    prefix: String,
    #[schema(value_type = Vec<u32>)]
    origins: Vec<Asn>,
}

/// A page of the prefixes that a network announces.
#[derive(Debug, Serialize, ToSchema)]
pub struct PrefixesView {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    total: usize,
    offset: u32,
    limit: u32,
    data: Vec<AnnouncedView>,
    as_of: String,
}

/// A prefix that a network announces.
#[derive(Debug, Serialize, ToSchema)]
struct AnnouncedView {
    prefix: String,
    #[schema(schema_with = state_schema)]
    rpki: Option<&'static str>,
    peers: Option<u16>,
    visibility: Option<f64>,
    #[schema(value_type = Vec<u32>)]
    other_origins: Vec<Asn>,
}

impl<'a> IpView<'a> {
    /// Shows the longest route that holds an address.
    pub fn new(snapshot: &'a Snapshot, address: IpAddr) -> Self {
        let world = &snapshot.world;
        let address = address.to_canonical();
        let route = world.table.lookup(address);
        let routes = route.map_or(vec![], |r| origins(snapshot, &r));
        let classes = world.landmarks.classes(address);
        Self {
            ip: address.to_string(),
            prefix: route.map(|r| r.prefix.to_string()),
            origins: route.map_or(vec![], |r| r.origins.to_vec()),
            rpki: route.and_then(|r| worst(world, &r)),
            routes,
            country_code: world.countries.of(address).map(|c| c.to_string()),
            known: classes.iter().map(|class| class.as_str()).collect(),
            special_purpose: !is_global_unicast(address),
            as_of: moment::zulu(world.as_of),
        }
    }
}

impl<'a> PrefixView<'a> {
    /// Shows the route of a prefix; one that nobody announces has no origins.
    pub fn new(snapshot: &'a Snapshot, prefix: Prefix) -> Self {
        let world = &snapshot.world;
        let closest = world.table.covering(prefix);
        let (own, inside) = match closest {
            Some(route) if route.prefix == prefix => (Some(route), 1),
            _ => (None, 0),
        };
        let covering = match own {
            Some(_) => wider(prefix).and_then(|p| world.table.covering(p)),
            None => closest,
        };
        let special =
            [prefix.network(), prefix.last()].map(|a| !is_global_unicast(a));
        Self {
            prefix: prefix.to_string(),
            origins: own.map_or(vec![], |r| origins(snapshot, &r)),
            announced: own.is_some(),
            covering: covering.map(|r| RouteView::new(&r)),
            more_specifics: world.table.count_within(prefix) - inside,
            roas: roas(world.rpki.vrps.covering(prefix)),
            special_purpose: special == [true, true],
            as_of: moment::zulu(world.as_of),
        }
    }
}

/// The prefix that is one bit shorter.
fn wider(prefix: Prefix) -> Option<Prefix> {
    Prefix::new(prefix.network(), prefix.len().checked_sub(1)?)
}

impl RouteView {
    fn new(route: &Route<'_>) -> Self {
        let origins = route.origins.to_vec();
        Self { prefix: route.prefix.to_string(), origins }
    }
}

fn origins<'a>(
    snapshot: &'a Snapshot,
    route: &Route<'_>,
) -> Vec<OriginView<'a>> {
    let all = route.origins.iter().zip(route.rpki).enumerate();
    all.map(|(at, (&asn, &state))| {
        let profile = snapshot.profile(asn);
        let assessment = profile.map(|p| p.assessment);
        let name = profile.and_then(|p| p.registration.name.as_deref());
        let (peers, visibility) = seen(&snapshot.world, route, at);
        OriginView {
            asn,
            rpki: known(&snapshot.world, state),
            roas: deciding(&snapshot.world, route.prefix, asn, state),
            peers,
            visibility,
            name: name.unwrap_or(NAMELESS),
            risk_score: assessment.map(|a| a.score),
            risk_level: assessment.map(|a| a.level.as_str()),
        }
    })
    .collect()
}

/// The ROAs that decide: those that match a valid route; of an invalid one all
/// that cover it, for it is none of them.
fn deciding(
    world: &World,
    prefix: Prefix,
    origin: Asn,
    state: RpkiState,
) -> Vec<RoaView> {
    let covering = world.rpki.vrps.covering(prefix);
    roas(covering.filter(|vrp| {
        state != RpkiState::Valid || vrp.matches(prefix.len(), Some(origin))
    }))
}

/// Least specific first, as they are delegated.
fn roas(vrps: impl Iterator<Item = Vrp>) -> Vec<RoaView> {
    let mut found: Vec<RoaView> = vrps
        .take(limits::ROAS_SHOWN)
        .map(|Vrp { prefix, max_len, asn }| RoaView {
            asn,
            prefix: prefix.to_string(),
            max_length: max_len,
        })
        .collect();
    found.reverse();
    found
}

/// A verdict; `None` if nobody could give one.
fn known(world: &World, state: RpkiState) -> Option<&'static str> {
    world.rpki.known.then_some(state.as_str())
}

/// One word for all origins of a route: the worst.
fn worst(world: &World, route: &Route<'_>) -> Option<&'static str> {
    let rank = |state: &&RpkiState| match state {
        RpkiState::Valid => 0,
        RpkiState::NotFound => 1,
        RpkiState::Invalid => 2,
    };
    known(world, *route.rpki.iter().max_by_key(rank)?)
}

/// How many full feeds carry one origin of a route, and which share of them;
/// `None` where nobody counted.
fn seen(
    world: &World,
    route: &Route<'_>,
    at: usize,
) -> (Option<u16>, Option<f64>) {
    let peers = route.peers.get(at).copied().filter(|&peers| peers > 0);
    let feeds = world.table.full_feeds()[usize::from(!route.prefix.is_v4())];
    let share = peers.filter(|_| feeds > 0).map(|peers| {
        hundredths((f64::from(peers) / f64::from(feeds)).min(1.0))
    });
    (peers, share)
}

impl PrefixesView {
    /// Shows a page of what an AS announces, ascending; only routes in one
    /// RPKI state if one is named.
    pub fn new(
        snapshot: &Snapshot,
        asn: Asn,
        state: Option<RpkiState>,
        offset: u32,
        limit: u32,
    ) -> Self {
        let world = &snapshot.world;
        let node = world.node(asn);
        let routes = node.into_iter().flat_map(|n| world.routes_of(n));
        let placed = routes.filter_map(|route| {
            let at = route.origins.binary_search(&asn).ok()?;
            Some((route, at))
        });
        let mut total = 0;
        let mut data = Vec::new();
        for (route, at) in placed {
            let own = route.rpki.get(at).copied().unwrap_or_default();
            if state.is_some_and(|wanted| !world.rpki.known || own != wanted) {
                continue;
            }
            if total >= offset as usize && data.len() < limit as usize {
                data.push(AnnouncedView::new(world, &route, at));
            }
            total += 1;
        }
        let as_of = moment::zulu(world.as_of);
        Self { asn, total, offset, limit, data, as_of }
    }
}

impl AnnouncedView {
    fn new(world: &World, route: &Route<'_>, at: usize) -> Self {
        let (peers, visibility) = seen(world, route, at);
        let mut other_origins = route.origins.to_vec();
        other_origins.remove(at);
        Self {
            prefix: route.prefix.to_string(),
            rpki: route.rpki.get(at).and_then(|&state| known(world, state)),
            peers,
            visibility,
            other_origins,
        }
    }
}

const VERDICTS: [RpkiState; 3] =
    [RpkiState::Valid, RpkiState::Invalid, RpkiState::NotFound];

/// The verdicts of RFC 6811.
pub(crate) fn verdict_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(VERDICTS.map(RpkiState::as_str)))
        .build()
}

/// As [`verdict_schema`], or null where no RPKI data were loaded.
fn state_schema() -> Object {
    nullable(VERDICTS.map(RpkiState::as_str))
}

/// The levels, or null for a network that is not scored.
fn maybe_level_schema() -> Object {
    nullable(Level::VALUES.map(|(_, name)| name))
}

fn nullable<const N: usize>(names: [&str; N]) -> Object {
    let names = names.map(Value::from).into_iter().chain([Value::Null]);
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(names))
        .build()
}
