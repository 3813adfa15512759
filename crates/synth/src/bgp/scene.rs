//! A world in which BGP is spoken: who hears what before anything happens.

use std::collections::HashMap;

use asgard_model::{Asn, Prefix, Rir};

use super::{
    Internet,
    atom::{Announced, Manner, draw, usual},
    dressing::Dressing,
    fill,
    graph::{Graph, Lists, node},
    kin,
    view::{Vantage, View, vantages, views},
};
use crate::{
    Plan, famous,
    network::{Network, Plant, Trade},
    random::Random,
    roster,
    space::{self, Form, Route},
    topology::Links,
    world::World,
};

/// First number of networks that bear numbers for documentation in the demo:
/// nobody announces those in a world whose routes are judged.
const FIRST_RENUMBERED: u32 = 499_001;
/// First number of route servers of exchanges.
const FIRST_EXCHANGE: u32 = 499_101;

/// The world, and everybody's view of it.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) graph: Graph,
    /// Customers on the ways down to the vantages.
    pub(super) ways: Lists,
    pub(super) dressing: Dressing,
    pub(super) vantages: Vec<Vantage>,
    pub(super) announced: Announced,
    /// Of each atom.
    pub(super) views: Vec<View>,
    /// Those who repeat their number more than five times, and for what.
    pub(super) repeaters: Vec<(u32, Vec<Prefix>)>,
    /// Peers of whom the first is a provider of the second for a part of its
    /// prefixes, in some region.
    pub(super) hybrids: Vec<(u32, u32)>,
}

impl Scene {
    pub(super) fn of(options: &Internet) -> Self {
        let world = world(options);
        let graph = Graph::of(world.networks.len(), &world.links);
        let vantages =
            vantages(options.plan.seed, &world.networks, options.peers);
        let repeaters = repeaters(options, &world, &graph);
        let hybrids = hybrids(options, &world, &vantages);
        let leases = leases(&world, &graph);
        let manner = |origins: &[u32], prefix: Prefix| {
            let repeats = |(node, of): &&(u32, Vec<Prefix>)| {
                origins == [*node] && of.contains(&prefix)
            };
            let hybrid = hybrids.iter().find(|(_, b)| origins == [*b]);
            match hybrid {
                _ if repeaters.iter().any(|one| repeats(&one)) => {
                    Manner::Repeated(7 + prefix.len() % 6)
                }
                _ if leases.contains_key(&prefix) => {
                    Manner::Through(leases[&prefix])
                }
                Some(&(a, _)) if draw(prefix, 2) == 0 => {
                    Manner::PeerAsProvider(a)
                }
                _ => usual(&graph, origins, prefix),
            }
        };
        let announced = Announced::of(&graph, &world.table.routes, manner);
        let nodes: Vec<u32> = vantages.iter().map(|one| one.node).collect();
        let ways = graph.ways_to(&nodes);
        let views = views((&graph, &ways), &announced.atoms, &vantages);
        let dressing =
            Dressing::of(options.plan.seed, &world.networks, &world.links);
        Self {
            world,
            graph,
            ways,
            dressing,
            vantages,
            announced,
            views,
            repeaters,
            hybrids,
        }
    }

    /// What the vantages see of the prefix at a place of the sorted list.
    pub(super) fn view(&self, place: usize) -> &View {
        let (_, atom) = self.announced.prefixes[place];
        &self.views[atom as usize]
    }

    pub(super) fn network(&self, node: u32) -> &Network {
        &self.world.networks[node as usize]
    }

    pub(super) fn asn(&self, node: u32) -> Asn {
        self.dressing.asn(node)
    }
}

fn world(options: &Internet) -> World {
    let plan = &options.plan;
    let mut networks = roster::networks(plan);
    for number in 0..plan.share(1_250, 2) {
        networks.push(exchange(plan, number));
    }
    let mut number = FIRST_RENUMBERED;
    for network in &mut networks {
        if famous::BULLETPROOF.contains(&network.asn.0) {
            network.asn = Asn(number);
            number += 1;
        }
        if options.is_clean() && network.plant == Plant::Squatter {
            network.plant = Plant::Ordinary;
        }
    }
    let mut links = Links::of(plan, &networks);
    kin::join(plan, &mut networks, &mut links);
    let mut table = space::settle(plan, &mut networks, &links);
    let more = fill::parts(plan.seed, &networks, &table, options.prefixes);
    table = table.grown(more);
    let moas = kin::moas(&links, &table);
    table = table.grown(moas);
    World::of(plan, networks, links, table)
}

/// The route server of an exchange.
fn exchange(plan: &Plan, number: usize) -> Network {
    let asn = Asn(FIRST_EXCHANGE + node(number));
    Network {
        asn,
        handle: format!("IX{number}-DEMO"),
        company: format!("Exchange {number} Foundation"),
        domain: format!("ix{number}.example"),
        rir: Rir::Ripe,
        country: "NL",
        registered: plan.back(5_000),
        trade: Trade::Exchange,
        plant: Plant::Ordinary,
        peeringdb: true,
        signed: false,
        blocks: Vec::new(),
    }
}

/// Ordinary networks that repeat their number seven to twelve times for one to
/// three prefixes of theirs.
fn repeaters(
    options: &Internet,
    world: &World,
    graph: &Graph,
) -> Vec<(u32, Vec<Prefix>)> {
    let mut random = Random::stream(options.plan.seed, "repeaters");
    let mut own: Vec<Vec<Prefix>> = vec![Vec::new(); world.networks.len()];
    for route in &world.table.routes {
        let is_alone = world.table.announcers(route.prefix).len() == 1;
        if is_alone && own[route.origin].len() < 8 {
            own[route.origin].push(route.prefix);
        }
    }
    let suits = |&index: &usize| {
        let Network { plant, trade, .. } = world.networks[index];
        plant == Plant::Ordinary
            && matches!(trade, Trade::Access | Trade::Hoster | Trade::Stub)
            && !own[index].is_empty()
            && graph.siblings.of_node(node(index)).is_empty()
    };
    let mut found: Vec<usize> =
        (0..world.networks.len()).filter(suits).collect();
    random.shuffle(&mut found);
    found.truncate(options.events());
    let mut prefixes = |index: usize| {
        let count = random.between(1, 3) as usize;
        own[index].iter().copied().take(count).collect()
    };
    found.into_iter().map(|index| (node(index), prefixes(index))).collect()
}

/// Every so often, of two transit networks that peer.
fn hybrids(
    options: &Internet,
    world: &World,
    vantages: &[Vantage],
) -> Vec<(u32, u32)> {
    let mut random = Random::stream(options.plan.seed, "hybrids");
    let is_transit = |index: usize| {
        world.networks[index].trade == Trade::Transit
            && vantages.iter().all(|vantage| vantage.node != node(index))
    };
    let siblings = &world.links.siblings;
    let has_kin =
        |index: usize| siblings.iter().any(|&(a, b)| a == index || b == index);
    let suits = |&&(a, b): &&(usize, usize)| {
        [a, b].iter().all(|&index| is_transit(index) && !has_kin(index))
    };
    let mut pairs: Vec<(u32, u32)> = world
        .links
        .peering
        .iter()
        .filter(suits)
        .map(|&(a, b)| (node(a), node(b)))
        .collect();
    random.shuffle(&mut pairs);
    let mut chosen: Vec<(u32, u32)> = Vec::new();
    for (a, b) in pairs {
        let is_new =
            |&(c, d): &(u32, u32)| a != c && a != d && b != c && b != d;
        if chosen.len() < options.plan.size() / 500 && chosen.iter().all(is_new)
        {
            chosen.push((a, b));
        }
    }
    chosen
}

/// Space of a provider goes through that provider alone, who would not route
/// it otherwise: its position among the providers of the tenant.
fn leases(world: &World, graph: &Graph) -> HashMap<Prefix, u8> {
    let leased = world.table.routes.iter().filter(|route| {
        route.form == Form::Leased
            && world.table.announcers(route.prefix).len() == 1
    });
    let position = |route: &Route| {
        let mut providers = graph.providers.of_node(node(route.origin)).iter();
        let at = providers.position(|&one| one == node(route.holder))?;
        Some((route.prefix, u8::try_from(at).ok()?))
    };
    leased.filter_map(position).collect()
}
