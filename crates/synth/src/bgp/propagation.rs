//! Who hears of a route, from whom: the model of Gao and Rexford ("Stable
//! Internet Routing Without Global Coordination", 2001).
//!
//! Everybody prefers routes of customers to those of peers to those of
//! providers, then the shorter path, then a fixed whim. Routes of customers go
//! to everybody, all others to customers only; siblings hand on what they have
//! as if they were one. A leak is an offer that breaks the second rule.
//!
//! Three sweeps by length settle all networks: up, across, down.

use super::graph::{Graph, Lists};

/// From whom a network has its best route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// It announces it itself.
    Own,
    Customer,
    Peer,
    Provider,
    /// It has none.
    Absent,
}

/// An announcement to one neighbour: by an origin, or by one who leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) from: u32,
    pub(super) to: u32,
    /// What the one who offers is to the one who is offered.
    pub(super) class: Class,
    /// Length of the path at the one who is offered, repetitions included.
    pub(super) len: u16,
    pub(super) leaked: bool,
}

/// What is not as always.
#[derive(Clone, Copy, Default)]
pub(super) struct Circumstances<'c> {
    /// A connection that is down.
    pub(super) cut: Option<(u32, u32)>,
    /// Those who are on the path that is leaked: they would hear themselves
    /// and refuse (RFC 4271, 9.1.2).
    pub(super) on_path: &'c [u32],
}

/// One announcement, as it goes through the graph; reused for many.
pub(super) struct Propagation<'g> {
    graph: &'g Graph,
    /// To which customers routes go down.
    down: &'g Lists,
    class: Vec<Class>,
    len: Vec<u16>,
    parent: Vec<u32>,
    leaked: Vec<bool>,
    /// Who has a route, in the order of hearing it.
    heard: Vec<u32>,
    /// Candidates by length.
    rounds: Vec<Vec<Candidate>>,
}

#[derive(Clone, Copy)]
struct Candidate {
    to: u32,
    from: u32,
    leaked: bool,
}

impl<'g> Propagation<'g> {
    /// Everybody hears of everything.
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self::towards(graph, &graph.customers)
    }

    /// On the way down, only these customers hear of a route: enough for those
    /// whose providers, and theirs, are all among them.
    pub(super) fn towards(graph: &'g Graph, down: &'g Lists) -> Self {
        let nodes = graph.nodes();
        Self {
            graph,
            down,
            class: vec![Class::Absent; nodes],
            len: vec![0; nodes],
            parent: vec![0; nodes],
            leaked: vec![false; nodes],
            heard: Vec::new(),
            rounds: Vec::new(),
        }
    }

    /// Lets a route go out from its origins, by their offers and those of
    /// leakers.
    pub(super) fn run(
        &mut self,
        origins: &[u32],
        offers: &[Offer],
        how: Circumstances<'_>,
    ) {
        for node in self.heard.drain(..) {
            self.class[node as usize] = Class::Absent;
        }
        for &origin in origins {
            self.settle(origin, Class::Own, 0, (origin, false));
        }
        for class in [Class::Customer, Class::Peer, Class::Provider] {
            for offer in offers.iter().filter(|offer| offer.class == class) {
                let Offer { from, to, len, leaked, .. } = *offer;
                self.push(usize::from(len), Candidate { to, from, leaked });
            }
            self.hand_over(class);
            self.sweep(class, how);
        }
    }

    pub(super) fn class(&self, node: u32) -> Class {
        self.class[node as usize]
    }

    pub(super) fn len(&self, node: u32) -> u16 {
        self.len[node as usize]
    }

    /// From whom a node has its route; itself if it is an origin.
    pub(super) fn parent(&self, node: u32) -> u32 {
        self.parent[node as usize]
    }

    /// The path of a node's route, from itself to the origin, appended; false
    /// if it has none.
    pub(super) fn path(&self, node: u32, into: &mut Vec<u32>) -> bool {
        if self.class(node) == Class::Absent {
            return false;
        }
        let (mut at, mut repeats) = (node, 0);
        while self.class(at) != Class::Own {
            into.push(at);
            repeats = self.len(at);
            at = self.parent(at);
        }
        // Who hears the origin itself has a path as long as its repetitions.
        into.extend(std::iter::repeat_n(at, usize::from(repeats.max(1))));
        true
    }

    /// What those who have a route already give to the next sweep.
    fn hand_over(&mut self, class: Class) {
        let graph = self.graph;
        for at in 0..self.heard.len() {
            let node = self.heard[at];
            let receivers = match (self.class(node), class) {
                (Class::Own, _) | (_, Class::Customer) => continue,
                (Class::Customer, Class::Peer) => graph.peers.of_node(node),
                (_, Class::Provider) => self.down.of_node(node),
                _ => continue,
            };
            self.offer_all(node, receivers);
        }
    }

    fn sweep(&mut self, class: Class, how: Circumstances<'_>) {
        let graph = self.graph;
        let mut round = 0;
        while round < self.rounds.len() {
            let candidates = std::mem::take(&mut self.rounds[round]);
            let new = self.heard.len();
            for &candidate in &candidates {
                self.consider(candidate, class, round, how);
            }
            for at in new..self.heard.len() {
                let node = self.heard[at];
                match class {
                    Class::Customer => {
                        self.offer_all(node, graph.providers.of_node(node));
                    }
                    Class::Provider => {
                        self.offer_all(node, self.down.of_node(node));
                    }
                    _ => {}
                }
                self.offer_all(node, graph.siblings.of_node(node));
            }
            // The vector is given back, so that its space is used again.
            let mut candidates = candidates;
            candidates.clear();
            self.rounds[round] = candidates;
            round += 1;
        }
    }

    fn consider(
        &mut self,
        candidate: Candidate,
        class: Class,
        round: usize,
        how: Circumstances<'_>,
    ) {
        let Candidate { to, from, leaked } = candidate;
        let is_cut =
            how.cut.is_some_and(|cut| cut == (to, from) || cut == (from, to));
        if is_cut || (leaked && how.on_path.contains(&to)) {
            return;
        }
        let len = u16::try_from(round).unwrap_or(u16::MAX);
        if self.class(to) == Class::Absent {
            self.settle(to, class, len, (from, leaked));
        } else if self.class(to) == class
            && self.len(to) == len
            && whim(to, from) < whim(to, self.parent(to))
        {
            self.parent[to as usize] = from;
            self.leaked[to as usize] = leaked;
        }
    }

    fn settle(
        &mut self,
        node: u32,
        class: Class,
        len: u16,
        (parent, leaked): (u32, bool),
    ) {
        self.class[node as usize] = class;
        self.len[node as usize] = len;
        self.parent[node as usize] = parent;
        self.leaked[node as usize] = leaked;
        self.heard.push(node);
    }

    fn offer_all(&mut self, from: u32, receivers: &[u32]) {
        let round = usize::from(self.len(from)) + 1;
        let leaked = self.leaked[from as usize];
        for &to in receivers {
            if self.class(to) == Class::Absent {
                self.push(round, Candidate { to, from, leaked });
            }
        }
    }

    fn push(&mut self, round: usize, candidate: Candidate) {
        if self.rounds.len() <= round {
            self.rounds.resize_with(round + 1, Vec::new);
        }
        self.rounds[round].push(candidate);
    }
}

/// Why a network prefers one of two neighbours of the same kind with paths of
/// the same length: always the same.
fn whim(node: u32, neighbour: u32) -> u32 {
    let mixed = (u64::from(node) << 32 | u64::from(neighbour))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from(
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32,
    )
    .unwrap_or(0)
}
