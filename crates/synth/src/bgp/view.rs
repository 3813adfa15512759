//! What the collector's peers see of a route: for each of them the path, or
//! nothing.

use std::{num::NonZero, thread};

use asgard_model::Asn;

use super::{
    atom::Atom,
    graph::{Graph, Lists, node},
    propagation::{Circumstances, Class, Propagation},
};
use crate::{
    network::{Network, Plant, Trade},
    random::Random,
};

/// A network that tells the collector its routes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vantage {
    pub(super) node: u32,
    pub(super) asn: Asn,
    /// It tells the routes of its customers only.
    pub(super) partial: bool,
}

/// Draws the peers of the collector: a few of the clique, otherwise transit
/// and access networks; one in ten more tells its customers' routes only.
pub(super) fn vantages(
    seed: u64,
    networks: &[Network],
    count: usize,
) -> Vec<Vantage> {
    let mut random = Random::stream(seed, "vantages");
    let of = |trades: &[Trade], random: &mut Random| {
        let suits = |n: &Network| {
            trades.contains(&n.trade)
                && n.plant == Plant::Ordinary
                && !n.is_dark()
        };
        let mut found: Vec<usize> =
            (0..networks.len()).filter(|&i| suits(&networks[i])).collect();
        random.shuffle(&mut found);
        found
    };
    let clique = of(&[Trade::Tier1], &mut random);
    let mut chosen: Vec<usize> = clique[..clique.len().min(count / 6)].to_vec();
    let others = of(&[Trade::Transit, Trade::Access], &mut random);
    let partial = count.div_ceil(10);
    chosen.extend(others.into_iter().take(count + partial - chosen.len()));
    let full = chosen.len().saturating_sub(partial);
    let vantage = |(position, index): (usize, usize)| Vantage {
        node: node(index),
        asn: networks[index].asn,
        partial: position >= full,
    };
    chosen.into_iter().enumerate().map(vantage).collect()
}

/// The paths of one route at all vantages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// Where the path of each vantage ends in `hops`.
    ends: Box<[u16]>,
    hops: Box<[u32]>,
}

impl View {
    pub(super) fn of(
        propagation: &Propagation<'_>,
        vantages: &[Vantage],
    ) -> Self {
        let mut hops = Vec::new();
        let mut ends = Vec::with_capacity(vantages.len());
        for vantage in vantages {
            let class = propagation.class(vantage.node);
            if !vantage.partial || class <= Class::Customer {
                propagation.path(vantage.node, &mut hops);
            }
            // 100 vantages with paths of 100 hops are 10,000.
            ends.push(u16::try_from(hops.len()).unwrap_or(u16::MAX));
        }
        Self { ends: ends.into(), hops: hops.into() }
    }

    /// The path at one vantage, itself first; empty if it has no route.
    pub(super) fn path(&self, vantage: usize) -> &[u32] {
        let Some(&end) = self.ends.get(vantage) else { return &[] };
        let start = match vantage.checked_sub(1) {
            Some(before) => self.ends[before],
            None => 0,
        };
        &self.hops[usize::from(start)..usize::from(end)]
    }

    /// The same with one more network behind every origin.
    pub(super) fn behind(&self, node: u32) -> Self {
        self.mapped(|_, path, hops| {
            hops.extend(path);
            if !path.is_empty() {
                hops.push(node);
            }
        })
    }

    /// The same at those vantages only for which this holds.
    pub(super) fn only(&self, mut holds: impl FnMut(usize) -> bool) -> Self {
        self.mapped(|vantage, path, hops| {
            if !path.is_empty() && holds(vantage) {
                hops.extend(path);
            }
        })
    }

    fn mapped(
        &self,
        mut map: impl FnMut(usize, &[u32], &mut Vec<u32>),
    ) -> Self {
        let mut hops = Vec::new();
        let ends = (0..self.ends.len()).map(|vantage| {
            map(vantage, self.path(vantage), &mut hops);
            u16::try_from(hops.len()).unwrap_or(u16::MAX)
        });
        let ends = ends.collect();
        Self { ends, hops: hops.into() }
    }

    /// How many vantages have a path of which this holds.
    pub(super) fn count(&self, holds: impl Fn(&[u32]) -> bool) -> usize {
        let all = (0..self.ends.len()).map(|vantage| self.path(vantage));
        all.filter(|path| !path.is_empty() && holds(path)).count()
    }
}

/// The views of all atoms, by as many threads as there are processors; the
/// result does not depend on their number.
pub(super) fn views(
    (graph, ways): (&Graph, &Lists),
    atoms: &[Atom],
    vantages: &[Vantage],
) -> Vec<View> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = atoms.len().div_ceil(threads).max(1);
    let work = |atoms: &[Atom]| -> Vec<View> {
        let mut propagation = Propagation::towards(graph, ways);
        let mut view = |atom: &Atom| {
            let how = Circumstances::default();
            propagation.run(&atom.origins, &atom.offers, how);
            View::of(&propagation, vantages)
        };
        atoms.iter().map(&mut view).collect()
    };
    thread::scope(|scope| {
        let workers: Vec<_> = atoms
            .chunks(share)
            .map(|atoms| scope.spawn(move || work(atoms)))
            .collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<View>>| {
            worker.join().expect("propagation does not panic")
        };
        workers.into_iter().flat_map(join).collect()
    })
}
