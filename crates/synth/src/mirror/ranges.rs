//! `ranges/`: what must never be blamed. Public resolvers, a crawler, a cloud,
//! a research scanner, each in the form of its publisher.

use std::{fmt::Write, net::Ipv4Addr};

use asgard_model::{Asn, Prefix};
use serde_json::{Value, json};

use crate::{
    famous,
    network::{Network, Plant},
    world::World,
};

use super::{Files, NOTICE, pack::gz, stamp};

const AMAZON: Asn = Asn(16_509);

pub(super) fn render(world: &World, files: &mut Files) {
    let date = stamp(world.plan.as_of);
    files.insert(
        format!("ranges/misp-warninglists-{date}/public-dns-v4.json.gz"),
        gz(&pretty(&resolvers(world, &date))),
    );
    files.insert(
        format!("ranges/ipranges-{date}/googlebot-ipv4.txt.gz"),
        gz(&format!("{}\n", famous::CRAWLER)),
    );
    files.insert(
        format!("ranges/cloud-ips-{date}/googlebot.json.gz"),
        gz(&pretty(&json!({
            "creationTime": format!("{}T00:00:00.000000", world.plan.as_of),
            "prefixes": [{ "ipv4Prefix": famous::CRAWLER }],
        }))),
    );
    files.insert(
        format!("ranges/cloud-ips-{date}/aws.json.gz"),
        gz(&pretty(&amazon(world))),
    );
    files.insert(
        format!("ranges/borestad-{date}/censys.ipv4"),
        scanners(world).into_bytes(),
    );
}

fn resolvers(world: &World, date: &str) -> Value {
    let addresses = world.abuse.resolvers.iter();
    let list: Vec<String> = addresses
        .map(|address| Ipv4Addr::from_bits(*address).to_string())
        .collect();
    json!({
        "description": format!("{NOTICE}: public IPv4 DNS resolvers"),
        "list": list,
        "matching_attributes": ["ip-src", "ip-dst", "domain|ip"],
        "name": "List of known IPv4 public DNS resolvers",
        "type": "cidr",
        "version": date.parse().unwrap_or(0_u32),
    })
}

fn amazon(world: &World) -> Value {
    let mut prefixes = Vec::new();
    let mut v6 = Vec::new();
    let blocks =
        world.networks.iter().filter(|n| n.asn == AMAZON).flat_map(blocks);
    for block in blocks {
        let (key, list) = if block.is_v4() {
            ("ip_prefix", &mut prefixes)
        } else {
            ("ipv6_prefix", &mut v6)
        };
        list.push(json!({
            key: block.to_string(),
            "region": "demo-1",
            "service": "AMAZON",
            "network_border_group": "demo-1",
        }));
    }
    let created = world.plan.as_of;
    json!({
        "syncToken": created.start().as_second().to_string(),
        "createDate": format!("{created}-00-00-00"),
        "prefixes": prefixes,
        "ipv6_prefixes": v6,
    })
}

fn scanners(world: &World) -> String {
    let mut text = String::new();
    let scanners = world.networks.iter().filter(|n| n.plant == Plant::Scanner);
    for block in scanners.flat_map(blocks).filter(|b| b.is_v4()) {
        let _ = writeln!(text, "{block}");
    }
    text
}

fn blocks(network: &Network) -> impl Iterator<Item = Prefix> {
    network.blocks.iter().copied()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
