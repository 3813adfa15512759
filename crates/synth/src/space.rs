//! Who holds and who announces what: blocks by trade, more-specifics, space
//! leased to customers, and prefixes with two origins.

mod extent;

use std::collections::{BTreeMap, BTreeSet};

use asgard_model::{Prefix, prefix::mask4};

use crate::{
    Plan,
    address::{Pool, Register, is_dark},
    network::{Network, Plant, Trade},
    random::Random,
    topology::Links,
};

/// One announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) prefix: Prefix,
    /// Index of the network that announces it.
    pub(crate) origin: usize,
    /// Index of the network that was given the space.
    pub(crate) holder: usize,
    pub(crate) form: Form,
}

/// Why a route exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A block of the origin itself.
    Block,
    /// A part of it, announced beside it.
    Part,
    /// A part of the holder's block, leased to the origin.
    Leased,
    /// The same prefix by the holder's provider (MOAS).
    SecondOrigin,
    /// The same prefix by another network of the holder's organisation, for
    /// which nobody made a ROA.
    Kin,
    /// A part of a stranger's block.
    Squatted,
}

/// All announcements.
pub(crate) struct Table {
    /// By prefix, then in the order of their making.
    pub(crate) routes: Vec<Route>,
    by_prefix: BTreeMap<Prefix, Vec<usize>>,
}

impl Table {
    fn new(mut routes: Vec<Route>) -> Self {
        routes.sort_by_key(|route| route.prefix);
        let mut by_prefix: BTreeMap<Prefix, Vec<usize>> = BTreeMap::new();
        for route in &routes {
            by_prefix.entry(route.prefix).or_default().push(route.origin);
        }
        Self { routes, by_prefix }
    }

    /// With more announcements.
    pub(crate) fn grown(self, more: Vec<Route>) -> Self {
        let mut routes = self.routes;
        routes.extend(more);
        Self::new(routes)
    }

    /// Indices of the origins of a prefix; none if nobody announces it.
    pub(crate) fn announcers(&self, prefix: Prefix) -> &[usize] {
        self.by_prefix.get(&prefix).map_or(&[], Vec::as_slice)
    }

    /// Indices of the origins of the longest match.
    pub(crate) fn origins(&self, address: u32) -> &[usize] {
        let at = |len| Prefix::V4(address & mask4(len), len);
        let longest = (8..=24).rev().find_map(|l| self.by_prefix.get(&at(l)));
        longest.map_or(&[], Vec::as_slice)
    }
}

/// Gives every network its blocks, and announces them.
pub(crate) fn settle(
    plan: &Plan,
    networks: &mut [Network],
    links: &Links,
) -> Table {
    let taken = networks.iter().flat_map(|n| n.blocks.clone()).collect();
    let mut settler = Settler {
        register: Register::new(taken),
        random: Random::stream(plan.seed, "space"),
        routes: Vec::new(),
        leases: BTreeMap::new(),
        landlords: BTreeMap::new(),
    };
    let tenants = tenants(networks);
    for network in networks.iter_mut() {
        if network.blocks.is_empty() && network.is_routed() {
            settler.give(network);
        }
    }
    for &tenant in &tenants {
        settler.lease(tenant, networks, links);
    }
    settler.announce(networks, links);
    Table::new(settler.routes)
}

/// Every sixth ordinary stub, and a third of the bulletproof hosters, live in
/// space of their provider.
fn tenants(networks: &[Network]) -> Vec<usize> {
    let plant = |index: &usize| networks[*index].plant;
    let stubs = stubs(networks).skip(1).step_by(6);
    let hosters = (0..networks.len()).filter(|i| plant(i).is_tenant());
    stubs.chain(hosters).collect()
}

fn stubs(networks: &[Network]) -> impl Iterator<Item = usize> {
    (0..networks.len()).filter(|&index| {
        let Network { trade, plant, .. } = networks[index];
        trade == Trade::Stub && plant == Plant::Ordinary
    })
}

struct Settler {
    register: Register,
    random: Random,
    routes: Vec<Route>,
    /// Leased /24s by provider, counted from the end of its block.
    leases: BTreeMap<usize, u32>,
    /// Provider by tenant.
    landlords: BTreeMap<usize, usize>,
}

impl Settler {
    fn give(&mut self, network: &mut Network) {
        let pool = match network.is_dark() {
            true => Pool::Dark,
            false => Pool::Of(network.rir),
        };
        for len in extent::lengths(network, &mut self.random) {
            let block = self.register.v4(pool, len, &mut self.random);
            network.blocks.extend(block);
        }
        if self.random.chance(extent::v6_share(network)) {
            let len = match network.trade {
                Trade::Tier1 | Trade::Cloud => 29,
                Trade::Stub | Trade::Hoster => 48,
                _ => 32,
            };
            let block = self.register.v6(network.rir, len, &mut self.random);
            network.blocks.extend(block);
        }
    }

    /// Replaces the tenant's IPv4 blocks by a /24 or two of its provider's. A
    /// bad tenant's provider first gets a block in space that nobody announces.
    fn lease(
        &mut self,
        tenant: usize,
        networks: &mut [Network],
        links: &Links,
    ) {
        let Some(provider) = links.providers(tenant).next() else { return };
        if networks[tenant].is_dark() && !has_dark(&networks[provider]) {
            let block = self.register.v4(Pool::Dark, 18, &mut self.random);
            networks[provider].blocks.splice(0..0, block);
            self.leases.remove(&provider);
        }
        let count = self.random.between(1, 2);
        let Some((bits, len)) = networks[provider].v4().next() else { return };
        let used = self.leases.entry(provider).or_default();
        let quarter = (1u32 << 24u8.saturating_sub(len)) / 4;
        if *used + count > quarter {
            return;
        }
        let first = (bits | !mask4(len)) - ((*used + count) << 8) + 1;
        *used += count;
        self.landlords.insert(tenant, provider);
        let blocks = &mut networks[tenant].blocks;
        blocks.retain(|block| !block.is_v4());
        blocks.extend((0..count).map(|n| Prefix::V4(first + (n << 8), 24)));
    }

    fn announce(&mut self, networks: &[Network], links: &Links) {
        for (index, network) in networks.iter().enumerate() {
            for &block in &network.blocks {
                match self.landlords.get(&index) {
                    Some(&holder) if block.is_v4() => {
                        self.route(block, index, holder, Form::Leased);
                    }
                    _ => self.route(block, index, index, Form::Block),
                }
            }
            self.parts(index, network);
        }
        self.squat(networks, links);
        // Every 60th stub is multihomed in the old way: MOAS.
        for stub in stubs(networks).skip(4).step_by(60) {
            let block = networks[stub].blocks.first();
            let provider = links.providers(stub).next();
            if let (Some(&block), Some(provider)) = (block, provider) {
                self.route(block, provider, stub, Form::SecondOrigin);
            }
        }
    }

    fn route(
        &mut self,
        prefix: Prefix,
        origin: usize,
        holder: usize,
        form: Form,
    ) {
        self.routes.push(Route { prefix, origin, holder, form });
    }

    /// A /24 behind the middle of a block: own parts lie before it, and leases
    /// grow from the end.
    fn squat(&mut self, networks: &[Network], links: &Links) {
        let squats = |i: &usize| networks[*i].plant == Plant::Squatter;
        let is_transit = |i: &usize| networks[*i].trade == Trade::Transit;
        let mut robbed = BTreeSet::new();
        for squatter in (0..networks.len()).filter(squats) {
            let mut transits = (0..networks.len()).filter(is_transit);
            let stranger = transits.find(|&i| {
                !has_dark(&networks[i])
                    && links.providers(squatter).all(|p| p != i)
                    && !robbed.contains(&i)
            });
            let Some(stranger) = stranger else { continue };
            if let Some((bits, len)) = networks[stranger].v4().next() {
                robbed.insert(stranger);
                let prefix = Prefix::V4(bits | 5 << (29 - len), 24);
                self.route(prefix, squatter, stranger, Form::Squatted);
            }
        }
    }

    /// Own more-specifics, in the first half of a block: leases grow from its
    /// end.
    fn parts(&mut self, index: usize, network: &Network) {
        let mut seen = Vec::new();
        for &block in &network.blocks {
            for _ in 0..extent::parts(network, block, &mut self.random) {
                let Some(part) = self.part(block) else { continue };
                if !seen.contains(&part) {
                    seen.push(part);
                    self.route(part, index, index, Form::Part);
                }
            }
        }
    }

    fn part(&mut self, block: Prefix) -> Option<Prefix> {
        match block {
            Prefix::V4(bits, len) if len <= 22 => {
                let wanted = self.random.len(20.max(len + 2), 24);
                let choices = 1u32 << (wanted - len - 1);
                let at = self.random.below(choices);
                Some(Prefix::V4(bits | at << (32 - wanted), wanted))
            }
            Prefix::V6(bits, ..=36) => {
                let at = u128::from(self.random.below(128));
                Some(Prefix::V6(bits | at << 80, 48))
            }
            _ => None,
        }
    }
}

fn has_dark(network: &Network) -> bool {
    network.v4().any(|(bits, _)| is_dark(bits))
}
