//! `names/as-info-DATE.csv.gz`, and the registries' own statistics
//! `names/delegated-RIR-extended-DATE.txt.gz`, which alone tell the day of a
//! delegation (<https://www.apnic.net/about-apnic/corporate-documents/documents/resource-guidelines/rir-statistics-exchange-format/>).

use std::fmt::Write;

use asgard_model::{Day, Prefix, Rir};

use crate::{
    network::{Network, Trade},
    random::Random,
    world::World,
};

use super::{Files, NOTICE, pack::field, pack::gz, stamp};

pub(super) fn render(world: &World, files: &mut Files) {
    let date = stamp(world.plan.as_of);
    files.insert(
        format!("names/as-info-{date}.csv.gz"),
        gz(&information(world)),
    );
    for (rir, _, name) in Rir::VALUES {
        files.insert(
            format!("names/delegated-{name}-extended-{date}.txt.gz"),
            gz(&delegated(world, rir)),
        );
    }
}

/// The name in files (`ripencc`) of the name in the API (`RIPE`).
pub(super) fn registry(api: &str) -> &'static str {
    let found = Rir::VALUES.iter().find(|(_, name, _)| *name == api);
    found.map_or("", |(.., file)| *file)
}

fn information(world: &World) -> String {
    let mut text = "asn,handle,company,rir,country,since,category,tier,cone,\
                    ixps,scope,domain_or_site,users\n"
        .to_owned();
    let mut random = Random::stream(world.plan.seed, "as-info");
    let cones = world.links.cones(world.networks.len());
    let mut order: Vec<usize> = (0..world.networks.len()).collect();
    order.sort_by_key(|&index| world.networks[index].asn);
    for index in order {
        let network = &world.networks[index];
        let (category, _, tier) = network.trade.labels();
        let known = network.trade != Trade::Internal;
        let rir = if known { registry(network.rir.as_str()) } else { "" };
        let _ = writeln!(
            text,
            "{},{},{},{rir},{},{},{category},{tier},{},{},{},{},{}",
            network.asn.0,
            field(&network.handle),
            field(&network.company),
            network.country,
            year(network.registered),
            cones[index],
            exchanges(network, &mut random),
            scope(network),
            network.domain,
            users(network),
        );
    }
    text
}

/// The year of delegation; 0 when nobody knows.
fn year(day: Day) -> u16 {
    if day == Day::default() { 0 } else { day.month() / 12 }
}

fn exchanges(network: &Network, random: &mut Random) -> u32 {
    match network.trade {
        Trade::Cloud => random.between(20, 200),
        Trade::Tier1 | Trade::Content => random.between(2, 40),
        Trade::Transit => random.between(1, 20),
        Trade::Access | Trade::Hoster => random.below(4),
        _ => 0,
    }
}

fn scope(network: &Network) -> &'static str {
    match (network.trade, network.rir) {
        (Trade::Tier1 | Trade::Cloud, _) => "Global",
        (Trade::Stub | Trade::Internal, _) => "",
        (_, Rir::Ripe) => "Europe",
        (_, Rir::Arin) => "North America",
        (_, Rir::Apnic) => "Asia Pacific",
        (_, Rir::Lacnic) => "South America",
        (_, Rir::Afrinic) => "Africa",
    }
}

/// People behind the network, from its space; empty when nobody measured.
fn users(network: &Network) -> String {
    match network.trade {
        Trade::Access => (network.slash24s() * 180).to_string(),
        Trade::University => (network.slash24s() * 25).to_string(),
        _ => String::new(),
    }
}

fn delegated(world: &World, rir: Rir) -> String {
    let date = stamp(world.plan.as_of);
    let name = registry(rir.as_str());
    let mut asns = Vec::new();
    let mut v4 = Vec::new();
    let mut v6 = Vec::new();
    for network in &world.networks {
        // Reserved numbers are in no registry's file.
        if network.rir == rir && !network.asn.is_reserved() {
            let row = |kind: &str, start: &str, size: u64| {
                delegation(network, name, kind, (start, size))
            };
            asns.push(row("asn", &network.asn.0.to_string(), 1));
            for block in own_blocks(world, network) {
                let start = block.network().to_string();
                match block {
                    Prefix::V4(_, len) => {
                        v4.push(row("ipv4", &start, 1 << (32 - len)));
                    }
                    Prefix::V6(_, len) => {
                        v6.push(row("ipv6", &start, u64::from(len)));
                    }
                }
            }
        }
    }
    let records = asns.len() + v4.len() + v6.len();
    let mut text = format!(
        "# {NOTICE}\n2|{name}|{date}|{records}|19830101|{date}|+0000\n\
         {name}|*|asn|*|{}|summary\n{name}|*|ipv4|*|{}|summary\n\
         {name}|*|ipv6|*|{}|summary\n",
        asns.len(),
        v4.len(),
        v6.len(),
    );
    text.extend([asns, v4, v6].concat());
    text
}

fn delegation(
    network: &Network,
    rir: &str,
    kind: &str,
    (start, size): (&str, u64),
) -> String {
    format!(
        "{rir}|{}|{kind}|{start}|{size}|{}|allocated|{:08x}\n",
        network.country,
        stamp(network.registered),
        network.asn.0.wrapping_mul(0x9e37_79b9),
    )
}

/// The blocks of a network without what it leases from its provider.
fn own_blocks<'a>(
    world: &'a World,
    network: &'a Network,
) -> impl Iterator<Item = Prefix> + 'a {
    let own = |block: &Prefix| {
        let routes = &world.table.routes;
        let at = routes.partition_point(|route| route.prefix < *block);
        routes
            .get(at)
            .is_none_or(|route| world.networks[route.holder].asn == network.asn)
    };
    network.blocks.iter().copied().filter(own)
}
