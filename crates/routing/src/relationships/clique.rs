//! The networks without providers at the top (Luckie et al. 2013, 4.3).
//!
//! They all peer with each other, so no path crosses three of them: whoever
//! stands next to two members is a customer. That tells a member from a large
//! network that buys transit of some of them. Who buys of all of them stands
//! next to one only, as a member does, but does not stand between others.

use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use super::corpus::Corpus;

/// Candidates, by transit degree.
const CANDIDATES: usize = 64;
/// A candidate has at least this part of the largest transit degree.
const SMALLEST_PART: u32 = 50;
/// Of a hundred members, those with which another must be seen to be linked:
/// no collector sees all links of a large clique.
const LINKED: usize = 90;
/// The same for those who join when the others are known: a link of two members
/// is seen by customers of the two alone, and some have few.
const LINKED_JOINING: usize = 70;
/// Of a hundred paths from members to a member, those in which it stands next
/// to two of them: leaks, not purchases.
const MOST_PERCENT: u64 = 3;

/// The members, as nodes, ascending.
pub(super) fn clique(corpus: &Corpus) -> Vec<u32> {
    let candidates = candidates(corpus);
    let evidence = Evidence::new(corpus, &candidates);
    let by_size: Vec<usize> = (0..candidates.len()).collect();
    let mut best: Vec<usize> = Vec::new();
    let mut best_weight = 0;
    for seed in 0..candidates.len() {
        // Networks that sell in one region only can be larger than members,
        // but they are linked with few of those with whom a member is.
        let by_links = evidence.by_common_links(seed);
        for order in [&by_size, &by_links] {
            let found = grow(&evidence, order, vec![seed], LINKED);
            let weight = found
                .iter()
                .map(|&at| evidence.weight(corpus, &candidates, at))
                .sum();
            if weight > best_weight {
                (best, best_weight) = (found, weight);
            }
        }
    }
    if !best.is_empty() {
        let with_others =
            grow(&evidence, &by_size, best.clone(), LINKED_JOINING);
        if with_others.len() > best.len() {
            best = with_others;
        }
    }
    let mut members: Vec<u32> =
        best.into_iter().map(|at| candidates[at]).collect();
    members.sort_unstable();
    members
}

/// Nodes with the largest transit degrees, the largest first.
fn candidates(corpus: &Corpus) -> Vec<u32> {
    let degree = |node: u32| corpus.degrees[node as usize];
    let nodes = 0..u32::try_from(corpus.asns.len()).unwrap_or(u32::MAX);
    let mut nodes: Vec<u32> = nodes.filter(|&n| degree(n) > 1).collect();
    nodes.sort_unstable_by_key(|&n| {
        (Reverse(degree(n)), corpus.asns[n as usize])
    });
    nodes.truncate(CANDIDATES);
    let largest = nodes.first().map_or(0, |&n| degree(n));
    nodes.retain(|&n| degree(n) >= largest / SMALLEST_PART);
    nodes
}

/// Adds candidates, in this order, to the first of these and whoever else is
/// one, as long as each is linked with `least` of a hundred members.
fn grow(
    evidence: &Evidence,
    order: &[usize],
    mut members: Vec<usize>,
    least: usize,
) -> Vec<usize> {
    let seed = members[0];
    let linked = |a: usize, b: usize| evidence.linked[a].contains(&b);
    for &candidate in order {
        if members.contains(&candidate) {
            continue;
        }
        let links = members.iter().filter(|&&m| linked(m, candidate)).count();
        if links * 100 < members.len() * least {
            continue;
        }
        members.push(candidate);
        if evidence.is_customer(candidate, &members) {
            members.pop();
            continue;
        }
        // The new one may show that an earlier one buys.
        let bought: Vec<usize> = members
            .iter()
            .copied()
            .filter(|&m| m != seed && evidence.is_customer(m, &members))
            .collect();
        members.retain(|m| !bought.contains(m));
    }
    // A seed that buys from those whom it brought in is none.
    match evidence.is_customer(seed, &members) {
        true => Vec::new(),
        false => members,
    }
}

/// How often candidates stand next to each other.
struct Evidence {
    /// By candidate: those with which it has a link.
    linked: Vec<FxHashSet<usize>>,
    /// Paths over two candidates, the outer one second.
    pairs: FxHashMap<(usize, usize), u64>,
    /// Paths over three candidates, an outer one last.
    triplets: FxHashMap<(usize, usize, usize), u64>,
    /// By candidate: pairs of others between which it stands, and one.
    between: Vec<u64>,
}

impl Evidence {
    fn new(corpus: &Corpus, candidates: &[u32]) -> Self {
        let numbers: FxHashMap<u32, usize> =
            candidates.iter().enumerate().map(|(at, &n)| (n, at)).collect();
        let mut linked = vec![FxHashSet::default(); candidates.len()];
        for (a, set) in linked.iter_mut().enumerate() {
            let ends = |b: &usize| {
                corpus.between(candidates[a], candidates[*b]).is_some()
            };
            set.extend((0..candidates.len()).filter(ends));
        }
        let mut pairs = FxHashMap::default();
        let mut triplets = FxHashMap::default();
        let mut places: Vec<Option<usize>> = Vec::new();
        for path in corpus.paths() {
            places.clear();
            places.extend(path.nodes.iter().map(|n| numbers.get(n).copied()));
            for pair in places.windows(2) {
                if let [Some(a), Some(b)] = *pair {
                    *pairs.entry((a, b)).or_insert(0) += 1;
                    *pairs.entry((b, a)).or_insert(0) += 1;
                }
            }
            for three in places.windows(3) {
                if let [Some(a), Some(b), Some(c)] = *three {
                    *triplets.entry((a, b, c)).or_insert(0) += 1;
                    *triplets.entry((c, b, a)).or_insert(0) += 1;
                }
            }
        }
        let mut between = vec![1; candidates.len()];
        for &(far, near, last) in triplets.keys() {
            between[near] += u64::from(far < last);
        }
        Self { linked, pairs, triplets, between }
    }

    /// How much speaks for a member. To stand between others of size is what
    /// the top is for; a network can be large by customers of no size alone.
    fn weight(&self, corpus: &Corpus, candidates: &[u32], at: usize) -> u64 {
        self.between[at] * u64::from(corpus.degrees[candidates[at] as usize])
    }

    /// The candidates linked with one, by how many of those each is linked
    /// with itself, most first.
    fn by_common_links(&self, seed: usize) -> Vec<usize> {
        let near = &self.linked[seed];
        let common = |at: usize| self.linked[at].intersection(near).count();
        let mut order: Vec<usize> = near.iter().copied().collect();
        order.sort_by_cached_key(|&at| (Reverse(common(at)), at));
        order
    }

    /// Whether a candidate buys from one of the members: it stands next to two
    /// of them more often than leaks explain.
    fn is_customer(&self, candidate: usize, members: &[usize]) -> bool {
        let others = || members.iter().copied().filter(|&m| m != candidate);
        let mut next_to_two = 0;
        let mut next_to_one = 0;
        for near in others() {
            let pair = self.pairs.get(&(near, candidate));
            next_to_one += pair.copied().unwrap_or(0);
            for far in others().filter(|&far| far != near) {
                let triplet = self.triplets.get(&(far, near, candidate));
                next_to_two += triplet.copied().unwrap_or(0);
            }
        }
        next_to_two * 100 > next_to_one * MOST_PERCENT
    }
}
