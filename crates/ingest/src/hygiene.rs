//! Routing hygiene of each AS, as far as a table without paths can tell.

use asgard_model::{
    Asn, Prefix, RoutingTable, RpkiState,
    graph::AsGraph,
    rpki::VrpSet,
    signals::Hygiene,
    special_purpose::SpecialPurpose,
    world::{Announced, Sample, Topic},
};
use rustc_hash::FxHashSet;

use crate::space::{Originated, OwnRoute};

/// Routes that are invalid, but not by a fault of their origin.
pub type Excused = FxHashSet<(Prefix, Asn)>;

/// An invalid route, and who may originate its space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The invalid route.
    pub prefix: Prefix,
    /// Its origin.
    pub origin: Asn,
    /// Origins of the covering VRPs, ascending.
    pub owners: Vec<Asn>,
}

/// Lists the invalid routes of a table with the rightful origins.
pub fn claims(table: &RoutingTable, vrps: &VrpSet) -> Vec<Claim> {
    let mut sweep = vrps.sweep();
    let mut claims = Vec::new();
    for route in table.iter() {
        if !route.rpki.contains(&RpkiState::Invalid) {
            continue;
        }
        sweep.advance(route.prefix);
        let mut owners: Vec<Asn> =
            sweep.covering().iter().map(|v| v.asn).collect();
        owners.sort_unstable();
        owners.dedup();
        for (&origin, &state) in route.origins.iter().zip(route.rpki) {
            if state == RpkiState::Invalid {
                let owners = owners.clone();
                claims.push(Claim { prefix: route.prefix, origin, owners });
            }
        }
    }
    claims
}

/// Picks the claims whose ROA belongs to a provider or to the same
/// organisation: scrubbing, anycast, or a transfer in progress.
pub fn excused_by_kin(
    claims: &[Claim],
    asns: &[Asn],
    graph: &AsGraph,
    organisations: &[Option<u32>],
) -> Excused {
    let node = |asn: Asn| asns.binary_search(&asn).ok();
    let kin = |origin: Asn, owner: Asn| {
        let (Some(origin), Some(owner)) = (node(origin), node(owner)) else {
            return false;
        };
        let organisation = organisations.get(origin).copied().flatten();
        let same = organisation.is_some()
            && organisation == organisations.get(owner).copied().flatten();
        let provider = u32::try_from(owner)
            .is_ok_and(|o| graph.providers(origin).binary_search(&o).is_ok());
        same || provider
    };
    claims
        .iter()
        .filter(|c| c.owners.iter().any(|&owner| kin(c.origin, owner)))
        .map(|c| (c.prefix, c.origin))
        .collect()
}

/// The routes of one AS with verdicts, ascending.
///
/// An invalid route inside a route of the same origin that is not invalid is
/// excused: the space is the origin's own, the more-specific lacks its ROA.
pub fn own_routes(
    asn: Asn,
    node: usize,
    table: &RoutingTable,
    announced: &Announced,
    excused: &Excused,
    special: &SpecialPurpose,
) -> Vec<OwnRoute> {
    let mut covering: Vec<Prefix> = Vec::new();
    let mut routes = Vec::new();
    for &index in announced.of(node) {
        let route = table.route(index as usize);
        let Some((prefix, rpki)) = route.and_then(|r| OwnRoute::of(&r, asn))
        else {
            continue;
        };
        while covering.last().is_some_and(|p| !p.covers(prefix)) {
            covering.pop();
        }
        let invalid = rpki == RpkiState::Invalid;
        let excused = invalid
            && (!covering.is_empty() || excused.contains(&(prefix, asn)));
        if !invalid {
            covering.push(prefix);
        }
        let bogon = special.is_bogon_route(prefix);
        routes.push(OwnRoute { prefix, rpki, excused, bogon });
    }
    routes
}

/// The signals that a table without paths can give; the others stay `None`.
///
/// `rpki_known`: the verdicts come from VRPs or from the source of the table.
/// `reserved`: nobody may use the AS number, so that whatever it originates is
/// a bogon.
pub fn hygiene(
    routes: &[OwnRoute],
    originated: &Originated,
    rpki_known: bool,
    reserved: Reserved,
) -> Hygiene {
    let rpki = |part| match rpki_known {
        true => originated.percent(part),
        false => None,
    };
    Hygiene {
        rpki_invalid_percent: rpki(&originated.invalid),
        rpki_unknown_percent: rpki(&originated.unknown),
        bogon_ads: Some(
            routes.iter().any(|r| r.bogon)
                || (reserved == Reserved::Yes && !routes.is_empty()),
        ),
        ..Hygiene::default()
    }
}

/// Whether an AS number is one that nobody may use on the Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// RFC 5398, 6996 and others.
    Yes,
    /// An ordinary number.
    No,
}

impl Reserved {
    /// In a generated world the numbers for documentation (RFC 5398) and
    /// private use stand for ordinary ones.
    pub fn of(asn: Asn, demo: bool) -> Self {
        if asn.is_reserved() && !demo { Self::Yes } else { Self::No }
    }
}

/// Routes kept as samples of each fault.
const SAMPLES: usize = 5;

/// Routes that show the faults.
pub fn samples(routes: &[OwnRoute], reserved: Reserved) -> Vec<Sample> {
    let sample = |topic: Topic, route: &OwnRoute| Sample {
        topic,
        prefix: route.prefix,
        source: None,
        first_seen: None,
        last_seen: None,
    };
    let invalid = |r: &&OwnRoute| r.rpki == RpkiState::Invalid && !r.excused;
    let bogon = |r: &&OwnRoute| r.bogon || reserved == Reserved::Yes;
    let invalid = routes.iter().filter(invalid).take(SAMPLES);
    let bogon = routes.iter().filter(bogon).take(SAMPLES);
    invalid
        .map(|r| sample(Topic::RpkiInvalid, r))
        .chain(bogon.map(|r| sample(Topic::Bogon, r)))
        .collect()
}

#[cfg(test)]
mod tests {
    use asgard_model::{TableBuilder, graph::Relationship, rpki::Vrp};

    use super::*;

    struct Setting {
        asns: Vec<Asn>,
        table: RoutingTable,
        vrps: VrpSet,
        graph: AsGraph,
    }

    fn setting(routes: &[(&str, u32)], vrps: &[(&str, u8, u32)]) -> Setting {
        let vrps = VrpSet::new(
            vrps.iter()
                .map(|&(prefix, max_len, asn)| Vrp {
                    prefix: prefix.parse().unwrap(),
                    max_len,
                    asn: Asn(asn),
                })
                .collect(),
        );
        let mut builder = TableBuilder::default();
        for &(prefix, asn) in routes {
            builder.announce(prefix.parse().unwrap(), Asn(asn), None);
        }
        let asns: Vec<Asn> = (1..=5).map(Asn).collect();
        let provider = [(Asn(2), Asn(1), Relationship::ProviderOf)];
        let graph = AsGraph::new(&asns, &provider);
        Setting { table: builder.build(&vrps), asns, vrps, graph }
    }

    fn verdict(setting: &Setting, organisations: &[Option<u32>]) -> Hygiene {
        let Setting { asns, table, vrps, graph } = setting;
        let claims = claims(table, vrps);
        let excused = excused_by_kin(&claims, asns, graph, organisations);
        let announced = Announced::new(asns, table);
        let special = SpecialPurpose::default();
        let routes =
            own_routes(Asn(1), 0, table, &announced, &excused, &special);
        hygiene(&routes, &Originated::new(&routes), true, Reserved::No)
    }

    #[test]
    fn a_foreign_roa_makes_space_invalid() {
        let setting = setting(
            &[("9.0.0.0/24", 1), ("9.0.2.0/24", 1)],
            &[("9.0.0.0/24", 24, 4)],
        );
        let hygiene = verdict(&setting, &[None; 5]);
        assert_eq!(hygiene.rpki_invalid_percent, Some(50.0));
        assert_eq!(hygiene.rpki_unknown_percent, Some(50.0));
    }

    #[test]
    fn whatever_a_reserved_number_originates_is_a_bogon() {
        let prefix = "9.0.0.0/24".parse().unwrap();
        let rpki = RpkiState::NotFound;
        let route = OwnRoute { prefix, rpki, excused: false, bogon: false };
        let bogon = |routes: &[OwnRoute], asn: Asn, demo: bool| {
            let originated = Originated::new(routes);
            let reserved = Reserved::of(asn, demo);
            hygiene(routes, &originated, true, reserved).bogon_ads
        };
        assert_eq!(bogon(&[route], Asn(64_512), false), Some(true));
        assert_eq!(bogon(&[], Asn(64_512), false), Some(false));
        assert_eq!(bogon(&[route], Asn(3_333), false), Some(false));
        assert_eq!(bogon(&[route], Asn(64_512), true), Some(false));
    }

    #[test]
    fn roas_of_a_provider_or_sibling_excuse() {
        let by_provider =
            setting(&[("9.0.0.0/24", 1)], &[("9.0.0.0/24", 24, 2)]);
        let hygiene = verdict(&by_provider, &[None; 5]);
        assert_eq!(hygiene.rpki_invalid_percent, Some(0.0));
        let by_sibling =
            setting(&[("9.0.0.0/24", 1)], &[("9.0.0.0/24", 24, 3)]);
        let organisations = [Some(0), None, Some(0), None, None];
        let hygiene = verdict(&by_sibling, &organisations);
        assert_eq!(hygiene.rpki_invalid_percent, Some(0.0));
    }

    #[test]
    fn a_more_specific_inside_own_valid_space_is_excused() {
        let setting = setting(
            &[("9.0.0.0/20", 1), ("9.0.1.0/24", 1)],
            &[("9.0.0.0/20", 20, 1)],
        );
        let hygiene = verdict(&setting, &[None; 5]);
        assert_eq!(hygiene.rpki_invalid_percent, Some(0.0));
    }

    #[test]
    fn announcing_private_space_is_a_bogon() {
        let setting = setting(&[("10.0.0.0/16", 1)], &[]);
        assert_eq!(verdict(&setting, &[None; 5]).bogon_ads, Some(true));
    }
}
