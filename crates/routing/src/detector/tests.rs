//! A dozen ASes by hand: every rule of every detector, and every exception.

use std::net::IpAddr;

use asgard_model::{
    AsPath, Model,
    aspa::AspaSet,
    graph::Relationship,
    rpki::{Vrp, VrpSet},
    special_purpose::SpecialPurpose,
};

use super::*;
use crate::{
    event::{
        Attributes, Details, Envelope, Event, Moment, Nlri, Peer, State, What,
    },
    table::Limits,
};

mod bogon;
mod hijack;
mod leak;
mod numbers;
mod streams;

/// When the worlds begin: late enough for routes of a hundred days.
const T0: u32 = 200 * DAY;
const DAY: u32 = 86_400;
const HOUR: u32 = 3_600;
/// Four full feeds, so that three must show something.
const ALL: [u8; 4] = [1, 2, 3, 4];

/// A small Internet, its peers and the survey that watches them.
struct World {
    table: Table,
    relations: Relationships,
    rpki: Rpki,
    bogons: Bogons,
    blackholes: BlackholeCommunities,
    exempt: FxHashSet<Asn>,
    survey: Survey,
}

impl World {
    /// Links as `1>2` (1 sells transit to 2) and `1-2` (peers); every peer of
    /// the collector carries twenty routes of AS9 since long ago.
    fn new(links: &str) -> Self {
        Self::among(links, &[])
    }

    /// As `new`; numbers in one row are of one organisation.
    fn among(links: &str, organisations: &[&[u32]]) -> Self {
        let kin = (0_u32..).zip(organisations);
        let kin =
            kin.flat_map(|(o, all)| all.iter().map(move |&a| (Asn(a), o)));
        Self::with(Relationships::known(edges(links, 1.0), kin, []))
    }

    fn with(relations: Relationships) -> Self {
        let rule = Model::default_model().visibility();
        let mut world = Self {
            table: Table::new(rule, Limits::default()),
            relations,
            rpki: Rpki { known: true, ..Rpki::default() },
            bogons: Bogons::new(SpecialPurpose::default(), vec![], vec![]),
            blackholes: BlackholeCommunities::default(),
            exempt: FxHashSet::default(),
            survey: Survey::default(),
        };
        for third in 0..20 {
            let prefix = format!("20.0.{third}.0/24");
            world.dump(T0 - 2 * DAY, T0 - 100 * DAY, &ALL, &prefix, &[9]);
        }
        world
    }

    /// ROAs as `192.0.2.0/24-26 AS7`; the longest length may be left out.
    fn roas(mut self, roas: &[&str]) -> Self {
        let roa = |text: &&str| {
            let (space, asn) = text.split_once(" AS").unwrap();
            let (prefix, max) = space.split_once('-').unwrap_or((space, ""));
            let prefix: Prefix = prefix.parse().unwrap();
            let max_len = max.parse().unwrap_or(prefix.len());
            Vrp { prefix, max_len, asn: Asn(asn.parse().unwrap()) }
        };
        self.rpki.vrps = VrpSet::new(roas.iter().map(roa).collect());
        self
    }

    fn aspas(mut self, objects: &[(u32, &[u32])]) -> Self {
        let object = |&(customer, providers): &(u32, &[u32])| {
            let providers = providers.iter().copied().map(Asn).collect();
            (Asn(customer), providers)
        };
        self.rpki.aspas = AspaSet::new(objects.iter().map(object));
        self
    }

    fn apply(&mut self, at: u32, peer: u8, what: What<'_>) {
        let event = Event {
            at: Moment { seconds: at, micros: None },
            envelope: Envelope::Bgp4mp { local: false },
            peer: peer_number(peer),
            what,
        };
        let Self { relations, rpki, bogons, blackholes, exempt, .. } = &*self;
        let (relations, rpki, bogons) =
            (relations.clone(), rpki.clone(), bogons.clone());
        let (blackholes, exempt) = (blackholes.clone(), exempt.clone());
        let survey = &mut self.survey;
        self.table.apply(&event, &mut |table, t| {
            let scene = Scene {
                table,
                relations: &relations,
                rpki: &rpki,
                bogons: &bogons,
                blackholes: &blackholes,
                exempt: &exempt,
                rir: &rir,
                half_life_days: 90.0,
            };
            survey.transition(&scene, t);
        });
    }

    /// Peers announce a route; the path is what follows their own number.
    fn announce(&mut self, at: u32, peers: &[u8], prefix: &str, path: &[u32]) {
        self.announce_with(at, peers, prefix, path, &Details::default());
    }

    fn announce_with(
        &mut self,
        at: u32,
        peers: &[u8],
        prefix: &str,
        path: &[u32],
        details: &Details,
    ) {
        for &peer in peers {
            let path = whole(peer, path);
            let attributes = Attributes::new(Some(&path), details.clone());
            let attributes = &attributes;
            let route = nlri(prefix);
            self.apply(at, peer, What::Announce { route, attributes });
        }
    }

    /// A dump shows a route that is there since a moment.
    fn dump(
        &mut self,
        at: u32,
        originated: u32,
        peers: &[u8],
        prefix: &str,
        path: &[u32],
    ) {
        for &peer in peers {
            let path = whole(peer, path);
            let attributes = Attributes::new(Some(&path), Details::default());
            let attributes = &attributes;
            let route = nlri(prefix);
            self.apply(at, peer, What::Rib { route, originated, attributes });
        }
    }

    fn withdraw(&mut self, at: u32, peers: &[u8], prefix: &str) {
        for &peer in peers {
            self.apply(at, peer, What::Withdraw { route: nlri(prefix) });
        }
    }

    /// The route is there from one moment to another.
    fn during(&mut self, (from, to): (u32, u32), prefix: &str, path: &[u32]) {
        self.announce(from, &ALL, prefix, path);
        self.withdraw(to, &ALL, prefix);
    }

    fn lose(&mut self, at: u32, peer: u8) {
        self.apply(at, peer, What::State { old: None, new: State::Idle });
    }

    fn finish(&self, now: u32) -> Findings {
        let scene = Scene {
            table: &self.table,
            relations: &self.relations,
            rpki: &self.rpki,
            bogons: &self.bogons,
            blackholes: &self.blackholes,
            exempt: &self.exempt,
            rir: &rir,
            half_life_days: 90.0,
        };
        self.survey.finish(&scene, now)
    }

    fn incidents(&self, now: u32) -> Vec<Incident> {
        self.finish(now).incidents
    }

    /// `leak type_1 AS3 2`: kind, subtype, who, number of prefixes.
    fn told(&self, now: u32) -> Vec<String> {
        self.incidents(now).iter().map(tell).collect()
    }
}

fn tell(i: &Incident) -> String {
    let (kind, subtype) = (i.kind.as_str(), i.subtype.as_str());
    format!("{kind} {subtype} {} {}", i.asn, i.prefix_count)
}

fn edges(links: &str, confidence: f32) -> Vec<(Asn, Asn, Relationship, f32)> {
    let edge = |text: &str| {
        let (sign, relationship) = match text.contains('>') {
            true => ('>', Relationship::ProviderOf),
            false => ('-', Relationship::Peer),
        };
        let (a, b) = text.split_once(sign).unwrap();
        let asn = |text: &str| Asn(text.parse().unwrap());
        (asn(a), asn(b), relationship, confidence)
    };
    links.split_whitespace().map(edge).collect()
}

fn whole(peer: u8, path: &[u32]) -> AsPath {
    let own = 90 + u32::from(peer);
    AsPath::sequence([own].into_iter().chain(path.iter().copied()))
}

fn peer_number(number: u8) -> Peer {
    let address = IpAddr::from([192, 0, 2, number]);
    Peer { address, asn: Asn(90 + u32::from(number)) }
}

fn nlri(prefix: &str) -> Nlri {
    Nlri { prefix: prefix.parse().unwrap(), path_id: None }
}

/// The registry of an address by its first octet; nobody gave 66.0.0.0/7.
fn rir(prefix: Prefix) -> Option<Rir> {
    let IpAddr::V4(network) = prefix.network() else { return None };
    if matches!(network.octets()[0], 66 | 67) {
        return None;
    }
    let all = [Rir::Arin, Rir::Ripe, Rir::Apnic, Rir::Lacnic, Rir::Afrinic];
    all.get(usize::from(network.octets()[0]) % 5).copied()
}
