//! Who exists: the famous, the planted, and the rest of an Internet in its
//! usual proportions. Space and neighbours come later.

use asgard_model::{Asn, Day};

use crate::{
    Plan, famous,
    invented::Inventor,
    network::{Network, Plant, Trade},
    random::Random,
};

/// First number of invented networks; IANA has given out none from here to the
/// private ones ("Autonomous System (AS) Numbers", August 2026).
const FIRST_INVENTED: u32 = 500_000;

/// All networks, the famous ones first, then by number.
pub(crate) fn networks(plan: &Plan) -> Vec<Network> {
    let mut random = Random::stream(plan.seed, "roster");
    let mut inventor = Inventor::new(plan.seed);
    let mut jobs = planted(plan);
    jobs.extend(ordinary(plan.size() - famous::COUNT - jobs.len()));
    random.shuffle(&mut jobs);
    let mut networks = famous::networks();
    let mut number = FIRST_INVENTED;
    for (trade, plant) in jobs {
        number += random.between(1, 90);
        let network =
            invent(plan, number, (trade, plant), &mut inventor, &mut random);
        networks.push(network);
    }
    networks
}

fn planted(plan: &Plan) -> Vec<(Trade, Plant)> {
    let mut jobs: Vec<(Trade, Plant)> = (famous::BULLETPROOF.len()
        ..plan.share(166, 4))
        .map(|rank| (Trade::Hoster, Plant::Bulletproof { rank }))
        .collect();
    for (count, trade, plant) in [
        (plan.share(250, 1), Trade::Hoster, Plant::High),
        (plan.share(280, 1), Trade::Hoster, Plant::Medium),
        (plan.share(200, 1), Trade::University, Plant::Victim),
        (plan.share(600, 1), Trade::Stub, Plant::Newcomer),
        (plan.share(500, 1), Trade::Stub, Plant::Dormant),
        (plan.share(700, 1), Trade::Hoster, Plant::Squatter),
        (1, Trade::Stub, Plant::Scanner),
        (1, Trade::NonProfit, Plant::Relay),
        (1, Trade::NonProfit, Plant::Resolver),
        (1, Trade::Hoster, Plant::Delisted),
        (plan.share(280, 1).min(7), Trade::Tier1, Plant::Ordinary),
    ] {
        jobs.extend(std::iter::repeat_n((trade, plant), count));
    }
    jobs
}

/// Trades in the proportions of real registrations, by rounding down; what is
/// left over are stubs.
fn ordinary(count: usize) -> Vec<(Trade, Plant)> {
    let shares = [
        (Trade::Transit, 30, 4),
        (Trade::Access, 130, 5),
        (Trade::Cloud, 8, 1),
        (Trade::Content, 25, 1),
        (Trade::University, 80, 2),
        (Trade::Hoster, 110, 3),
    ];
    let mut jobs = Vec::with_capacity(count);
    for (trade, per_thousand, least) in shares {
        let share = (count * per_thousand / 1_000).max(least);
        jobs.extend(std::iter::repeat_n((trade, Plant::Ordinary), share));
    }
    jobs.resize(count, (Trade::Stub, Plant::Ordinary));
    jobs
}

fn invent(
    plan: &Plan,
    number: u32,
    (trade, plant): (Trade, Plant),
    inventor: &mut Inventor,
    random: &mut Random,
) -> Network {
    let word = inventor.word();
    let (rir, country) = inventor.seat();
    Network {
        asn: Asn(number),
        handle: format!("{}-DEMO", word.to_uppercase()),
        company: inventor.company(&word, trade),
        domain: format!("{word}.example"),
        rir,
        country,
        registered: registered(plan, plant, random),
        trade,
        plant,
        peeringdb: random.chance(in_peeringdb(trade, plant)),
        signed: random.chance(signs(trade, plant)),
        blocks: Vec::new(),
    }
}

fn registered(plan: &Plan, plant: Plant, random: &mut Random) -> Day {
    match plant {
        Plant::Newcomer => plan.back(random.days(4, 20)),
        // At least two years old, so that the year alone says "not new".
        _ => plan.back(random.days(750, 9_000)),
    }
}

/// Per thousand of the trade that have a profile.
fn in_peeringdb(trade: Trade, plant: Plant) -> u32 {
    match (trade, plant) {
        (_, Plant::Bulletproof { .. } | Plant::Dormant | Plant::Newcomer) => 0,
        (Trade::Tier1 | Trade::Transit | Trade::Cloud, _) => 980,
        (Trade::Content, _) => 900,
        (Trade::Access | Trade::NonProfit, _) => 700,
        (Trade::University | Trade::Hoster, _) => 450,
        _ => 150,
    }
}

/// Per thousand of the trade whose blocks have ROAs.
fn signs(trade: Trade, plant: Plant) -> u32 {
    match (trade, plant) {
        (_, Plant::Newcomer) => 0,
        (_, Plant::Bulletproof { .. }) => 300,
        (Trade::Tier1 | Trade::Transit | Trade::Cloud, _) => 1_000,
        (Trade::Content | Trade::Access, _) => 750,
        (Trade::University, _) => 450,
        _ => 600,
    }
}
