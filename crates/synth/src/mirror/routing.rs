//! `routing/announced-prefixes-{ipv4,ipv6}-DATE.csv.gz`: one row a (prefix,
//! origin), with its RPKI state; `cc` and `since` stay empty, as they do there.
//! `routing/geo-whois-asn-country-{ipv4,ipv6}-DATE.csv.gz`: countries of all
//! blocks that somebody holds, announced or not.

use std::{
    fmt::{Display, Write},
    net::{Ipv4Addr, Ipv6Addr},
};

use asgard_model::{CountryBuilder, CountryCode, Prefix};

use crate::world::World;

use super::{Files, pack::gz, stamp};

pub(super) fn render(world: &World, files: &mut Files) {
    for (family, is_v4) in [("ipv4", true), ("ipv6", false)] {
        let date = stamp(world.plan.as_of);
        files.insert(
            format!("routing/announced-prefixes-{family}-{date}.csv.gz"),
            gz(&table(world, is_v4)),
        );
    }
    countries(world, files);
}

/// Leased blocks are in the country of who uses them: the narrower rules.
fn countries(world: &World, files: &mut Files) {
    let mut held: Vec<(Prefix, CountryCode)> = Vec::new();
    for network in &world.networks {
        if let Ok(country) = network.country.parse() {
            held.extend(network.blocks.iter().map(|&block| (block, country)));
        }
    }
    held.sort_by_key(|&(block, _)| (std::cmp::Reverse(block.len()), block));
    let mut builder = CountryBuilder::default();
    for (block, country) in held {
        builder.add(block.network(), block.last(), country);
    }
    let space = builder.build();
    let (mut v4, mut v6) = (String::new(), String::new());
    let row =
        |text: &mut String, first: &dyn Display, last: &dyn Display, at| {
            let country = space.codes()[usize::from(at)];
            let _ = writeln!(text, "{first},{last},{country}");
        };
    for (first, last, at) in space.v4() {
        let [first, last] = [first, last].map(Ipv4Addr::from_bits);
        row(&mut v4, &first, &last, at);
    }
    for (first, last, at) in space.v6() {
        let [first, last] = [first, last].map(Ipv6Addr::from_bits);
        row(&mut v6, &first, &last, at);
    }
    let date = stamp(world.plan.as_of);
    for (family, text) in [("ipv4", v4), ("ipv6", v6)] {
        let name = format!("geo-whois-asn-country-{family}-{date}.csv.gz");
        files.insert(format!("routing/{name}"), gz(&text));
    }
}

fn table(world: &World, is_v4: bool) -> String {
    let mut text = "prefix,asn,rpki,roas,rir,cc,since\n".to_owned();
    let routes = &world.table.routes;
    for route in routes.iter().filter(|r| r.prefix.is_v4() == is_v4) {
        let origin = &world.networks[route.origin];
        let rir = world.networks[route.holder].rir.as_str();
        let (rov, roas) = world.roas.verdict(route.prefix, origin.asn);
        let _ = writeln!(
            text,
            "{},{},{},{roas},{},,",
            route.prefix,
            origin.asn.0,
            rov.as_str(),
            super::names::registry(rir),
        );
    }
    text
}
