//! Paths made ready for inference: nodes and links by number, nothing else.
//!
//! Of each path prepending is collapsed and route servers are taken out, for
//! they are no hops (RFC 7947). Left out are paths with a loop (poisoned, or a
//! fault), with a reserved number, of one hop, and longer than any honest one.

use asgard_model::Asn;
use rustc_hash::{FxHashMap, FxHashSet};

/// Hops, without prepending, that no honest path exceeds.
const LONGEST: usize = 32;

/// A path that was seen.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'p> {
    /// Its members, the peer first, with repetitions.
    pub asns: &'p [Asn],
    /// Prefixes to which it leads.
    pub prefixes: u32,
}

/// A link as one path crosses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The number of the link.
    pub(super) link: u32,
    /// Whether the path comes from the lower node.
    pub(super) from_low: bool,
}

/// Paths, nodes and links.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    /// By node: who it is.
    pub(super) asns: Vec<Asn>,
    /// By link: its nodes, the lower first.
    pub(super) links: Vec<(u32, u32)>,
    /// By link: whether the lower, the higher node hands on routes over it.
    transit: Vec<[bool; 2]>,
    /// By node: neighbours between which and others it hands on routes.
    pub(super) degrees: Vec<u32>,
    /// Nodes of all paths.
    hops: Vec<u32>,
    /// Steps of all paths; one less than nodes each.
    steps: Vec<Step>,
    /// Where each path begins in `hops`.
    starts: Vec<u32>,
    nodes_by_asn: FxHashMap<Asn, u32>,
    links_by_ends: FxHashMap<(u32, u32), u32>,
}

/// One path of a corpus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hops<'c> {
    /// Its nodes, the peer first.
    pub(super) nodes: &'c [u32],
    /// The links between them.
    pub(super) steps: &'c [Step],
}

impl Corpus {
    pub(super) fn new<'p>(
        paths: impl IntoIterator<Item = Observed<'p>>,
        route_servers: &FxHashSet<Asn>,
    ) -> Self {
        let mut corpus = Self { starts: vec![0], ..Self::default() };
        let mut clean = Vec::new();
        for path in paths {
            if path.prefixes > 0
                && tidy(path.asns, route_servers, &mut clean)
                && corpus.hops.len() < (u32::MAX as usize - LONGEST)
            {
                corpus.add(&clean);
            }
        }
        corpus.degrees = vec![0; corpus.asns.len()];
        for (&(low, high), transit) in corpus.links.iter().zip(&corpus.transit)
        {
            corpus.degrees[low as usize] += u32::from(transit[0]);
            corpus.degrees[high as usize] += u32::from(transit[1]);
        }
        corpus
    }

    fn add(&mut self, asns: &[Asn]) {
        let begin = self.hops.len();
        for &asn in asns {
            let node = self.node(asn);
            self.hops.push(node);
        }
        let last = asns.len() - 1;
        for at in 0..last {
            let (a, b) = (self.hops[begin + at], self.hops[begin + at + 1]);
            let step = self.link(a, b);
            // Inside the path both neighbours of a node are served by it.
            let (from, to) = (at > 0, at + 1 < last);
            let transit = &mut self.transit[step.link as usize];
            let (low, high) =
                if step.from_low { (from, to) } else { (to, from) };
            transit[0] |= low;
            transit[1] |= high;
            self.steps.push(step);
        }
        self.starts.push(number(self.hops.len()));
    }

    fn node(&mut self, asn: Asn) -> u32 {
        let next = number(self.asns.len());
        let node = *self.nodes_by_asn.entry(asn).or_insert(next);
        if node == next {
            self.asns.push(asn);
        }
        node
    }

    fn link(&mut self, a: u32, b: u32) -> Step {
        let ends = (a.min(b), a.max(b));
        let next = number(self.links.len());
        let link = *self.links_by_ends.entry(ends).or_insert(next);
        if link == next {
            self.links.push(ends);
            self.transit.push([false; 2]);
        }
        Step { link, from_low: a < b }
    }

    /// The link between two nodes.
    pub(super) fn between(&self, a: u32, b: u32) -> Option<u32> {
        self.links_by_ends.get(&(a.min(b), a.max(b))).copied()
    }

    /// Number of paths.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// A path by its number.
    pub(super) fn path(&self, index: usize) -> Hops<'_> {
        let (begin, end) =
            (self.starts[index] as usize, self.starts[index + 1] as usize);
        // Every path before has one step less than nodes.
        let steps = begin - index..end - index - 1;
        Hops { nodes: &self.hops[begin..end], steps: &self.steps[steps] }
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = Hops<'_>> {
        (0..self.len()).map(|index| self.path(index))
    }
}

fn number(len: usize) -> u32 {
    u32::try_from(len)
        .expect("the number of hops is bounded when they are added")
}

/// Collapses and checks a path; whether it is of use.
fn tidy(
    asns: &[Asn],
    route_servers: &FxHashSet<Asn>,
    into: &mut Vec<Asn>,
) -> bool {
    into.clear();
    for &asn in asns {
        if into.last() == Some(&asn) || route_servers.contains(&asn) {
            continue;
        }
        if asn.is_reserved() || into.contains(&asn) || into.len() == LONGEST {
            return false;
        }
        into.push(asn);
    }
    into.len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidied(asns: &[u32], route_servers: &[u32]) -> Option<Vec<u32>> {
        let asns: Vec<Asn> = asns.iter().copied().map(Asn).collect();
        let servers = route_servers.iter().copied().map(Asn).collect();
        let mut clean = Vec::new();
        tidy(&asns, &servers, &mut clean)
            .then(|| clean.iter().map(|asn| asn.0).collect())
    }

    #[test]
    fn prepending_and_route_servers_are_no_hops() {
        let clean = tidied(&[1, 1, 6777, 2, 3, 3, 3], &[6777]);
        assert_eq!(clean, Some(vec![1, 2, 3]));
        assert_eq!(tidied(&[1, 6777, 1, 2], &[6777]), Some(vec![1, 2]));
    }

    #[test]
    fn loops_reserved_numbers_and_lone_hops_are_left_out() {
        assert_eq!(tidied(&[1, 2, 1], &[]), None);
        assert_eq!(tidied(&[1, 64_512, 2], &[]), None);
        assert_eq!(tidied(&[1, 1], &[]), None);
        let long: Vec<u32> = (1..=33).collect();
        assert_eq!(tidied(&long, &[]), None);
        assert!(tidied(&long[..32], &[]).is_some());
    }

    #[test]
    fn a_node_serves_the_neighbours_between_which_it_stands() {
        let path = |asns: &'static [Asn]| Observed { asns, prefixes: 1 };
        let corpus = Corpus::new(
            [
                path(&[Asn(1), Asn(2), Asn(3)]),
                path(&[Asn(2), Asn(4)]),
                path(&[Asn(5), Asn(2), Asn(3)]),
            ],
            &FxHashSet::default(),
        );
        let degree = |asn: u32| {
            let at = corpus.asns.iter().position(|a| a.0 == asn).unwrap();
            corpus.degrees[at]
        };
        // 4 is its neighbour, but nothing passes between 4 and others.
        assert_eq!([1, 2, 3, 4].map(degree), [0, 3, 0, 0]);
        assert_eq!(corpus.len(), 3);
        assert_eq!(corpus.path(2).nodes.len(), 3);
        assert_eq!(corpus.path(1).steps, [Step { link: 2, from_low: true }]);
    }
}
