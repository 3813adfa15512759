//! More announcements: real tables hold a dozen prefixes for each network,
//! most of them parts of larger blocks.

use std::collections::HashSet;

use asgard_model::Prefix;

use crate::{
    network::{Network, Plant, Trade},
    random::Random,
    space::{Form, Route, Table},
};

/// In how many rounds at most everybody gets his share.
const ROUNDS: usize = 4_000;

/// Announcements that bring a table to about `target` prefixes: parts of the
/// blocks of ordinary networks, the larger the more. Fewer if there is no more
/// space.
pub(super) fn parts(
    seed: u64,
    networks: &[Network],
    table: &Table,
    target: usize,
) -> Vec<Route> {
    let mut known: HashSet<Prefix> =
        table.routes.iter().map(|route| route.prefix).collect();
    let mut random = Random::stream(seed, "fill");
    let mut routes = Vec::new();
    for _ in 0..ROUNDS {
        let before = known.len();
        for (index, network) in networks.iter().enumerate() {
            for _ in 0..appetite(network) {
                if known.len() >= target {
                    return routes;
                }
                let Some(prefix) = part(network, &mut random) else { break };
                if known.insert(prefix) {
                    let form = Form::Part;
                    let (origin, holder) = (index, index);
                    routes.push(Route { prefix, origin, holder, form });
                }
            }
        }
        // A round in which hardly anything was new: the space is used up.
        if known.len() < before + networks.len() / 100 {
            break;
        }
    }
    routes
}

fn appetite(network: &Network) -> usize {
    match (network.plant, network.trade) {
        (Plant::Ordinary, Trade::Tier1 | Trade::Cloud) => 6,
        (Plant::Ordinary, Trade::Access) => 4,
        (Plant::Ordinary, Trade::Transit) => 3,
        (Plant::Ordinary, _) => 1,
        _ => 0,
    }
}

/// A part of one of the blocks: of its first half, for leases grow from its
/// end.
fn part(network: &Network, random: &mut Random) -> Option<Prefix> {
    if network.blocks.is_empty() {
        return None;
    }
    match *random.pick(&network.blocks) {
        Prefix::V4(bits, len) if len <= 22 => {
            let longest = if random.chance(600) { 24 } else { 23 };
            let wanted = random.len(22.max(len + 2), longest.max(len + 2));
            let at = random.below(1 << (wanted - len - 1));
            Some(Prefix::V4(bits | at << (32 - wanted), wanted))
        }
        Prefix::V6(bits, len) if len <= 36 => {
            let at = u128::from(random.below(4_096));
            Some(Prefix::V6(bits | at << 80, 48))
        }
        _ => None,
    }
}
