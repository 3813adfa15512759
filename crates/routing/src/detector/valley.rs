//! Valleys in a path: what came from a provider or peer and went on to
//! another (RFC 7908).
//!
//! In the direction of propagation a path goes up to providers, over at most
//! one peering, and down to customers (Gao and Rexford, 2001). Each AS that
//! received from above or beside and did not send down is a leaker; the other
//! side of the path, the origin first of all, is innocent.

use asgard_model::{Asn, Subtype, as_path::SegmentKind};

use crate::{
    path::PathView,
    relationships::{Relation, Relationships},
};

/// Relationships less certain than this accuse nobody.
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

/// The leaks of a path by what its ASes are to each other.
pub(super) fn leaks(hops: &[Asn], relations: &Relationships) -> Vec<Leak> {
    use Relation::{Customer, Peer, Provider};
    let of = |triplet: &[Asn]| {
        let &[to, by, from] = triplet else { return None };
        let received = certain(by, from, relations)?;
        let sent = certain(by, to, relations)?;
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
