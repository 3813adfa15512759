//! Inference: the clique, then rounds of votes, then what remains.

use asgard_model::Asn;
use rustc_hash::FxHashSet;

use super::{
    Observed, Relation, Relationships,
    clique::clique,
    corpus::Corpus,
    votes::{Label, Tally, count},
};

/// Rounds after which links that still change are left as they are.
const ROUNDS: usize = 10;
/// A network of so many times the transit degree of another does not buy from
/// it, whatever a leak shows.
const CLEARLY_LARGER: f64 = 3.0;
/// A link that so many peers see on top, and hardly anybody below it, is one
/// of peers over which something once leaked.
const PEERS_ON_TOP: u32 = 3;
/// See [`PEERS_ON_TOP`]: paths on top for one path below it.
const TOP_FOR_ONE: u32 = 50;

/// How sure it can be that a network peers with a member of the clique: those
/// who would show that it buys may all be below that member.
const PEER_OF_TOP: f32 = 0.85;

/// What is known before.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Route servers of exchange points, which are no hops.
    pub route_servers: FxHashSet<Asn>,
}

pub(super) fn infer<'p>(
    paths: impl IntoIterator<Item = Observed<'p>>,
    options: Options,
) -> Relationships {
    let corpus = Corpus::new(paths, &options.route_servers);
    let top = clique(&corpus);
    let mut inference = Inference::new(&corpus, top);
    inference.vote();
    inference.assume();
    let mut found = Relationships {
        clique: inference
            .top
            .iter()
            .map(|&n| corpus.asns[n as usize])
            .collect(),
        route_servers: options.route_servers,
        ..Relationships::default()
    };
    found.clique.sort_unstable();
    for (link, relation, confidence) in inference.conclude() {
        let (low, high) = corpus.links[link];
        let (a, b) = (corpus.asns[low as usize], corpus.asns[high as usize]);
        found.put(a, b, relation, confidence);
    }
    found
}

pub(super) struct Inference<'c> {
    pub(super) corpus: &'c Corpus,
    /// Nodes of the clique, ascending.
    pub(super) top: Vec<u32>,
    pub(super) labels: Vec<Label>,
    pub(super) tallies: Vec<Tally>,
    /// What they were before anything was assumed.
    pub(super) proven: Vec<Tally>,
    /// By link: how sure it can be at most. Below 1 for what no path proves,
    /// and for what follows from that.
    pub(super) limits: Vec<f32>,
}

impl<'c> Inference<'c> {
    fn new(corpus: &'c Corpus, top: Vec<u32>) -> Self {
        let is_top = |node: &u32| top.binary_search(node).is_ok();
        let label = |(low, high): &(u32, u32)| match is_top(low) && is_top(high)
        {
            true => Label::Top,
            false => Label::Open,
        };
        let labels = corpus.links.iter().map(label).collect();
        let tallies = vec![Tally::default(); corpus.links.len()];
        let limits = vec![1.0; corpus.links.len()];
        Self { corpus, top, labels, tallies, proven: Vec::new(), limits }
    }

    /// Votes until nothing changes.
    fn vote(&mut self) {
        for _ in 0..ROUNDS {
            self.tallies = count(self.corpus, &self.labels, &self.top);
            let labels: Vec<Label> =
                (0..self.labels.len()).map(|link| self.label(link)).collect();
            if labels == self.labels {
                break;
            }
            self.labels = labels;
        }
    }

    pub(super) fn is_top(&self, node: u32) -> bool {
        self.top.binary_search(&node).is_ok()
    }

    pub(super) fn label(&self, link: usize) -> Label {
        let tally = &self.tallies[link];
        let (low, high) = self.corpus.links[link];
        if self.labels[link] == Label::Top {
            return Label::Top;
        }
        let [for_low, for_high] = tally.paths;
        if for_low == 0 && for_high == 0 || is_leaked_peering(tally) {
            return Label::Open;
        }
        // A member of the clique buys from nobody.
        if self.is_top(low) {
            return Label::LowProvides;
        }
        if self.is_top(high) {
            return Label::HighProvides;
        }
        match self.lean(link) >= 0.0 {
            true => Label::LowProvides,
            false => Label::HighProvides,
        }
    }

    /// Above 0 if the lower node is rather the provider: by votes, and where
    /// those contradict each other, by size. A leak brings thousands of paths
    /// over a link that few honest ones cross, but it makes nobody large.
    fn lean(&self, link: usize) -> f64 {
        let tally = &self.tallies[link];
        let [for_low, for_high] = tally.paths.map(f64::from);
        let votes = ((for_low + 1.0) / (for_high + 1.0)).log2();
        if for_low == 0.0 || for_high == 0.0 {
            return votes;
        }
        let (low, high) = self.corpus.links[link];
        let degree =
            |node: u32| f64::from(self.corpus.degrees[node as usize]) + 1.0;
        let ratio = degree(low) / degree(high);
        if ratio >= CLEARLY_LARGER {
            return 1.0;
        }
        if ratio <= 1.0 / CLEARLY_LARGER {
            return -1.0;
        }
        votes + ratio.log2()
    }

    /// Every link with what the higher node is to the lower, and how sure.
    fn conclude(&self) -> Vec<(usize, Relation, f32)> {
        let conclude = |link: usize| match self.labels[link] {
            Label::Top => (link, Relation::Peer, 1.0),
            Label::LowProvides => {
                (link, Relation::Customer, self.confidence(link, 0))
            }
            Label::HighProvides => {
                (link, Relation::Provider, self.confidence(link, 1))
            }
            Label::Open => (link, Relation::Peer, self.peering(link)),
        };
        (0..self.labels.len()).map(conclude).collect()
    }

    /// How sure it is that nobody pays for a link.
    fn peering(&self, link: usize) -> f32 {
        let tally = &self.tallies[link];
        let below = tally.paths[0].saturating_add(tally.paths[1]);
        let all = f64::from(tally.peaks) + f64::from(below);
        let share = match all > 0.0 {
            true => f64::from(tally.peaks) / all,
            false => 0.5,
        };
        let seen = tally.peak_peers.count_ones();
        let sure = sure(share, seen, tally.peaks);
        let (low, high) = self.corpus.links[link];
        match self.is_top(low) || self.is_top(high) {
            true => sure.min(PEER_OF_TOP),
            false => sure,
        }
    }

    /// How sure it is that the lower (0) or the higher (1) node provides.
    fn confidence(&self, link: usize, provider: usize) -> f32 {
        let limit = self.limits[link];
        // What paths prove does not become surer by what is assumed.
        let tallies = if limit < 1.0 { &self.tallies } else { &self.proven };
        let tally = &tallies[link];
        let (agree, differ) =
            (tally.paths[provider], tally.paths[1 - provider]);
        if agree == 0 {
            return limit;
        }
        let share = f64::from(agree) / (f64::from(agree) + f64::from(differ));
        let seen = tally.peers[provider].count_ones();
        sure(share, seen, agree).min(limit)
    }
}

/// Whether hardly anybody sees a link anywhere but on top.
fn is_leaked_peering(tally: &Tally) -> bool {
    let below = tally.paths[0].saturating_add(tally.paths[1]);
    let seen = (tally.peers[0] | tally.peers[1]).count_ones();
    seen <= 1
        && tally.peak_peers.count_ones() >= PEERS_ON_TOP
        && tally.peaks / TOP_FOR_ONE >= below
}

/// How sure a link is of which this share of the paths agree, seen by so many
/// peers in so many paths: one peer with one path is half as good as the share,
/// and every other peer, or double the paths, halves the doubt.
fn sure(share: f64, peers: u32, paths: u32) -> f32 {
    let evidence = f64::from(peers) + f64::from(paths.max(1)).log2();
    let doubt = 0.5_f64.powf(evidence.min(20.0));
    #[expect(clippy::cast_possible_truncation, reason = "0 to 1")]
    let sure = (share * (1.0 - doubt)) as f32;
    sure
}
