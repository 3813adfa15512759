//! Everything known about the Internet at one moment, before judgement.
//!
//! A World is immutable. Arrays run parallel to `asns`; an index into them is
//! called a *node*.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Asn, Category, CountrySpace, Day, Incident, Named, PeeringdbNets, Prefix,
    Route, RoutingTable, Signals, SourceId, graph::AsGraph,
    landmark::Landmarks, registration::Registration, rpki::Rpki,
    scoring::KnownThreats, signals::SourceHealth,
};

/// Everything known at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// The moment for which observations were aged.
    pub as_of: Timestamp,
    /// The scored set, ascending: delegated, routed, or named by a source.
    pub asns: Vec<Asn>,
    /// Who holds each number.
    pub registrations: Vec<Registration>,
    /// What was measured about each AS.
    pub signals: Vec<Signals>,
    /// Samples behind the signals; empty for most ASes.
    pub samples: Vec<Box<[Sample]>>,
    /// Who announces what.
    pub table: Arc<RoutingTable>,
    /// What RPKI says.
    pub rpki: Arc<Rpki>,
    /// In which country addresses are; empty if no source was loaded.
    pub countries: Arc<CountrySpace>,
    /// Routes of each AS.
    pub announced: Announced,
    /// Well-known ranges.
    pub landmarks: Arc<Landmarks>,
    /// Addresses and blocks that lists name.
    pub named: Named,
    /// Networks as they describe themselves, as far as a source lists them.
    pub peeringdb: Arc<PeeringdbNets>,
    /// Organisation of each AS, as an index that siblings share.
    pub organisations: Vec<Option<u32>>,
    /// Who buys from whom.
    pub graph: AsGraph,
    /// What networks did wrong in BGP, by [`Incident::order`].
    pub incidents: Vec<Incident>,
    /// Names of sources, by [`SourceId`].
    pub sources: Vec<Box<str>>,
    /// Which threat signals some source could know.
    pub known: KnownThreats,
    /// Freshness of the sources.
    pub health: SourceHealth,
    /// Name and day of the source of the routing table.
    pub routing_source: Box<str>,
    /// Generated, not real.
    pub demo: bool,
}

/// A piece of evidence that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// What it is evidence of.
    pub topic: Topic,
    /// The address, block or route.
    pub prefix: Prefix,
    /// Who says so; `None` if we computed it.
    pub source: Option<SourceId>,
    /// First and last day on which it was seen.
    pub first_seen: Option<Day>,
    /// See `first_seen`.
    pub last_seen: Option<Day>,
}

/// What a sample is evidence of.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
pub enum Topic {
    /// An observed address.
    Abuse(Category),
    /// ASN-DROP lists the AS.
    AsnDrop,
    /// DROP lists the block.
    Drop,
    /// The route is RPKI-invalid.
    RpkiInvalid,
    /// The route is bogon space.
    Bogon,
}

impl World {
    /// The node of an ASN; `None` if it is not scored.
    pub fn node(&self, asn: Asn) -> Option<usize> {
        self.asns.binary_search(&asn).ok()
    }

    /// Routes that an AS originates, ascending.
    pub fn routes_of(&self, node: usize) -> impl Iterator<Item = Route<'_>> {
        self.announced
            .of(node)
            .iter()
            .filter_map(|&index| self.table.route(index as usize))
    }

    /// Incidents in which an AS was at fault, the oldest first.
    pub fn incidents_of(&self, asn: Asn) -> &[Incident] {
        let begin = self.incidents.partition_point(|i| i.asn < asn);
        let rest = &self.incidents[begin..];
        &rest[..rest.partition_point(|i| i.asn == asn)]
    }

    /// Name of a source.
    pub fn source_name(&self, id: SourceId) -> &str {
        self.sources.get(usize::from(id.0)).map_or("unknown", |name| name)
    }
}

/// Routes of each node, as indexes into the routing table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Announced {
    starts: Vec<u32>,
    routes: Vec<u32>,
}

impl Announced {
    /// Collects the routes of `asns` (ascending); MOAS routes count for each
    /// origin, origins that are not in `asns` for nobody.
    pub fn new(asns: &[Asn], table: &RoutingTable) -> Self {
        let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(table.len());
        for (index, route) in (0u32..).zip(table.iter()) {
            for origin in route.origins {
                if let Ok(node) = asns.binary_search(origin) {
                    pairs.push((u32::try_from(node).unwrap_or(0), index));
                }
            }
        }
        pairs.sort_unstable();
        let mut starts = vec![0u32; asns.len() + 1];
        for &(node, _) in &pairs {
            starts[node as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Self { starts, routes: pairs.into_iter().map(|p| p.1).collect() }
    }

    /// Route indexes of a node, ascending.
    pub fn of(&self, node: usize) -> &[u32] {
        let bounds = self.starts.get(node).zip(self.starts.get(node + 1));
        bounds
            .and_then(|(&a, &b)| self.routes.get(a as usize..b as usize))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TableBuilder, rpki::VrpSet};

    #[test]
    fn a_route_with_two_origins_counts_for_both() {
        let mut builder = TableBuilder::default();
        for (prefix, asn) in
            [("10.0.0.0/8", 1), ("10.0.0.0/8", 2), ("11.0.0.0/8", 2)]
        {
            builder.announce(prefix.parse().unwrap(), Asn(asn), None);
        }
        let table = builder.build(&VrpSet::default());
        let announced = Announced::new(&[Asn(1), Asn(2), Asn(3)], &table);
        assert_eq!(announced.of(0), [0]);
        assert_eq!(announced.of(1), [0, 1]);
        assert_eq!(announced.of(2), []);
    }
}
