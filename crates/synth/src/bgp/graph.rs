//! Who is whose neighbour, as flat lists: what propagation walks through
//! millions of times. Nodes are indices into the networks of the world.

use crate::topology::Links;

/// The neighbours of every node, by what they are to it.
pub(super) struct Graph {
    pub(super) providers: Lists,
    pub(super) customers: Lists,
    pub(super) peers: Lists,
    /// Of the same organisation: they exchange everything.
    pub(super) siblings: Lists,
}

impl Graph {
    pub(super) fn of(nodes: usize, links: &Links) -> Self {
        let down: Vec<(u32, u32)> =
            links.transit.iter().map(|&pair| narrow(pair)).collect();
        let turned = |pairs: &[(u32, u32)]| -> Vec<(u32, u32)> {
            pairs.iter().map(|&(a, b)| (b, a)).collect()
        };
        let both = |pairs: &[(usize, usize)]| {
            let mut all: Vec<(u32, u32)> =
                pairs.iter().map(|&pair| narrow(pair)).collect();
            all.extend(turned(&all));
            Lists::of(nodes, &all)
        };
        Self {
            providers: Lists::of(nodes, &turned(&down)),
            customers: Lists::of(nodes, &down),
            peers: both(&links.peering),
            siblings: both(&links.siblings),
        }
    }

    pub(super) fn nodes(&self) -> usize {
        self.providers.starts.len() - 1
    }

    /// Whether two networks are neighbours of any kind.
    pub(super) fn are_neighbours(&self, a: u32, b: u32) -> bool {
        [&self.providers, &self.customers, &self.peers, &self.siblings]
            .iter()
            .any(|lists| lists.of_node(a).contains(&b))
    }

    /// The customers on the ways down to some nodes: these themselves, and all
    /// above them, siblings included.
    pub(super) fn ways_to(&self, targets: &[u32]) -> Lists {
        let mut is_on_way = vec![false; self.nodes()];
        let mut open = targets.to_vec();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut is_on_way[node as usize], true) {
                open.extend(self.providers.of_node(node));
                open.extend(self.siblings.of_node(node));
            }
        }
        let pairs: Vec<(u32, u32)> = (0..node(self.nodes()))
            .flat_map(|from| {
                let customers = self.customers.of_node(from).iter();
                customers.map(move |&to| (from, to))
            })
            .filter(|&(_, to)| is_on_way[to as usize])
            .collect();
        Lists::of(self.nodes(), &pairs)
    }

    /// All providers, theirs, and so on.
    pub(super) fn above(&self, node: u32) -> Vec<u32> {
        let mut found = vec![node];
        let mut next = 0;
        while let Some(&at) = found.get(next) {
            for &provider in self.providers.of_node(at) {
                if !found.contains(&provider) {
                    found.push(provider);
                }
            }
            next += 1;
        }
        found
    }
}

/// A list of nodes for every node.
pub(super) struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// From pairs of node and item, in the order of the pairs.
    fn of(nodes: usize, pairs: &[(u32, u32)]) -> Self {
        let mut starts = vec![0u32; nodes + 1];
        for &(node, _) in pairs {
            starts[node as usize + 1] += 1;
        }
        for at in 0..nodes {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut items = vec![0; pairs.len()];
        for &(node, item) in pairs {
            let place = &mut next[node as usize];
            items[*place as usize] = item;
            *place += 1;
        }
        Self { starts, items }
    }

    pub(super) fn of_node(&self, node: u32) -> &[u32] {
        let node = node as usize;
        let (from, to) = (self.starts[node], self.starts[node + 1]);
        &self.items[from as usize..to as usize]
    }
}

/// Indices of a world fit into 32 bits: there are no more AS numbers.
pub(super) fn node(index: usize) -> u32 {
    u32::try_from(index).expect("fewer networks than AS numbers")
}

fn narrow((a, b): (usize, usize)) -> (u32, u32) {
    (node(a), node(b))
}
