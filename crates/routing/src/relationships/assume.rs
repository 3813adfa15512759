//! What no path proves, but what is known of networks makes likely.
//!
//! A member of the clique hands routes of its peers to its customers only, and
//! so do those below it; where all peers of the collectors are below it, a
//! customer of its looks like a peer. Then counts who else is a provider, and
//! size. Nothing of this is sure enough to accuse somebody.

use super::{
    infer::Inference,
    votes::{Label, count},
};

/// Rounds of votes after the assumptions.
const ROUNDS: usize = 10;
/// How sure a link is between a member of the clique and a network that serves
/// nobody: such networks buy more often than they peer, but some peer.
const STUB_OF_TOP: f32 = 0.8;
/// How sure the only way up of a network is that must have one, and what
/// follows from assumptions.
const ONLY_WAY_UP: f32 = 0.85;
/// How sure it is that a network buys from a second member of the clique.
const ALSO_OF_TOP: f32 = 0.7;
/// How sure a link is of which only sizes say which way it goes.
const BY_SIZE: f32 = 0.7;

impl Inference<'_> {
    /// Labels links that are open.
    pub(super) fn assume(&mut self) {
        self.proven.clone_from(&self.tallies);
        self.assume_customers_of_top();
        self.vote_on_open();
        self.assume_ways_up();
        self.vote_on_open();
        self.assume_by_size();
        self.vote_on_open();
    }

    fn degree(&self, node: u32) -> u32 {
        self.corpus.degrees[node as usize]
    }

    fn assume_label(&mut self, link: usize, label: Label, limit: f32) {
        self.labels[link] = label;
        self.limits[link] = limit;
    }

    /// By node: whether it has a provider; or is a member of the clique.
    fn have_providers(&self, only_top: bool) -> Vec<bool> {
        let mut have = vec![false; self.corpus.asns.len()];
        for &node in &self.top {
            have[node as usize] = true;
        }
        for (&(low, high), label) in self.corpus.links.iter().zip(&self.labels)
        {
            let (provider, customer) = match label {
                Label::LowProvides => (low, high),
                Label::HighProvides => (high, low),
                Label::Open | Label::Top => continue,
            };
            have[customer as usize] |= !only_top || self.is_top(provider);
        }
        have
    }

    /// Members of the clique do not peer with networks that buy from others
    /// of them, unless these are as large as a member.
    fn assume_customers_of_top(&mut self) {
        let served = self.have_providers(true);
        let large = self.top.iter().map(|&n| self.degree(n)).min();
        for link in 0..self.labels.len() {
            let (low, high) = self.corpus.links[link];
            if self.labels[link] != Label::Open {
                continue;
            }
            let (label, other) = match (self.is_top(low), self.is_top(high)) {
                (true, false) => (Label::LowProvides, high),
                (false, true) => (Label::HighProvides, low),
                _ => continue,
            };
            let limit = match (self.degree(other), served[other as usize]) {
                (0, _) => STUB_OF_TOP,
                (_, false) => ONLY_WAY_UP,
                (degree, true) if Some(degree) < large => ALSO_OF_TOP,
                _ => continue,
            };
            self.assume_label(link, label, limit);
        }
    }

    /// A network outside the clique that has no provider yet buys from the
    /// neighbour with the largest transit degree.
    fn assume_ways_up(&mut self) {
        let served = self.have_providers(false);
        let mut ways: Vec<Option<(u32, usize, Label)>> =
            vec![None; self.corpus.asns.len()];
        for (link, &(low, high)) in self.corpus.links.iter().enumerate() {
            if self.labels[link] != Label::Open {
                continue;
            }
            for (from, to, label) in [
                (low, high, Label::HighProvides),
                (high, low, Label::LowProvides),
            ] {
                let way = &mut ways[from as usize];
                if self.degree(to) > self.degree(from)
                    && !served[from as usize]
                    && way.is_none_or(|(best, ..)| self.degree(to) > best)
                {
                    *way = Some((self.degree(to), link, label));
                }
            }
        }
        for (_, link, label) in ways.into_iter().flatten() {
            self.assume_label(link, label, ONLY_WAY_UP);
        }
    }

    /// A link that is never the highest of a path is none of peers.
    fn assume_by_size(&mut self) {
        for link in 0..self.labels.len() {
            let (low, high) = self.corpus.links[link];
            let (of_low, of_high) = (self.degree(low), self.degree(high));
            if self.labels[link] != Label::Open
                || self.tallies[link].peaks > 0
                || of_low == of_high
            {
                continue;
            }
            let label = match of_low > of_high {
                true => Label::LowProvides,
                false => Label::HighProvides,
            };
            self.assume_label(link, label, BY_SIZE);
        }
    }

    /// Votes on what is open, given the assumptions too.
    fn vote_on_open(&mut self) {
        for _ in 0..ROUNDS {
            self.tallies = count(self.corpus, &self.labels, &self.top);
            let mut changed = false;
            for link in 0..self.labels.len() {
                if self.labels[link] == Label::Open {
                    let label = self.label(link);
                    if label != Label::Open {
                        self.assume_label(link, label, ONLY_WAY_UP);
                        changed = true;
                    }
                }
            }
            if !changed {
                break;
            }
        }
    }
}
