//! What was planted: the answers against which a reader of the files is
//! measured. It holds no scores, only what they must obey.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use asgard_model::{Asn, Prefix};

use crate::{
    network::{Network, Plant, Trade},
    roa::Rov,
    world::World,
};

/// What was planted in the files of a plan.
///
/// The sets of hosters, victims, clouds, clean stubs, newcomers and
/// `misjudged` are disjoint; the other sets overlap with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Every ASN of the world.
    pub asns: BTreeSet<Asn>,
    /// Small space, dense C2 of two families for twelve months: CRITICAL.
    pub bulletproof: BTreeSet<Asn>,
    /// Some 25 live C2 servers in four /24s for ten months: HIGH.
    pub high: BTreeSet<Asn>,
    /// A dozen live C2 servers in eight /24s for six months: MEDIUM.
    pub medium: BTreeSet<Asn>,
    /// In ASN-DROP in the newest file.
    pub asn_drop: BTreeSet<Asn>,
    /// In ASN-DROP until 45 days before the newest file.
    pub delisted: BTreeSet<Asn>,
    /// In ASN-DROP, registered, without any route; part of `asn_drop`.
    pub dormant: BTreeSet<Asn>,
    /// Prefixes in the newest DROP.
    pub drop: BTreeSet<Prefix>,
    /// A few compromised machines in much space: LOW.
    pub victims: BTreeSet<Asn>,
    /// Many reports in a huge space: LOW, score at least 90.
    pub clouds: BTreeSet<Asn>,
    /// Never listed, nothing invalid: LOW.
    pub clean_stubs: BTreeSet<Asn>,
    /// Registered at most 20 days ago, routed, never listed.
    pub newcomers: BTreeSet<Asn>,
    /// Small networks full of false entries (scanner, relays, resolvers): LOW.
    pub misjudged: BTreeSet<Asn>,
    /// A fifth of whose space is RPKI-invalid, a stranger's: at most MEDIUM.
    pub squatters: BTreeSet<Asn>,
    /// Origins of at least one RPKI-invalid route.
    pub rpki_invalid: BTreeSet<Asn>,
    /// Provider-free networks, connected each with each.
    pub clique: BTreeSet<Asn>,
    /// Direct providers by customer.
    pub providers: BTreeMap<Asn, BTreeSet<Asn>>,
    /// Every announcement, ordered by prefix.
    pub routes: Vec<RouteTruth>,
    /// Entries of lists that must move nothing.
    pub false_entries: Vec<FalseEntry>,
}

/// One announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteTruth {
    /// What is announced.
    pub prefix: Prefix,
    /// Who announces it.
    pub origin: Asn,
    /// What RFC 6811 says about it, with the VRPs of the same files.
    pub rov: Rov,
}

/// A listed address that is innocent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FalseEntry {
    /// The listed address.
    pub address: Ipv4Addr,
    /// Who announces it; `None` for private space.
    pub origin: Option<Asn>,
    /// Why it is innocent.
    pub reason: FalseReason,
}

/// Why a listed address is innocent, and which file says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FalseReason {
    /// A public resolver (`ranges/misp-warninglists-…/public-dns-v4`).
    Resolver,
    /// A search engine (`ranges/cloud-ips-…/googlebot`, `ranges/ipranges-…`).
    Crawler,
    /// A research scanner (`ranges/borestad-…/censys.ipv4`).
    Scanner,
    /// An exit of an anonymity network (`threats/firehol/tor_exits`).
    Relay,
    /// Private space (RFC 1918).
    Private,
}

impl Truth {
    /// Origins of the longest announced prefix that contains the address.
    pub fn origins(&self, address: IpAddr) -> BTreeSet<Asn> {
        let containing =
            || self.routes.iter().filter(|r| r.prefix.contains(address));
        let longest = containing().map(|route| route.prefix.len()).max();
        containing()
            .filter(|route| Some(route.prefix.len()) == longest)
            .map(|route| route.origin)
            .collect()
    }

    pub(crate) fn of(world: &World) -> Self {
        let routes = routes(world);
        let invalid = routes.iter().filter(|route| route.rov == Rov::Invalid);
        let rpki_invalid = invalid.map(|route| route.origin).collect();
        let planted = |plant| asns(world, |n| n.plant == plant);
        Self {
            asns: asns(world, |_| true),
            bulletproof: asns(world, |n| {
                matches!(n.plant, Plant::Bulletproof { .. })
            }),
            high: planted(Plant::High),
            medium: planted(Plant::Medium),
            asn_drop: asns(world, |n| n.plant.in_asn_drop()),
            delisted: planted(Plant::Delisted),
            dormant: planted(Plant::Dormant),
            drop: world.abuse.drop.iter().copied().collect(),
            victims: planted(Plant::Victim),
            clouds: asns(world, |n| n.trade == Trade::Cloud),
            clean_stubs: clean_stubs(world, &rpki_invalid),
            newcomers: planted(Plant::Newcomer),
            misjudged: asns(world, |n| {
                matches!(
                    n.plant,
                    Plant::Scanner | Plant::Relay | Plant::Resolver
                )
            }),
            squatters: planted(Plant::Squatter),
            rpki_invalid,
            clique: asns(world, |n| n.trade == Trade::Tier1),
            providers: providers(world),
            routes,
            false_entries: false_entries(world),
        }
    }
}

fn asns(world: &World, holds: impl Fn(&Network) -> bool) -> BTreeSet<Asn> {
    world.networks.iter().filter(|n| holds(n)).map(|n| n.asn).collect()
}

fn clean_stubs(world: &World, invalid: &BTreeSet<Asn>) -> BTreeSet<Asn> {
    asns(world, |network| {
        network.trade == Trade::Stub
            && network.plant == Plant::Ordinary
            && !invalid.contains(&network.asn)
    })
}

fn providers(world: &World) -> BTreeMap<Asn, BTreeSet<Asn>> {
    let mut providers: BTreeMap<Asn, BTreeSet<Asn>> = BTreeMap::new();
    let asn = |index: usize| world.networks[index].asn;
    for &(provider, customer) in &world.links.transit {
        providers.entry(asn(customer)).or_default().insert(asn(provider));
    }
    providers
}

fn routes(world: &World) -> Vec<RouteTruth> {
    let truth = |route: &crate::space::Route| {
        let origin = world.networks[route.origin].asn;
        let (rov, _) = world.roas.verdict(route.prefix, origin);
        RouteTruth { prefix: route.prefix, origin, rov }
    };
    world.table.routes.iter().map(truth).collect()
}

fn false_entries(world: &World) -> Vec<FalseEntry> {
    let entry = |&(address, reason): &(u32, FalseReason)| FalseEntry {
        address: Ipv4Addr::from_bits(address),
        origin: world
            .table
            .origins(address)
            .first()
            .map(|&index| world.networks[index].asn),
        reason,
    };
    world.abuse.falsehoods.iter().map(entry).collect()
}
