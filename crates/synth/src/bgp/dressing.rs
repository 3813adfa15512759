//! What routes carry beside their paths: numbers instead of nodes, communities,
//! and marks of those who do as RFC 9234 says.

use std::collections::HashMap;

use asgard_model::Asn;

use super::{
    graph::{Graph, node},
    message::Attributes,
};
use crate::{
    network::{Network, Trade},
    random::Random,
    topology::Links,
};

/// Nodes from here on are no networks: they stand for private numbers
/// (RFC 6996) behind one.
const PRIVATE: u32 = 1 << 31;

/// The node of a private number, which is in no graph.
pub(super) fn private(number: usize) -> u32 {
    PRIVATE + u32::try_from(number % 1_023).unwrap_or(0)
}

/// Who marks what.
pub(super) struct Dressing {
    asns: Vec<Asn>,
    /// Adds `ONLY_TO_CUSTOMER` to what it gives to customers and peers.
    marks: Vec<bool>,
    /// Adds communities that say where a route was learnt.
    tags: Vec<bool>,
    /// Peers who meet at an exchange whose route server puts its own number
    /// into the path, and that server.
    meetings: HashMap<(u32, u32), u32>,
}

impl Dressing {
    pub(super) fn of(seed: u64, networks: &[Network], links: &Links) -> Self {
        let mut random = Random::stream(seed, "dressing");
        let mut share = |large: u32, small: u32| -> Vec<bool> {
            let is_large = |network: &Network| {
                matches!(network.trade, Trade::Tier1 | Trade::Transit)
            };
            let draw = |network: &Network| {
                random.chance(if is_large(network) { large } else { small })
            };
            networks.iter().map(draw).collect()
        };
        Self {
            marks: share(120, 10),
            tags: share(600, 50),
            meetings: meetings(seed, networks, links),
            asns: networks.iter().map(|network| network.asn).collect(),
        }
    }

    pub(super) fn asn(&self, node: u32) -> Asn {
        match node.checked_sub(PRIVATE) {
            Some(number) => Asn(64_512 + number % 1_023),
            None => self.asns[node as usize],
        }
    }

    /// The attributes of a path of nodes, the peer first.
    pub(super) fn attributes(
        &self,
        graph: &Graph,
        path: &[u32],
        into: &mut Attributes,
    ) {
        into.path.clear();
        for (&node, next) in
            path.iter().zip(path[1..].iter().map(Some).chain([None]))
        {
            into.path.push(self.asn(node));
            let meeting =
                next.and_then(|&next| self.meetings.get(&(node, next)));
            into.path.extend(meeting.map(|&server| self.asn(server)));
        }
        into.communities.clear();
        into.large.clear();
        into.med = None;
        for &node in path.iter().filter(|&&node| says(&self.tags, node)) {
            self.tag(node, path.len(), into);
        }
        into.otc = self.only_to_customers(graph, path);
    }

    /// Numbers of two bytes tag by RFC 1997, the others by RFC 8092.
    fn tag(&self, node: u32, hops: usize, into: &mut Attributes) {
        let asn = self.asn(node);
        let region = u16::try_from(hops % 7).unwrap_or(0);
        match u16::try_from(asn.0) {
            Ok(short) => {
                let tag = (short, 2_000 + region);
                if !into.communities.contains(&tag) {
                    into.communities.push(tag);
                }
            }
            Err(_) => {
                let tag = [asn.0, 100, u32::from(region)];
                if !into.large.contains(&tag) {
                    into.large.push(tag);
                }
            }
        }
    }

    /// The first who marks and gives the route to a customer or peer of his
    /// (RFC 9234, 5); marks are kept on the rest of the way.
    fn only_to_customers(&self, graph: &Graph, path: &[u32]) -> Option<Asn> {
        let marks = |step: &&[u32]| {
            let (to, from) = (step[0], step[1]);
            says(&self.marks, from)
                && (graph.providers.of_node(to).contains(&from)
                    || graph.peers.of_node(to).contains(&from))
        };
        path.windows(2).rev().find(marks).map(|step| self.asn(step[1]))
    }
}

fn says(flags: &[bool], node: u32) -> bool {
    flags.get(node as usize).copied().unwrap_or(false)
}

/// One of eight peerings that are not between the largest goes over a route
/// server that does not hide itself (most do: RFC 7947, 2.2.2.1).
fn meetings(
    seed: u64,
    networks: &[Network],
    links: &Links,
) -> HashMap<(u32, u32), u32> {
    let mut random = Random::stream(seed, "meetings");
    let is_server = |&index: &usize| networks[index].trade == Trade::Exchange;
    let servers: Vec<usize> = (0..networks.len()).filter(is_server).collect();
    let mut meetings = HashMap::new();
    for &(a, b) in &links.peering {
        let is_small = |index: usize| {
            !matches!(networks[index].trade, Trade::Tier1 | Trade::Transit)
        };
        if random.chance(125) && (is_small(a) || is_small(b)) {
            let server = node(*random.pick(&servers));
            meetings.insert((node(a), node(b)), server);
            meetings.insert((node(b), node(a)), server);
        }
    }
    meetings
}
