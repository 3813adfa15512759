//! Who buys transit from whom, who peers, and who belongs together.
//!
//! Inferred from the paths of a table ([`Relationships::infer`], after Luckie
//! et al., "AS Relationships, Customer Cones, and Validation", IMC 2013), or
//! loaded from as-rel data, or both. Every link has a confidence: a detector
//! that blames somebody asks for much of it, a count of upstreams for little.
//!
//! Not here: relationships by region (hybrid links have the one that most paths
//! show), and links that no path crosses.

use asgard_model::{Asn, graph::Relationship};
use rustc_hash::{FxHashMap, FxHashSet};

mod assume;
mod clique;
mod corpus;
mod infer;
#[cfg(test)]
mod tests;
mod votes;

pub use corpus::Observed;
pub use infer::Options;

/// What the second of two networks is to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The first pays it.
    Provider,
    /// It pays the first.
    Customer,
    /// Nobody pays.
    Peer,
}

impl Relation {
    /// What the first is to the second.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Provider => Self::Customer,
            Self::Customer => Self::Provider,
            Self::Peer => Self::Peer,
        }
    }
}

/// Links between networks.
#[derive(Clone, Debug, Default)]
pub struct Relationships {
    /// By both ends, the lower number first: what the higher is to the lower.
    links: FxHashMap<(Asn, Asn), (Relation, f32)>,
    /// Ascending.
    clique: Vec<Asn>,
    organisations: FxHashMap<Asn, u32>,
    route_servers: FxHashSet<Asn>,
}

/// How sure loaded links are: as-rel data are inferred as well.
const LOADED: f32 = 0.95;
/// How sure a link is when two sources agree on it.
const AGREED: f32 = 0.99;
/// How sure a link is when two sources contradict each other.
const DISPUTED: f32 = 0.6;
/// From here on an inference can contradict.
const SURE: f32 = 0.9;

impl Relationships {
    /// Infers links from paths.
    pub fn infer<'p>(
        paths: impl IntoIterator<Item = Observed<'p>>,
        options: Options,
    ) -> Self {
        infer::infer(paths, options)
    }

    /// Links that are known, each with its confidence, 0–1; the number of the
    /// organisation of those who have one; and the route servers.
    pub fn known(
        links: impl IntoIterator<Item = (Asn, Asn, Relationship, f32)>,
        organisations: impl IntoIterator<Item = (Asn, u32)>,
        route_servers: impl IntoIterator<Item = Asn>,
    ) -> Self {
        let mut known = Self {
            organisations: organisations.into_iter().collect(),
            route_servers: route_servers.into_iter().collect(),
            ..Self::default()
        };
        for (a, b, relationship, confidence) in links {
            let relation = match relationship {
                Relationship::ProviderOf => Relation::Customer,
                Relationship::Peer => Relation::Peer,
            };
            known.put(a, b, relation, confidence);
        }
        known
    }

    /// As-rel data as links of the usual confidence.
    pub fn loaded(
        links: impl IntoIterator<Item = (Asn, Asn, Relationship)>,
    ) -> Self {
        let links = links.into_iter().map(|(a, b, r)| (a, b, r, LOADED));
        Self::known(links, [], [])
    }

    /// `relation` is what `b` is to `a`.
    fn put(&mut self, a: Asn, b: Asn, relation: Relation, confidence: f32) {
        match a.cmp(&b) {
            std::cmp::Ordering::Less => {
                self.links.insert((a, b), (relation, confidence));
            }
            std::cmp::Ordering::Greater => {
                self.links.insert((b, a), (relation.reversed(), confidence));
            }
            std::cmp::Ordering::Equal => {}
        }
    }

    /// Adds links of another source, which are believed where the two differ;
    /// a link of which both are sure, and differ, is sure no more.
    #[must_use]
    pub fn merge(mut self, loaded: Self) -> Self {
        for (ends, (relation, confidence)) in loaded.links {
            let confidence = match self.links.get(&ends) {
                Some((known, _)) if *known == relation => AGREED,
                Some((_, sure)) if *sure >= SURE => DISPUTED,
                _ => confidence,
            };
            self.links.insert(ends, (relation, confidence));
        }
        if self.clique.is_empty() {
            self.clique = loaded.clique;
        }
        self.organisations.extend(loaded.organisations);
        self.route_servers.extend(loaded.route_servers);
        self
    }

    /// The same with other organisations: networks with one number are kin.
    #[must_use]
    pub fn with_organisations(
        mut self,
        organisations: impl IntoIterator<Item = (Asn, u32)>,
    ) -> Self {
        self.organisations = organisations.into_iter().collect();
        self
    }

    /// What `b` is to `a`, and how sure that is, 0–1.
    pub fn between(&self, a: Asn, b: Asn) -> Option<(Relation, f32)> {
        if a <= b {
            return self.links.get(&(a, b)).copied();
        }
        let (relation, confidence) = *self.links.get(&(b, a))?;
        Some((relation.reversed(), confidence))
    }

    /// Whether two networks belong to one organisation; nobody is a sibling of
    /// itself.
    pub fn siblings(&self, a: Asn, b: Asn) -> bool {
        let of = |asn: Asn| self.organisations.get(&asn);
        a != b && of(a).is_some_and(|one| of(b) == Some(one))
    }

    /// Whether a network is the route server of an exchange point: it hands on
    /// what its members say and is no hop of its own.
    pub fn is_route_server(&self, asn: Asn) -> bool {
        self.route_servers.contains(&asn)
    }

    /// The networks without providers that peer with each other, ascending.
    pub fn clique(&self) -> &[Asn] {
        &self.clique
    }

    /// All links with their confidence, in no order; in one of provider and
    /// customer the provider comes first.
    pub fn edges(&self) -> impl Iterator<Item = (Asn, Asn, Relationship, f32)> {
        self.links.iter().map(|(&(a, b), &(relation, confidence))| {
            match relation {
                Relation::Customer => {
                    (a, b, Relationship::ProviderOf, confidence)
                }
                Relation::Provider => {
                    (b, a, Relationship::ProviderOf, confidence)
                }
                Relation::Peer => (a, b, Relationship::Peer, confidence),
            }
        })
    }

    /// Number of links.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether no link is known.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }
}
