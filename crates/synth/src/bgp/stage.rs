//! Where plants and daily life play: who is still free for a role, which
//! prefixes are untouched, what a change would look like at the vantages.

use std::collections::{HashMap, HashSet};

use asgard_model::Prefix;

use super::{
    atom::{Atom, Manner},
    graph::node,
    propagation::{Circumstances, Offer, Propagation},
    scene::Scene,
    story::{Change, Plot, Shown},
    view::View,
};
use crate::{
    network::{Network, Plant},
    random::Random,
};

/// For ever, as a moment.
const EVER: u32 = u32::MAX;

/// The scene, and what happened to it so far.
pub(super) struct Stage<'s> {
    pub(super) scene: &'s Scene,
    pub(super) random: Random,
    pub(super) plot: Plot,
    /// First and last moment, in seconds since 1970.
    pub(super) from: u32,
    pub(super) to: u32,
    /// In which everybody hears of everything, so that everybody can leak it.
    pub(super) propagation: Propagation<'s>,
    /// In which the vantages hear of everything.
    heard: Propagation<'s>,
    /// Until when a prefix has a part in something.
    busy: HashMap<Prefix, u32>,
    /// Who has a role already.
    cast: HashSet<u32>,
    /// Places of the prefixes of each atom.
    places: Vec<Vec<u32>>,
    /// Atoms of which a network is the only origin.
    atoms: Vec<Vec<usize>>,
    /// Number of vantages above which a network is.
    audience: Vec<u16>,
}

impl<'s> Stage<'s> {
    pub(super) fn of(scene: &'s Scene, seed: u64, span: (u32, u32)) -> Self {
        let mut places = vec![Vec::new(); scene.announced.atoms.len()];
        for (place, &(_, atom)) in scene.announced.prefixes.iter().enumerate() {
            places[atom as usize].push(node(place));
        }
        let mut atoms = vec![Vec::new(); scene.graph.nodes()];
        for (index, atom) in scene.announced.atoms.iter().enumerate() {
            if let [origin] = atom.origins[..] {
                atoms[origin as usize].push(index);
            }
        }
        let mut audience = vec![0u16; scene.graph.nodes()];
        let mut cast = HashSet::new();
        for vantage in &scene.vantages {
            cast.insert(vantage.node);
            for above in scene.graph.above(vantage.node) {
                audience[above as usize] += u16::from(!vantage.partial);
            }
        }
        cast.extend(scene.repeaters.iter().map(|(node, _)| node));
        cast.extend(scene.hybrids.iter().flat_map(|&(a, b)| [a, b]));
        let kin = scene.world.links.siblings.iter();
        cast.extend(kin.flat_map(|&(a, b)| [node(a), node(b)]));
        Self {
            scene,
            random: Random::stream(seed, "story"),
            plot: Plot::default(),
            from: span.0,
            to: span.1,
            propagation: Propagation::new(&scene.graph),
            heard: Propagation::towards(&scene.graph, &scene.ways),
            busy: HashMap::new(),
            cast,
            places,
            atoms,
            audience,
        }
    }

    /// How many vantages with full tables are below a network, or it itself.
    pub(super) fn audience(&self, node: u32) -> u16 {
        self.audience[node as usize]
    }

    pub(super) fn is_cast(&self, node: u32) -> bool {
        self.cast.contains(&node)
    }

    pub(super) fn cast(&mut self, nodes: impl IntoIterator<Item = u32>) {
        self.cast.extend(nodes);
    }

    /// A network without a role that suits, if some draws find one.
    pub(super) fn stranger(
        &mut self,
        suits: impl Fn(&Self, u32, &Network) -> bool,
    ) -> Option<u32> {
        for _ in 0..4_000 {
            let nodes = node(self.scene.world.networks.len());
            let drawn = self.random.below(nodes);
            let network = self.scene.network(drawn);
            if network.plant == Plant::Ordinary
                && network.is_routed()
                && !self.is_cast(drawn)
                && suits(self, drawn, network)
            {
                return Some(drawn);
            }
        }
        None
    }

    /// Untouched prefixes of an atom.
    pub(super) fn free(&self, atom: usize) -> Vec<Prefix> {
        self.idle(atom, 0)
    }

    /// Prefixes of an atom to which nothing happens since a moment.
    pub(super) fn idle(&self, atom: usize, since: u32) -> Vec<Prefix> {
        let prefix =
            |&place: &u32| self.scene.announced.prefixes[place as usize].0;
        let is_free = |prefix: &Prefix| {
            self.busy.get(prefix).is_none_or(|&until| until < since)
        };
        self.places[atom].iter().map(prefix).filter(is_free).collect()
    }

    /// Takes prefixes for ever.
    pub(super) fn take(&mut self, prefixes: &[Prefix]) {
        self.take_until(prefixes, EVER);
    }

    pub(super) fn take_until(&mut self, prefixes: &[Prefix], until: u32) {
        self.busy.extend(prefixes.iter().map(|&prefix| (prefix, until)));
    }

    /// Atoms whose only origin is this network.
    pub(super) fn atoms_of(&self, origin: u32) -> Vec<usize> {
        self.atoms[origin as usize].clone()
    }

    /// Lets an atom go out, perhaps with more offers, and looks at the vantages.
    pub(super) fn view(
        &mut self,
        atom: &Atom,
        more: &[Offer],
        how: Circumstances<'_>,
    ) -> View {
        let offers = [atom.offers.as_slice(), more].concat();
        let propagation = match more {
            [] => &mut self.heard,
            _ => &mut self.propagation,
        };
        propagation.run(&atom.origins, &offers, how);
        View::of(propagation, &self.scene.vantages)
    }

    /// The view of something that a network announces to all its neighbours.
    pub(super) fn announced_by(&mut self, origin: u32) -> View {
        let atom = Atom::of(&self.scene.graph, &[origin], Manner::Plain);
        self.view(&atom, &[], Circumstances::default())
    }

    /// Some prefixes look like this from a moment to another, or to the end.
    pub(super) fn show(
        &mut self,
        prefixes: &[Prefix],
        shown: Shown,
        (from, to): (u32, Option<u32>),
    ) {
        let prefixes: std::rc::Rc<[Prefix]> = prefixes.into();
        let same = std::rc::Rc::clone(&prefixes);
        self.plot.changes.push(Change { at: from, prefixes, now: Some(shown) });
        if let Some(at) = to {
            self.plot.changes.push(Change { at, prefixes: same, now: None });
        }
    }

    /// A stretch of so many seconds within the story, not at its very edges.
    pub(super) fn stretch(&mut self, seconds: u32) -> Option<(u32, u32)> {
        const EDGE: u32 = 1_800;
        let room = (self.to - self.from).checked_sub(seconds + 2 * EDGE)?;
        let from = self.from + EDGE + self.random.below(room + 1);
        Some((from, from + seconds))
    }

    /// A part of a network's own space that nobody announces, inside a prefix
    /// of it that is announced, with the announced one.
    pub(super) fn unannounced(
        &mut self,
        owner: u32,
        len: u8,
    ) -> Option<Prefix> {
        let blocks: Vec<(u32, u8)> = self.scene.network(owner).v4().collect();
        for _ in 0..40 {
            if blocks.is_empty() {
                return None;
            }
            let (bits, block) = *self.random.pick(&blocks);
            if block >= len {
                continue;
            }
            let at = self.random.below(1 << (len - block).min(24));
            let part = Prefix::V4(bits | at << (32 - len), len);
            if self.owner_of(part) == Some(owner)
                && !self.busy.contains_key(&part)
            {
                return Some(part);
            }
        }
        None
    }

    /// Who alone announces the longest prefix around this one, which is not
    /// announced itself.
    fn owner_of(&self, part: Prefix) -> Option<u32> {
        let Prefix::V4(bits, len) = part else { return None };
        let at = |len: u8| {
            let mask = asgard_model::prefix::mask4(len);
            self.scene.announced.find(Prefix::V4(bits & mask, len))
        };
        if at(len).is_some() {
            return None;
        }
        let place = (8..len).rev().find_map(at)?;
        let (_, atom) = self.scene.announced.prefixes[place];
        match self.scene.announced.atoms[atom as usize].origins[..] {
            [origin] => Some(origin),
            _ => None,
        }
    }
}
