//! `relations/DATE.as-rel.txt`: AS relationships in CAIDA's serial-1 form,
//! `provider|customer|-1` and `peer|peer|0`
//! (<https://publicdata.caida.org/datasets/as-relationships/README.txt>).

use std::fmt::Write;

use crate::{network::Trade, world::World};

use super::{Files, NOTICE, stamp};

pub(super) fn render(world: &World, files: &mut Files) {
    let date = stamp(world.plan.as_of);
    let number = |index: usize| world.networks[index].asn.0;
    let mut rows: Vec<(u32, u32, i8)> = Vec::new();
    for &(provider, customer) in &world.links.transit {
        rows.push((number(provider), number(customer), -1));
    }
    // The form knows no siblings: what looks like a peering is stated as one.
    for &(a, b) in world.links.peering.iter().chain(&world.links.siblings) {
        rows.push((number(a), number(b), 0));
    }
    rows.sort_unstable();
    let mut text = format!(
        "# {NOTICE}\n# source:topology|DEMO|{date}|asgard|synth\n\
         # input clique: {}\n# IXP ASes: \n",
        clique(world),
    );
    for (a, b, relation) in rows {
        let _ = writeln!(text, "{a}|{b}|{relation}");
    }
    files.insert(format!("relations/{date}.as-rel.txt"), text.into_bytes());
}

fn clique(world: &World) -> String {
    let members = world.networks.iter().filter(|n| n.trade == Trade::Tier1);
    let mut numbers: Vec<u32> = members.map(|n| n.asn.0).collect();
    numbers.sort_unstable();
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}
