//! Valleys in a path: what came from a provider or peer and went on to
//! another (RFC 7908).
//!
//! In the direction of propagation a path goes up to providers, over at most
//! one peering, and down to customers (Gao and Rexford, 2001). Each AS that
//! received from above or beside and did not send down is a leaker; the other
//! side of the path, the origin first of all, is innocent.

use asgard_model::{Asn, Subtype, as_path::SegmentKind, graph::Relationship};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    path::PathView,
    relationships::{Relation, Relationships},
};

/// Relationships less certain than this accuse nobody on their own.
pub(super) const CERTAIN: f32 = 0.9;

/// One AS that sent on what it should have kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Leak {
    /// Who leaked.
    pub(super) by: Asn,
    /// From whom it had the route.
    pub(super) from: Asn,
    /// To whom it sent it.
    pub(super) to: Asn,
    pub(super) subtype: Subtype,
}

/// The ASes of a path as they handed the route on, the peer first: without
/// repetitions, route servers and confederations, up to the first set. `None`
/// if an AS is there twice: somebody put numbers of others into the path to
/// keep it from them ("poisoning"), or it runs in a circle.
pub(super) fn hops(
    path: PathView<'_>,
    relations: &Relationships,
) -> Option<Vec<Asn>> {
    let mut hops: Vec<Asn> = Vec::with_capacity(path.asns().len());
    for segment in path.segments() {
        match segment.kind {
            SegmentKind::Sequence => hops.extend(segment.asns),
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => {}
            SegmentKind::Set => break,
        }
    }
    hops.dedup();
    hops.retain(|&asn| !relations.is_route_server(asn));
    hops.dedup();
    // Paths have five hops: looking is cheaper than hashing.
    let again = |(at, asn)| hops[..at].contains(asn);
    (!hops.iter().enumerate().any(again)).then_some(hops)
}

/// Whether the second network certainly is no customer of the first, nor of
/// the same organisation.
pub(super) fn is_not_down(
    from: Asn,
    to: Asn,
    relations: &Relationships,
) -> bool {
    matches!(
        certain(from, to, relations),
        Some(Relation::Provider | Relation::Peer)
    )
}

/// What the second network is to the first, if that is certain. Siblings are
/// nothing to each other: they exchange everything.
pub(super) fn certain(
    a: Asn,
    b: Asn,
    relations: &Relationships,
) -> Option<Relation> {
    let (relation, confidence) = relations.between(a, b)?;
    let certain = confidence >= CERTAIN && !relations.siblings(a, b);
    certain.then_some(relation)
}

/// How many customers each network has, and who certainly buys from somebody, as
/// far as relationships know.
#[derive(Clone, Debug, Default)]
pub(super) struct Customers {
    count: FxHashMap<Asn, u32>,
    served: FxHashSet<Asn>,
}

/// A network with so many times the customers of another does not buy from it.
const LARGER: f64 = 1.5;
/// Fewer customers make nobody large.
const LARGE: u32 = 3;

impl Customers {
    pub(super) fn of(relations: &Relationships) -> Self {
        let mut found = Self::default();
        for (provider, customer, relationship, confidence) in relations.edges()
        {
            if relationship == Relationship::ProviderOf {
                *found.count.entry(provider).or_default() += 1;
                if confidence >= CERTAIN {
                    found.served.insert(customer);
                }
            }
        }
        found
    }

    pub(super) fn count(&self, asn: Asn) -> u32 {
        self.count.get(&asn).copied().unwrap_or(0)
    }

    /// Whether a network certainly buys from somebody.
    pub(super) fn is_served(&self, asn: Asn) -> bool {
        self.served.contains(&asn)
    }

    /// What a network is to another whose customer it certainly is not: by a
    /// relationship that is certain, or because it is clearly larger. Most
    /// peerings are seen by nobody until something leaks over them, so that of
    /// a larger stranger a peering is assumed.
    pub(super) fn above_or_beside(
        &self,
        asn: Asn,
        other: Asn,
        relations: &Relationships,
    ) -> Option<Relation> {
        let known = relations.between(asn, other);
        if relations.siblings(asn, other) {
            return None;
        }
        match known {
            Some((Relation::Customer, _)) => None,
            Some((relation, confidence)) if confidence >= CERTAIN => {
                Some(relation)
            }
            _ if self.is_larger(other, asn) => {
                Some(known.map_or(Relation::Peer, |(relation, _)| relation))
            }
            _ => None,
        }
    }

    fn is_larger(&self, one: Asn, other: Asn) -> bool {
        let (one, other) = (self.count(one), self.count(other));
        one >= LARGE && f64::from(one) >= LARGER * f64::from(other)
    }
}

/// The leaks of a path by what its ASes are to each other.
pub(super) fn leaks(
    hops: &[Asn],
    relations: &Relationships,
    customers: &Customers,
) -> Vec<Leak> {
    use Relation::{Customer, Peer, Provider};
    let of = |triplet: &[Asn]| {
        let &[to, by, from] = triplet else { return None };
        let received = customers.above_or_beside(by, from, relations)?;
        let sent = customers.above_or_beside(by, to, relations)?;
        if relations.siblings(from, to) {
            return None;
        }
        let subtype = match (received, sent) {
            (Provider, Provider) => Subtype::Type1,
            (Peer, Peer) => Subtype::Type2,
            (Provider, Peer) => Subtype::Type3,
            (Peer, Provider) => Subtype::Type4,
            (Customer, _) | (_, Customer) => return None,
        };
        Some(Leak { by, from, to, subtype })
    };
    hops.windows(3).filter_map(of).collect()
}
