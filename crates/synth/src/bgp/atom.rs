//! Prefixes that are announced alike: by the same origins, to the same
//! neighbours, with the same repetitions. They share all their paths, so one
//! propagation serves them all.

use std::collections::HashMap;

use asgard_model::Prefix;

use super::{
    graph::{Graph, node},
    propagation::{Class, Offer},
};
use crate::space::Route;

/// What is announced alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    pub(super) origins: Vec<u32>,
    pub(super) offers: Vec<Offer>,
}

/// How an origin announces a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Manner {
    /// To all neighbours alike.
    Plain,
    /// Not to all providers, but to the n-th alone.
    Through(u8),
    /// To all, with this many repetitions of its own number.
    Repeated(u8),
    /// To all, to the n-th provider with repetitions.
    RepeatedTo(u8, u8),
    /// To all, to one peer as if he were a provider (a hybrid connection).
    PeerAsProvider(u32),
}

impl Atom {
    pub(super) fn of(graph: &Graph, origins: &[u32], manner: Manner) -> Self {
        let mut offers = Vec::new();
        for &from in origins {
            announce(graph, from, manner, &mut offers);
        }
        let atom = Self { origins: origins.to_vec(), offers };
        match (manner, origins) {
            (Manner::PeerAsProvider(peer), &[origin]) => {
                atom.with_provider(origin, peer)
            }
            _ => atom,
        }
    }

    /// As from now on also announced to somebody, who takes the origin for his
    /// customer.
    pub(super) fn with_provider(mut self, from: u32, to: u32) -> Self {
        self.offers.retain(|offer| (offer.from, offer.to) != (from, to));
        let class = Class::Customer;
        self.offers.push(Offer { from, to, class, len: 1, leaked: false });
        self
    }
}

fn announce(graph: &Graph, from: u32, manner: Manner, into: &mut Vec<Offer>) {
    let mut offer = |to: u32, class: Class, repeats: u8| {
        let len = 1 + u16::from(repeats);
        into.push(Offer { from, to, class, len, leaked: false });
    };
    let (everywhere, chosen) = match manner {
        Manner::Plain | Manner::PeerAsProvider(_) => (0, None),
        Manner::Repeated(count) => (count, None),
        Manner::Through(position) | Manner::RepeatedTo(position, _) => {
            (0, Some(usize::from(position)))
        }
    };
    for (position, &to) in graph.providers.of_node(from).iter().enumerate() {
        match manner {
            Manner::Through(_) if chosen != Some(position) => {}
            Manner::RepeatedTo(_, count) if chosen == Some(position) => {
                offer(to, Class::Customer, count);
            }
            _ => offer(to, Class::Customer, everywhere),
        }
    }
    for &to in graph.siblings.of_node(from) {
        offer(to, Class::Customer, everywhere);
    }
    for &to in graph.peers.of_node(from) {
        offer(to, Class::Peer, everywhere);
    }
    for &to in graph.customers.of_node(from) {
        offer(to, Class::Provider, everywhere);
    }
}

/// All prefixes, by prefix, and how they are announced.
pub(super) struct Announced {
    pub(super) atoms: Vec<Atom>,
    /// Prefix and index of its atom; sorted, every prefix once.
    pub(super) prefixes: Vec<(Prefix, u32)>,
}

impl Announced {
    /// Groups the routes, which are sorted by prefix.
    pub(super) fn of(
        graph: &Graph,
        routes: &[Route],
        manner: impl Fn(&[u32], Prefix) -> Manner,
    ) -> Self {
        let mut known: HashMap<(Vec<u32>, Manner), u32> = HashMap::new();
        let mut announced = Self { atoms: Vec::new(), prefixes: Vec::new() };
        for same in routes.chunk_by(|a, b| a.prefix == b.prefix) {
            let prefix = same[0].prefix;
            let mut origins: Vec<u32> =
                same.iter().map(|route| node(route.origin)).collect();
            origins.sort_unstable();
            origins.dedup();
            let manner = manner(&origins, prefix);
            let atoms = &mut announced.atoms;
            let atom = *known.entry((origins, manner)).or_insert_with_key(
                |(origins, manner)| {
                    atoms.push(Atom::of(graph, origins, *manner));
                    node(atoms.len() - 1)
                },
            );
            announced.prefixes.push((prefix, atom));
        }
        announced
    }

    /// The place of a prefix among the sorted ones.
    pub(super) fn find(&self, prefix: Prefix) -> Option<usize> {
        self.prefixes.binary_search_by_key(&prefix, |&(of, _)| of).ok()
    }
}

/// What origins without plans do: most announce plainly, some prefer one
/// provider, some repeat their number up to four times.
pub(super) fn usual(graph: &Graph, origins: &[u32], prefix: Prefix) -> Manner {
    let &[origin] = origins else { return Manner::Plain };
    let providers = graph.providers.of_node(origin).len();
    // An origin has one favourite provider and one number of repetitions.
    let (draw, more) = (draw(prefix, 100), origin.wrapping_mul(0x9e37_79b9));
    let more = more >> 16;
    let repeats = u8::try_from(1 + more % 4).unwrap_or(1);
    let chosen = u8::try_from(more as usize % providers.max(1)).unwrap_or(0);
    match draw {
        0..70 => Manner::Plain,
        70..78 if providers > 1 => Manner::Through(chosen),
        78..93 if providers > 1 => Manner::RepeatedTo(chosen, repeats),
        93.. => Manner::Repeated(repeats),
        _ => Manner::Plain,
    }
}

/// A number below `bound` that is always the same for a prefix.
pub(super) fn draw(prefix: Prefix, bound: u32) -> u32 {
    let (bits, len) = match prefix {
        Prefix::V4(bits, len) => (u64::from(bits), len),
        Prefix::V6(bits, len) => {
            (u64::try_from(bits >> 64).unwrap_or_default(), len)
        }
    };
    let mut mixed =
        (bits ^ u64::from(len) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 31).wrapping_mul(0x94d0_49bb_1331_11eb);
    let wide = (mixed >> 32) * u64::from(bound);
    u32::try_from(wide >> 32).unwrap_or(0)
}
