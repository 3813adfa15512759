//! Who connects to whom: a clique at the top, providers chosen by popularity
//! and by region, peerings of those who are everywhere.
//!
//! Providers always come from a higher layer, or earlier in their own, so no
//! network is its own provider's provider.

use std::collections::BTreeSet;

use crate::{
    Plan, famous,
    network::{Network, Plant, Trade},
    random::Random,
};

/// All connections, by index into the networks.
#[derive(Default)]
pub(crate) struct Links {
    /// (provider, customer).
    pub(crate) transit: Vec<(usize, usize)>,
    /// (peer, peer).
    pub(crate) peering: Vec<(usize, usize)>,
    /// (sibling, sibling): one organisation, which exchanges everything.
    pub(crate) siblings: Vec<(usize, usize)>,
    known: BTreeSet<(usize, usize)>,
}

impl Links {
    pub(crate) fn of(plan: &Plan, networks: &[Network]) -> Self {
        let mut builder = Builder {
            networks,
            thinning: u32::try_from(plan.size() / DENSE).unwrap_or(1).max(1),
            random: Random::stream(plan.seed, "links"),
            links: Self::default(),
            urn: Vec::new(),
        };
        builder.build();
        builder.links
    }

    /// Providers of one network.
    pub(crate) fn providers(
        &self,
        customer: usize,
    ) -> impl Iterator<Item = usize> {
        let own = move |pair: &&(usize, usize)| pair.1 == customer;
        self.transit.iter().filter(own).map(|&(provider, _)| provider)
    }

    /// Sizes of all customer cones, the network itself included.
    pub(crate) fn cones(&self, networks: usize) -> Vec<usize> {
        let mut customers = vec![Vec::new(); networks];
        for &(provider, customer) in &self.transit {
            customers[provider].push(customer);
        }
        (0..networks).map(|root| cone(root, &customers)).collect()
    }

    /// Connects two networks of one organisation, if they are not connected.
    pub(crate) fn join(&mut self, a: usize, b: usize) -> bool {
        let is_new = self.is_new(a, b);
        if is_new {
            self.siblings.push((a, b));
        }
        is_new
    }

    fn is_new(&mut self, a: usize, b: usize) -> bool {
        a != b && self.known.insert((a.min(b), a.max(b)))
    }
}

fn cone(root: usize, customers: &[Vec<usize>]) -> usize {
    let mut seen = BTreeSet::from([root]);
    let mut queue = vec![root];
    while let Some(network) = queue.pop() {
        queue.extend(customers[network].iter().filter(|c| seen.insert(**c)));
    }
    seen.len()
}

/// Above so many networks, not everybody can peer with a share of all others.
const DENSE: usize = 6_000;

struct Builder<'a> {
    networks: &'a [Network],
    /// Peerings are this much rarer than in a small world.
    thinning: u32,
    random: Random,
    links: Links,
    /// Transit and access networks, once and once more for each customer.
    urn: Vec<usize>,
}

impl Builder<'_> {
    fn build(&mut self) {
        let clique = self.of_trade(Trade::Tier1);
        for (position, &a) in clique.iter().enumerate() {
            clique[..position].iter().for_each(|&b| self.peer(a, b));
        }
        self.transits(&clique);
        self.access(&clique);
        self.content(&clique);
        self.edge();
    }

    fn transits(&mut self, clique: &[usize]) {
        let transits = self.of_trade(Trade::Transit);
        for (position, &transit) in transits.iter().enumerate() {
            for _ in 0..self.random.between(2, 3) {
                let provider = *self.random.pick(clique);
                self.provide(provider, transit);
            }
            for &other in &transits[..position] {
                if self.random.chance(150 / self.thinning) {
                    self.peer(other, transit);
                }
            }
        }
        self.urn.clone_from(&transits);
    }

    fn access(&mut self, clique: &[usize]) {
        let access = self.of_trade(Trade::Access);
        for &network in &access {
            for _ in 0..self.random.between(1, 3) {
                let provider = if self.random.chance(150) {
                    *self.random.pick(clique)
                } else {
                    self.popular(network)
                };
                self.provide(provider, network);
            }
        }
        self.urn.extend(access);
    }

    /// Clouds and content buy from the clique and peer with the eyeballs; the
    /// smaller networks of one famous family buy from its largest.
    fn content(&mut self, clique: &[usize]) {
        let access = self.of_trade(Trade::Access);
        let google = self.index(famous::GOOGLE);
        for network in self.of_trades(&[Trade::Cloud, Trade::Content]) {
            let family = self.networks[network].domain.contains("google");
            if family && network != google {
                self.links.transit.push((google, network));
                self.links.known.insert((google, network));
                continue;
            }
            for _ in 0..2 {
                let provider = *self.random.pick(clique);
                self.provide(provider, network);
            }
            let share = if self.is_cloud(network) { 400 } else { 60 };
            for &eyeballs in &access {
                if self.random.chance(share / self.thinning) {
                    self.peer(network, eyeballs);
                }
            }
        }
    }

    fn edge(&mut self) {
        for network in 0..self.networks.len() {
            let Network { trade, plant, .. } = self.networks[network];
            let buys = matches!(
                trade,
                Trade::University
                    | Trade::Hoster
                    | Trade::NonProfit
                    | Trade::Stub
            );
            if buys && plant != Plant::Dormant {
                for _ in 0..self.random.between(1, 2) {
                    let provider = self.popular(network);
                    self.provide(provider, network);
                }
            }
        }
    }

    /// A provider drawn by its number of customers, from the same registry if
    /// a few draws give one. Hosters of the worst kind buy transit only.
    fn popular(&mut self, customer: usize) -> usize {
        let rir = self.networks[customer].rir;
        let dark = self.networks[customer].is_dark();
        let mut provider = *self.random.pick(&self.urn);
        for _ in 0..6 {
            let candidate = &self.networks[provider];
            let suits = candidate.trade == Trade::Transit || !dark;
            if candidate.rir == rir && suits {
                break;
            }
            provider = *self.random.pick(&self.urn);
        }
        provider
    }

    fn provide(&mut self, provider: usize, customer: usize) {
        if self.links.is_new(provider, customer) {
            self.links.transit.push((provider, customer));
            if self.networks[provider].trade != Trade::Tier1 {
                self.urn.push(provider);
            }
        }
    }

    fn peer(&mut self, a: usize, b: usize) {
        if self.links.is_new(a, b) {
            self.links.peering.push((a, b));
        }
    }

    fn of_trade(&self, trade: Trade) -> Vec<usize> {
        self.of_trades(&[trade])
    }

    fn of_trades(&self, trades: &[Trade]) -> Vec<usize> {
        let suits =
            |index: &usize| trades.contains(&self.networks[*index].trade);
        (0..self.networks.len()).filter(suits).collect()
    }

    fn is_cloud(&self, index: usize) -> bool {
        self.networks[index].trade == Trade::Cloud
    }

    fn index(&self, number: u32) -> usize {
        let found = self.networks.iter().position(|n| n.asn.0 == number);
        found.expect("the roster begins with the famous")
    }
}
