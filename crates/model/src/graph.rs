//! The AS graph: providers, customers, peers, customer cones, the clique.
//!
//! Nodes are indexes into an ascending list of ASNs that the caller owns.
//! Upstream and downstream of the API are *provider* and *customer* here.

use serde::{Deserialize, Serialize};

use crate::Asn;

/// Relationship of `a` to `b` in one edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relationship {
    /// `a` is a provider of `b` (CAIDA: −1).
    ProviderOf,
    /// `a` and `b` are peers (CAIDA: 0).
    Peer,
}

/// Neighbour lists of all ASes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AsGraph {
    providers: Adjacency,
    customers: Adjacency,
    peers: Adjacency,
    cone: Vec<u32>,
    clique: Vec<u32>,
    /// Parallel to the targets of `providers`; empty if nobody counted.
    connections: Vec<u32>,
}

/// Compressed sparse rows: the neighbours of node i are
/// `targets[starts[i]..starts[i + 1]]`, ascending.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Adjacency {
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Adjacency {
    fn new(nodes: usize, mut edges: Vec<(u32, u32)>) -> Self {
        edges.sort_unstable();
        edges.dedup();
        let mut starts = vec![0u32; nodes + 1];
        for &(from, _) in &edges {
            starts[from as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Self { starts, targets: edges.into_iter().map(|e| e.1).collect() }
    }

    fn of(&self, node: usize) -> &[u32] {
        let bounds = self.starts.get(node).zip(self.starts.get(node + 1));
        bounds
            .and_then(|(&a, &b)| self.targets.get(a as usize..b as usize))
            .unwrap_or_default()
    }
}

impl AsGraph {
    /// Builds the graph over `asns` (ascending). Edges with an unknown end,
    /// and loops, are left out. An edge that is listed both as customer and
    /// as peer is a customer edge.
    pub fn new(asns: &[Asn], edges: &[(Asn, Asn, Relationship)]) -> Self {
        let node = |asn: Asn| {
            asns.binary_search(&asn).ok().and_then(|i| u32::try_from(i).ok())
        };
        let mut down = Vec::new();
        let mut across = Vec::new();
        for &(a, b, relationship) in edges {
            let (Some(a), Some(b)) = (node(a), node(b)) else { continue };
            match relationship {
                _ if a == b => {}
                Relationship::ProviderOf => down.push((a, b)),
                Relationship::Peer => across.extend([(a, b), (b, a)]),
            }
        }
        let up = down.iter().map(|&(a, b)| (b, a)).collect();
        let mut graph = Self {
            providers: Adjacency::new(asns.len(), up),
            customers: Adjacency::new(asns.len(), down),
            ..Self::default()
        };
        across.retain(|&(a, b)| !graph.is_transit(a, b));
        graph.peers = Adjacency::new(asns.len(), across);
        graph.cone = graph.cones(asns.len());
        graph.clique = graph.find_clique();
        graph
    }

    fn is_transit(&self, a: u32, b: u32) -> bool {
        let customers = |x: u32| self.customers.of(x as usize);
        customers(a).binary_search(&b).is_ok()
            || customers(b).binary_search(&a).is_ok()
    }

    /// Providers of a node, as ascending node indexes.
    pub fn providers(&self, node: usize) -> &[u32] {
        self.providers.of(node)
    }

    /// Routes (distinct pairs of prefix and peer) of a node over each of its
    /// [`Self::providers`], in their order; `None` if nobody counted.
    pub fn connections(&self, node: usize) -> Option<&[u32]> {
        let starts = &self.providers.starts;
        let (&begin, &end) = starts.get(node).zip(starts.get(node + 1))?;
        if self.connections.is_empty() {
            return None;
        }
        self.connections.get(begin as usize..end as usize)
    }

    /// Notes the routes of origins over their providers, as `of` (origin,
    /// provider) tells them; nodes are indexes.
    pub fn count_connections(&mut self, of: impl Fn(usize, usize) -> u32) {
        let nodes = self.providers.starts.len().saturating_sub(1);
        self.connections = (0..nodes)
            .flat_map(|node| {
                self.providers.of(node).iter().map(move |&p| (node, p as usize))
            })
            .map(|(origin, provider)| of(origin, provider))
            .collect();
    }

    /// Takes over a clique that is known better than [`Self::new`] can tell it:
    /// from paths. Ascending nodes.
    pub fn set_clique(&mut self, nodes: Vec<u32>) {
        self.clique = nodes;
    }

    /// Customers of a node, as ascending node indexes.
    pub fn customers(&self, node: usize) -> &[u32] {
        self.customers.of(node)
    }

    /// Peers of a node, as ascending node indexes.
    pub fn peers(&self, node: usize) -> &[u32] {
        self.peers.of(node)
    }

    /// Number of ASes that can be reached through customers only, the AS
    /// itself included ("recursive" customer cone); 1 for a stub.
    pub fn cone(&self, node: usize) -> u32 {
        self.cone.get(node).copied().unwrap_or(1)
    }

    /// The provider-free networks that peer with each other, ascending.
    pub fn clique(&self) -> &[u32] {
        &self.clique
    }

    /// Number of edges: (provider–customer, peer–peer).
    pub fn edge_counts(&self) -> (usize, usize) {
        (self.customers.targets.len(), self.peers.targets.len() / 2)
    }

    fn cones(&self, nodes: usize) -> Vec<u32> {
        let mut seen = vec![u32::MAX; nodes];
        let mut stack = Vec::new();
        let mut size_of = |root: u32| {
            let mut size = 0;
            stack.push(root);
            seen[root as usize] = root;
            while let Some(node) = stack.pop() {
                size += 1;
                for &next in self.customers.of(node as usize) {
                    if seen[next as usize] != root {
                        seen[next as usize] = root;
                        stack.push(next);
                    }
                }
            }
            size
        };
        (0..u32::try_from(nodes).unwrap_or(0)).map(&mut size_of).collect()
    }

    /// Greedy clique of provider-free networks by cone size, after the clique
    /// step of Luckie et al. (IMC 2013): a candidate joins if it peers with at
    /// least nine tenths of the members, because no observed graph is complete.
    fn find_clique(&self) -> Vec<u32> {
        const SMALLEST_CONE: u32 = 50;
        let mut candidates: Vec<u32> = (0..self.cone.len())
            .filter(|&n| {
                self.providers(n).is_empty()
                    && self.cone(n) >= SMALLEST_CONE
                    && !self.peers(n).is_empty()
            })
            .filter_map(|n| u32::try_from(n).ok())
            .collect();
        candidates
            .sort_by_key(|&n| (std::cmp::Reverse(self.cone(n as usize)), n));
        let mut clique: Vec<u32> = Vec::new();
        for candidate in candidates {
            let peers = self.peers(candidate as usize);
            let known =
                clique.iter().filter(|m| peers.binary_search(m).is_ok());
            if known.count() * 10 >= clique.len() * 9 {
                clique.push(candidate);
            }
        }
        clique.sort_unstable();
        clique
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(u32, u32, Relationship)]) -> (Vec<Asn>, AsGraph) {
        let mut asns: Vec<Asn> =
            edges.iter().flat_map(|e| [Asn(e.0), Asn(e.1)]).collect();
        asns.sort();
        asns.dedup();
        let edges: Vec<_> =
            edges.iter().map(|&(a, b, r)| (Asn(a), Asn(b), r)).collect();
        let graph = AsGraph::new(&asns, &edges);
        (asns, graph)
    }

    #[test]
    fn cones_count_each_customer_once() {
        use Relationship::{Peer, ProviderOf};
        let (asns, graph) = graph(&[
            (1, 2, ProviderOf),
            (1, 3, ProviderOf),
            (2, 4, ProviderOf),
            (3, 4, ProviderOf),
            (3, 4, Peer),
            (1, 9, Peer),
            (4, 4, Peer),
        ]);
        let node = |n: u32| asns.binary_search(&Asn(n)).unwrap();
        assert_eq!(graph.cone(node(1)), 4);
        assert_eq!(graph.cone(node(2)), 2);
        assert_eq!(graph.cone(node(9)), 1);
        assert_eq!(graph.providers(node(4)).len(), 2);
        assert_eq!(graph.peers(node(4)), [] as [u32; 0]);
        assert_eq!(graph.edge_counts(), (4, 1));
    }

    #[test]
    fn a_cycle_of_customers_ends() {
        use Relationship::ProviderOf;
        let (_, graph) = graph(&[
            (1, 2, ProviderOf),
            (2, 3, ProviderOf),
            (3, 1, ProviderOf),
        ]);
        assert_eq!(graph.cone(0), 3);
    }

    #[test]
    fn the_clique_is_provider_free_and_peers_with_itself() {
        use Relationship::{Peer, ProviderOf};
        let mut edges = vec![(1, 2, Peer), (1, 3, Peer), (2, 3, Peer)];
        // 4 is provider-free and large, but peers with one member only.
        edges.push((1, 4, Peer));
        for provider in 1..=4 {
            for i in 0..60 {
                edges.push((provider, provider * 1000 + i, ProviderOf));
            }
        }
        let (asns, graph) = graph(&edges);
        let clique: Vec<u32> =
            graph.clique().iter().map(|&n| asns[n as usize].0).collect();
        assert_eq!(clique, [1, 2, 3]);
    }

    #[test]
    fn connections_are_told_in_the_order_of_providers() {
        use Relationship::ProviderOf;
        let (asns, mut graph) = graph(&[
            (5, 1, ProviderOf),
            (2, 1, ProviderOf),
            (5, 2, ProviderOf),
        ]);
        assert_eq!(graph.connections(0), None);
        graph.count_connections(|origin, provider| {
            asns[origin].0 * 100 + asns[provider].0
        });
        assert_eq!(graph.connections(0), Some(&[102, 105][..]));
        assert_eq!(graph.connections(1), Some(&[205][..]));
        assert_eq!(graph.connections(2), Some(&[][..]));
        assert_eq!(graph.connections(9), None);
    }
}
