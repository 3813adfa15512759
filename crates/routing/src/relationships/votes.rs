//! What paths say about links, given what is known of other links.
//!
//! A route climbs to providers, crosses at most one link of peers, and descends
//! to customers (Gao, "On inferring autonomous system relationships", 2001).
//! Read from the peer to the origin: up, across, down. So whatever comes before
//! a link that is known to go up goes up too, and whatever comes after one that
//! goes down goes down. Links never vote for themselves.

use super::corpus::{Corpus, Hops, Step};

/// What is known of a link so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// Nothing.
    Open,
    /// The lower node is the provider.
    LowProvides,
    /// The higher node is the provider.
    HighProvides,
    /// Both are members of the clique.
    Top,
}

impl Label {
    /// Which way a path goes over the link.
    fn way(self, step: Step) -> Way {
        match (self, step.from_low) {
            (Self::Open, _) => Way::Open,
            (Self::Top, _) => Way::Across,
            (Self::LowProvides, true) | (Self::HighProvides, false) => {
                Way::Down
            }
            _ => Way::Up,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    Up,
    Across,
    Down,
}

/// What paths said about one link.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Paths by which the lower, the higher node is the provider.
    pub(super) paths: [u32; 2],
    /// The peers with such paths, as bits.
    pub(super) peers: [u128; 2],
    /// Paths in which it is the highest link.
    pub(super) peaks: u32,
    /// The peers with such paths, as bits.
    pub(super) peak_peers: u128,
}

/// Counts the votes of all paths that contradict nothing known; `top` are the
/// nodes of the clique, ascending.
pub(super) fn count(
    corpus: &Corpus,
    labels: &[Label],
    top: &[u32],
) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); corpus.links.len()];
    let mut is_top = vec![false; corpus.asns.len()];
    for &node in top {
        is_top[node as usize] = true;
    }
    for path in corpus.paths() {
        if let Some(shape) = Shape::of(path, labels, &is_top) {
            shape.vote(path, &mut tallies);
        }
    }
    tallies
}

/// What is known of a path: steps before `up` climb, those from `down` on
/// descend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// Without the last step that is known itself to climb.
    up: usize,
    /// With it.
    climbed: usize,
    /// Without the first step that is known itself to descend.
    down: usize,
    /// With it.
    descends: usize,
}

impl Shape {
    /// `None` for a path that contradicts what is known: a leak.
    fn of(path: Hops<'_>, labels: &[Label], is_top: &[bool]) -> Option<Self> {
        let steps = path.steps.len();
        let mut shape =
            Self { up: 0, climbed: 0, down: steps, descends: steps };
        for (at, &step) in path.steps.iter().enumerate() {
            match labels[step.link as usize].way(step) {
                Way::Open => {}
                Way::Up => {
                    shape.up = shape.up.max(at);
                    shape.climbed = at + 1;
                }
                Way::Across => {
                    shape.up = shape.up.max(at);
                    shape.climbed = shape.climbed.max(at);
                    shape.down = shape.down.min(at + 1);
                    shape.descends = shape.descends.min(at + 1);
                }
                Way::Down => {
                    shape.down = shape.down.min(at + 1);
                    shape.descends = shape.descends.min(at);
                }
            }
        }
        shape.pass_top(path, is_top)?;
        (shape.climbed <= shape.descends).then_some(shape)
    }

    /// A member of the clique has no provider, so nothing climbs after it, nor
    /// descends before it. Two members that are not next to each other mean a
    /// leak or poisoning; so do three.
    fn pass_top(&mut self, path: Hops<'_>, is_top: &[bool]) -> Option<()> {
        let mut tops =
            (0..path.nodes.len()).filter(|&at| is_top[path.nodes[at] as usize]);
        let Some(first) = tops.next() else { return Some(()) };
        let last = tops.next().unwrap_or(first);
        if last > first + 1 || tops.next().is_some() {
            return None;
        }
        // The step to the first member may be one of peers; none before it.
        let up = match first == last {
            true => first.saturating_sub(1),
            false => first,
        };
        let down = match first == last {
            true => last + 1,
            false => last,
        };
        self.up = self.up.max(up);
        self.climbed = self.climbed.max(up);
        self.down = self.down.min(down);
        self.descends = self.descends.min(down);
        Some(())
    }

    fn vote(self, path: Hops<'_>, tallies: &mut [Tally]) {
        // Of more than 128 peers some share a bit; then fewer are counted.
        let peer = 1_u128 << (path.nodes[0] % 128);
        for (at, step) in path.steps.iter().enumerate() {
            let tally = &mut tallies[step.link as usize];
            let provider = match at {
                _ if at < self.up => usize::from(step.from_low),
                _ if at >= self.down => usize::from(!step.from_low),
                _ => {
                    if self.climbed >= at && self.descends <= at + 1 {
                        tally.peaks = tally.peaks.saturating_add(1);
                        tally.peak_peers |= peer;
                    }
                    continue;
                }
            };
            tally.paths[provider] = tally.paths[provider].saturating_add(1);
            tally.peers[provider] |= peer;
        }
    }
}
