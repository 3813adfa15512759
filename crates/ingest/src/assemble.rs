//! Ground and evidence → World: one row of signals for each scored AS.

use std::sync::Arc;

use asgard_model::{
    Asn, Day, Incident, Named, Prefix, Registration, Signals, World,
    graph::AsGraph,
    scoring::KnownThreats,
    signals::{Hygiene, Metadata, SourceHealth, Stability, Threats},
    world::{Announced, Sample, Topic},
};
use asgard_routing::detector::Measures;
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::{
    evidence::{Evidence, Verdicts, empty_family},
    ground::Ground,
    hygiene::{Reserved, excused_by_kin, hygiene, own_routes, samples},
    listing::{Listed, ListedSpace},
    space::Originated,
};

/// Evidence of all sources, aged for one day.
pub struct Findings {
    /// Observations of addresses.
    pub verdicts: Verdicts,
    /// ASN-DROP.
    pub listed_asns: FxHashMap<Asn, Listed>,
    /// DROP.
    pub listed_space: ListedSpace,
    /// Trust of the families of DROP and ASN-DROP.
    pub listing_trust: asgard_model::signals::Trust,
    /// What ASN-DROP calls the ASes that it lists, or last called those that
    /// it listed.
    pub names: FxHashMap<Asn, Registration>,
    /// What lists say of single addresses and blocks.
    pub named: Named,
    /// Which signals some source could know.
    pub known: KnownThreats,
    /// Freshness of the sources.
    pub health: SourceHealth,
    /// Names of sources, by identity.
    pub sources: Vec<Box<str>>,
}

/// Builds the World of a moment.
pub fn assemble(
    ground: &Ground,
    mut findings: Findings,
    as_of: Timestamp,
    demo: bool,
) -> World {
    let asns = scored_set(ground, &findings);
    let graph = graph(ground, &asns);
    let announced = Announced::new(&asns, &ground.table);
    let registrations = registrations(ground, &findings.names, &asns);
    let organisations = organisations(registrations.iter());
    let excused = excused_by_kin(&ground.claims, &asns, &graph, &organisations);
    let mut signals = Vec::with_capacity(asns.len());
    let mut all_samples = Vec::with_capacity(asns.len());
    for (node, &asn) in asns.iter().enumerate() {
        let routes = own_routes(
            asn,
            node,
            &ground.table,
            &announced,
            &excused,
            &ground.bedrock.special,
        );
        let originated = Originated::new(&routes);
        let (threats, mut shown) = threats(asn, &originated, &mut findings);
        let reserved = Reserved::of(asn, demo);
        shown.extend(samples(&routes, reserved));
        let of_table =
            hygiene(&routes, &originated, ground.rpki.known, reserved);
        let (hygiene, stability) = behaviour(ground, asn, of_table);
        signals.push(Signals {
            exposure: originated.exposure(ground.low_visibility),
            hygiene,
            threats,
            metadata: metadata(
                ground,
                &graph,
                node,
                asn,
                &registrations,
                as_of,
            ),
            stability,
        });
        all_samples.push(shown.into_boxed_slice());
    }
    World {
        as_of,
        asns,
        registrations,
        signals,
        samples: all_samples,
        table: Arc::clone(&ground.table),
        rpki: Arc::clone(&ground.rpki),
        countries: Arc::clone(&ground.bedrock.countries),
        announced,
        landmarks: Arc::clone(&ground.bedrock.landmarks),
        named: findings.named,
        peeringdb: Arc::clone(&ground.bedrock.profiles),
        organisations,
        graph,
        incidents: incidents(ground),
        sources: findings.sources,
        known: findings.known,
        health: findings.health,
        routing_source: ground.routing_source.as_str().into(),
        demo,
    }
}

/// Who buys from whom, and where paths were read, over which providers the
/// routes go and who is at the top.
fn graph(ground: &Ground, asns: &[Asn]) -> AsGraph {
    let mut graph = AsGraph::new(asns, &ground.edges);
    let Some(bgp) = &ground.bgp else { return graph };
    let node = |asn: &Asn| asns.binary_search(asn).ok();
    graph.count_connections(|origin, provider| {
        let ends = (asns[origin], asns[provider]);
        bgp.connections.get(&ends).copied().unwrap_or(0)
    });
    if !bgp.clique.is_empty() {
        let members = bgp.clique.iter().filter_map(node);
        let members = members.filter_map(|at| u32::try_from(at).ok());
        graph.set_clique(members.collect());
    }
    graph
}

/// What a network did in BGP: the signals that a table alone cannot tell.
/// Without a dump they stay unknown; those of changes, without updates.
fn behaviour(
    ground: &Ground,
    asn: Asn,
    of_table: Hygiene,
) -> (Hygiene, Stability) {
    let Some(bgp) = &ground.bgp else {
        return (of_table, Stability::default());
    };
    let nothing = Measures::default();
    let did = bgp.measures.get(&asn).unwrap_or(&nothing);
    let has_aspas = !ground.rpki.aspas.is_empty();
    let hygiene = Hygiene {
        route_leak_weight: Some(did.route_leak_weight),
        bogon_ads: Some(did.bogon_ads),
        stub_but_transit: Some(did.stub_but_transit),
        prefix_granularity: did.prefix_granularity,
        granularity_p95: did.granularity_p95,
        aspa_invalid_routes: has_aspas.then_some(did.aspa_invalid_routes),
        ..of_table
    };
    let changes = bgp.has_updates;
    let stability = Stability {
        ddos_blackhole_count: Some(did.ddos_blackhole_count),
        excessive_prepending_count: Some(did.excessive_prepending_count),
        prepending_p95: did.prepending_p95,
        flap_ratio: did.flap_ratio.filter(|_| changes),
        churn_ratio: did.churn_ratio.filter(|_| changes),
        serial_origin_features: did.serial_origin_features,
    };
    (hygiene, stability)
}

/// What networks did, by network.
fn incidents(ground: &Ground) -> Vec<Incident> {
    let bgp = ground.bgp.as_ref();
    bgp.map(|bgp| bgp.incidents.clone()).unwrap_or_default()
}

/// Every ASN that is registered, announced, or named by a source. Old
/// relationships name networks that are gone, so they add none.
fn scored_set(ground: &Ground, findings: &Findings) -> Vec<Asn> {
    let mut asns: Vec<Asn> =
        ground.bedrock.registrations.keys().copied().collect();
    for route in ground.table.iter() {
        asns.extend_from_slice(route.origins);
    }
    asns.sort_unstable();
    asns.dedup();
    asns.extend(ground.bedrock.peeringdb.iter().flatten().map(|(asn, _)| *asn));
    asns.extend(findings.verdicts.by_asn.keys());
    asns.extend(findings.listed_asns.keys());
    asns.sort_unstable();
    asns.dedup();
    asns.retain(|&asn| asn != Asn(0));
    asns.shrink_to_fit();
    asns
}

/// Registrations; where no registry vouches for the holder, the name that
/// ASN-DROP gives is better than that of an old list: such numbers change hands.
fn registrations(
    ground: &Ground,
    listed: &FxHashMap<Asn, Registration>,
    asns: &[Asn],
) -> Vec<Registration> {
    let of = |asn: &Asn| {
        let known = ground.bedrock.registrations.get(asn).cloned();
        let known = known.unwrap_or_default();
        match listed.get(asn) {
            Some(named) if known.rir.is_none() => Registration {
                name: named.name.clone().or(known.name),
                country: named.country.or(known.country),
                rir: named.rir,
                ..known
            },
            _ => known,
        }
    };
    // A name in words is better than none.
    let named = |registration: Registration| Registration {
        name: registration.name.or_else(|| registration.organisation.clone()),
        ..registration
    };
    asns.iter().map(|asn| named(of(asn))).collect()
}

/// Largest group of ASes that is taken for one organisation: beyond it, the
/// name is a placeholder ("Private Customer") or a national block.
const MAX_SIBLINGS: usize = 300;

/// Numbers organisations by name and country. Without CAIDA's as2org an equal
/// name in one country is the best evidence of a common owner.
pub(crate) fn organisations<'r>(
    registrations: impl Iterator<Item = &'r Registration>,
) -> Vec<Option<u32>> {
    let mut groups: FxHashMap<(String, _), Vec<usize>> = FxHashMap::default();
    let mut holders = 0;
    for (node, registration) in registrations.enumerate() {
        holders = node + 1;
        if let Some(name) = &registration.organisation {
            let key = (name.to_lowercase(), registration.country);
            groups.entry(key).or_default().push(node);
        }
    }
    let mut siblings: Vec<Vec<usize>> = groups
        .into_values()
        .filter(|group| (2..=MAX_SIBLINGS).contains(&group.len()))
        .collect();
    siblings.sort_unstable();
    let mut organisations = vec![None; holders];
    for (number, group) in (0u32..).zip(siblings) {
        for node in group {
            organisations[node] = Some(number);
        }
    }
    organisations
}

fn threats(
    asn: Asn,
    originated: &Originated,
    findings: &mut Findings,
) -> (Option<Box<Threats>>, Vec<Sample>) {
    let evidence = findings.verdicts.by_asn.remove(&asn);
    let overlap = findings.listed_space.overlap(&originated.all);
    let listed = findings.listed_asns.get(&asn).copied();
    if evidence.is_none() && overlap.samples.is_empty() && listed.is_none() {
        return (None, Vec::new());
    }
    let Evidence { mut threats, mut samples } = evidence.unwrap_or_default();
    threats.drop_space_share = overlap.share;
    threats.asn_drop = listed.map_or(0.0, |l| l.strength);
    threats.listed_now = overlap.standing || listed.is_some_and(|l| l.stands);
    let listing = listed.map(|l| l.family).or(overlap.family);
    if let Some(family) = listing {
        let at = threats.families.partition_point(|f| f.family < family);
        if threats.families.get(at).is_none_or(|f| f.family != family) {
            let mut entry = empty_family(family, findings.listing_trust);
            entry.without = threats.k;
            entry.months_without = threats.persistence_months;
            threats.families.insert(at, entry);
        }
        threats.families[at].drop_space_share = overlap.share;
        threats.families[at].asn_drop = threats.asn_drop;
    }
    let sample = |topic, prefix, l: &Listed| Sample {
        topic,
        prefix,
        source: Some(l.source),
        first_seen: Some(l.seen.first),
        last_seen: Some(l.seen.last),
    };
    let nowhere = Prefix::V4(0, 0);
    let of_asn = listed.iter().map(|l| (Topic::AsnDrop, nowhere, *l));
    let of_space = overlap.samples.iter().map(|(p, l)| (Topic::Drop, *p, *l));
    let mut listings: Vec<(Topic, Prefix, Listed)> =
        of_asn.chain(of_space).collect();
    // What is listed now says more than what was.
    listings.sort_by_key(|(_, _, listed)| !listed.stands);
    samples.extend(listings.iter().map(|(t, p, l)| sample(*t, *p, l)));
    (Some(Box::new(threats)), samples)
}

fn metadata(
    ground: &Ground,
    graph: &AsGraph,
    node: usize,
    asn: Asn,
    registrations: &[Registration],
    as_of: Timestamp,
) -> Metadata {
    let registration = &registrations[node];
    let providers = graph.providers(node);
    let connected = !providers.is_empty()
        || !graph.customers(node).is_empty()
        || !graph.peers(node).is_empty();
    let tier1 = |p: &&u32| graph.clique().binary_search(p).is_ok();
    let tier1_count = providers.iter().filter(tier1).count();
    Metadata {
        has_peeringdb_profile: ground
            .bedrock
            .peeringdb
            .as_ref()
            .map(|known| known.contains_key(&asn)),
        upstream_tier1_count: connected
            .then_some(u32::try_from(tier1_count).unwrap_or(u32::MAX)),
        provider_free: connected && providers.is_empty(),
        is_whois_private: registration.anonymous,
        age_days: age_days(asn, registration, as_of),
    }
}

/// Day by which every 16-bit number without a date had surely been delegated:
/// by 2010 the RIRs gave out 32-bit numbers by default.
const SIXTEEN_BIT_ERA: &str = "2010-01-01";

fn age_days(
    asn: Asn,
    registration: &Registration,
    as_of: Timestamp,
) -> Option<u32> {
    let era = || {
        let sixteen_bit = asn.0 <= u32::from(u16::MAX) && !asn.is_reserved();
        SIXTEEN_BIT_ERA.parse::<Day>().ok().filter(|_| sixteen_bit)
    };
    let since = registration.since.or_else(era)?;
    let today = Day::of(as_of);
    if since >= today {
        // Only the year is known, and it is this one: half of what is over.
        let year: Option<Day> =
            format!("{}-01-01", &today.to_string()[..4]).parse().ok();
        return year.map(|day| u32::from(today.days_since(day) / 2));
    }
    Some(u32::from(today.days_since(since)))
}
