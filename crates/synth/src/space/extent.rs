//! How much space a network of each trade has, and how it cuts it up.

use asgard_model::Prefix;

use crate::{
    network::{Network, Plant, Trade},
    random::Random,
};

/// Per thousand of such networks that have IPv6.
pub(super) fn v6_share(network: &Network) -> u32 {
    match (network.is_dark(), network.trade) {
        (true, _) => 0,
        (_, Trade::Tier1 | Trade::Transit | Trade::Cloud) => 1_000,
        (_, Trade::Stub) => 250,
        _ => 700,
    }
}

/// Lengths of the IPv4 blocks; eyeballs follow a power law.
pub(super) fn lengths(network: &Network, random: &mut Random) -> Vec<u8> {
    let planted: &[u8] = match network.plant {
        Plant::Bulletproof { rank } => {
            [&[24][..], &[24, 24], &[23, 24], &[22]][rank % 4]
        }
        Plant::High | Plant::Squatter => &[22],
        Plant::Medium => &[21],
        Plant::Victim => &[18],
        Plant::Newcomer | Plant::Delisted => &[23],
        Plant::Scanner => &[24, 24],
        Plant::Relay | Plant::Resolver => &[24],
        Plant::Ordinary | Plant::Dormant => &[],
    };
    if planted.is_empty() {
        by_trade(network.trade, random)
    } else {
        planted.to_vec()
    }
}

fn by_trade(trade: Trade, random: &mut Random) -> Vec<u8> {
    let (count, low, high) = match trade {
        Trade::Tier1 => (3, 12, 16),
        Trade::Transit => (random.between(1, 3), 15, 19),
        Trade::Access => return access(random),
        Trade::Cloud => (3, 13, 16),
        Trade::Content => (random.between(1, 3), 18, 21),
        Trade::University => (1, 16, 19),
        Trade::Hoster => (random.between(1, 3), 20, 22),
        _ => (1, 22, 24),
    };
    (0..count).map(|_| random.len(low, high)).collect()
}

fn access(random: &mut Random) -> Vec<u8> {
    let mut len = 18;
    while len > 11 && random.chance(550) {
        len -= 1;
    }
    let rest = (0..random.between(0, 3)).map(|_| random.len(len + 1, 20));
    std::iter::once(len).chain(rest).collect()
}

/// How many more-specifics of a block are announced beside it.
pub(super) fn parts(
    network: &Network,
    block: Prefix,
    random: &mut Random,
) -> u32 {
    let most = match (network.plant, network.trade) {
        (Plant::Ordinary, Trade::Tier1 | Trade::Cloud) => 12,
        (Plant::Ordinary, Trade::Transit) => 6,
        (Plant::Ordinary, Trade::Access) => {
            2 + 4 * u32::from(20u8.saturating_sub(block.len()))
        }
        (Plant::Ordinary, Trade::Content | Trade::Hoster) => 4,
        (Plant::Ordinary | Plant::Victim, Trade::University) => 3,
        _ => 0,
    };
    random.between(most / 3, most)
}
