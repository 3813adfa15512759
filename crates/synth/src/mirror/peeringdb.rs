//! `peeringdb/asn_network_types_DATE.csv.gz`: who has a profile, and which
//! type of network it states; `peeringdb/net-DATE.json.gz`: the profiles, in
//! the form of the API (<https://www.peeringdb.com/apidocs/>).

use std::fmt::Write;

use serde_json::json;

use crate::{
    network::{Network, Trade},
    random::Random,
    world::World,
};

use super::{Files, NOTICE, pack::field, pack::gz, stamp};

pub(super) fn render(world: &World, files: &mut Files) {
    let date = stamp(world.plan.as_of);
    files.insert(
        format!("peeringdb/asn_network_types_{date}.csv.gz"),
        gz(&types(world)),
    );
    files.insert(format!("peeringdb/net-{date}.json.gz"), gz(&objects(world)));
}

fn listed(world: &World) -> impl Iterator<Item = &Network> {
    world.networks.iter().filter(|network| network.peeringdb)
}

fn name(network: &Network) -> &str {
    match network.company.as_str() {
        "" => &network.handle,
        company => company,
    }
}

fn types(world: &World) -> String {
    let mut text = "asn,network_type,network_name\n".to_owned();
    for network in listed(world) {
        let (_, kind, _) = network.trade.labels();
        let name = field(name(network));
        let _ = writeln!(text, "{},{kind},{name}", network.asn.0);
    }
    text
}

/// One page with everything; one object a line.
fn objects(world: &World) -> String {
    let mut random = Random::stream(world.plan.seed, "peeringdb");
    let objects: Vec<String> = listed(world)
        .zip(1u32..)
        .map(|(network, id)| object(network, id, &mut random))
        .collect();
    let meta = json!({ "generated": NOTICE });
    format!("{{\"data\":[\n{}\n],\"meta\":{meta}}}\n", objects.join(",\n"))
}

fn object(network: &Network, id: u32, random: &mut Random) -> String {
    let website = match network.domain.as_str() {
        "" => String::new(),
        domain => format!("https://{domain}"),
    };
    let (_, kind, _) = network.trade.labels();
    let (exchanges, facilities) = presence(network.trade, random);
    json!({
        "id": id,
        "asn": network.asn.0,
        "name": name(network),
        "website": website,
        "info_type": kind,
        "info_scope": "Not Disclosed",
        "policy_general": policy(network.trade),
        "ix_count": exchanges,
        "fac_count": facilities,
        "status": "ok",
    })
    .to_string()
}

/// Exchanges and facilities.
fn presence(trade: Trade, random: &mut Random) -> (u32, u32) {
    let (exchanges, facilities) = match trade {
        Trade::Cloud => (200, 150),
        Trade::Tier1 | Trade::Content => (40, 60),
        Trade::Transit => (20, 30),
        Trade::Access | Trade::Hoster => (4, 6),
        _ => (2, 2),
    };
    (random.below(exchanges), random.below(facilities))
}

fn policy(trade: Trade) -> &'static str {
    match trade {
        Trade::Tier1 => "Restrictive",
        Trade::Transit | Trade::Cloud => "Selective",
        _ => "Open",
    }
}
