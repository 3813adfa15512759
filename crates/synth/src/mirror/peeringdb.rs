//! `peeringdb/asn_network_types_DATE.csv.gz`: who has a profile, and which
//! type of network it states.

use std::fmt::Write;

use crate::world::World;

use super::{Files, pack::field, pack::gz, stamp};

pub(super) fn render(world: &World, files: &mut Files) {
    let mut text = "asn,network_type,network_name\n".to_owned();
    for network in world.networks.iter().filter(|n| n.peeringdb) {
        let (_, kind, _) = network.trade.labels();
        let name = match network.company.as_str() {
            "" => &network.handle,
            company => company,
        };
        let _ = writeln!(text, "{},{kind},{}", network.asn.0, field(name));
    }
    let date = stamp(world.plan.as_of);
    let path = format!("peeringdb/asn_network_types_{date}.csv.gz");
    files.insert(path, gz(&text));
}
